import { describe, expect, it } from 'vitest';
import { deliveryFacts, mboxCallFacts } from './request-facts.ts';

const headers = new Headers({ 'user-agent': 'Lynx', cookie: 'a=1', 'x-other': 'not for scripts' });
const context = { channel: 'web' as const };

describe('what a Delivery request tells scripts and sessions', () => {
  it('contains page, referrer and browser of the context', () => {
    const address = { url: 'https://shop.example/?a=1', referringUrl: 'https://search.example/' };
    const facts = deliveryFacts({ context: { ...context, address, timeOffsetInMinutes: 60 } }, 's1', headers);
    expect(facts).toMatchObject({
      sessionId: 's1',
      page: address.url,
      referrer: address.referringUrl,
      userAgent: 'Lynx',
      timeOffsetInMinutes: 60,
      headers: [
        ['cookie', 'a=1'],
        ['user-agent', 'Lynx'],
      ],
    });
    const named = deliveryFacts({ context: { ...context, userAgent: 'Named' } }, 's1', headers);
    expect(named.userAgent).toBe('Named');
  });

  it('lists executed and notified mboxes, and prefetched ones separately', () => {
    const facts = deliveryFacts(
      {
        context,
        execute: { pageLoad: { parameters: { a: 1 } }, mboxes: [{ name: 'home' }] },
        prefetch: { pageLoad: {}, mboxes: [{ name: 'later' }], views: [{ name: 'cart' }] },
        notifications: [{ mbox: { name: 'seen' } }, { view: { name: 'shown' } }, { pageLoad: {} }],
      },
      's1',
      headers,
    );
    expect(facts.executed.map(({ name }) => name)).toEqual([
      'target-global-mbox',
      'home',
      'seen',
      'shown',
      'target-global-mbox',
    ]);
    expect(facts.executed[0]?.parameters).toEqual([['a', '1']]);
    expect(facts.prefetched.map(({ name }) => name)).toEqual(['target-global-mbox', 'later', 'cart']);
  });

  it('turns orders, screens and windows into parameters, and a parameter of the request takes precedence', () => {
    const order = { id: 'o-1', total: 49.5, purchasedProductIds: ['p1', 'p2'] };
    const mbox = { name: 'thanks', order, parameters: { orderTotal: '7', ['__proto__']: 'x' } };
    const facts = deliveryFacts(
      { context: { ...context, window: { width: 800 } }, execute: { mboxes: [mbox] } },
      's1',
      headers,
    );
    expect(facts.executed[0]?.parameters).toEqual([
      ['browserWidth', '800'],
      ['orderId', 'o-1'],
      ['orderTotal', '49.5'],
      ['productPurchasedId', 'p1,p2'],
      ['orderTotal', '7'],
      ['__proto__', 'x'],
    ]);
  });

  it('ignores members of a wrong type', () => {
    const odd = {
      context: { ...context, address: [], userAgent: 3, geo: 'x', mobilePlatform: { deviceType: 'tv' } },
    };
    const facts = deliveryFacts(odd, 's1', new Headers());
    expect([facts.page, facts.userAgent, facts.geo, facts.deviceType]).toEqual(Array(4).fill(undefined));
  });

  it('reads page and referrer of an older call from its parameters', () => {
    const facts = mboxCallFacts(['home'], 's1', headers, [['mboxURL', 'https://shop.example/']]);
    expect(facts).toMatchObject({
      page: 'https://shop.example/',
      executed: [{ name: 'home' }],
      prefetched: [],
    });
  });
});
