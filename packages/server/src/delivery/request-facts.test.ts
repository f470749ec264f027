import { describe, expect, it } from 'vitest';
import { deliveryFacts, mboxCallFacts } from './request-facts.ts';

const headers = new Headers({ 'user-agent': 'Lynx', cookie: 'a=1', 'x-other': 'not for scripts' });
const context = { channel: 'web' as const };

describe('what a Delivery request says for scripts and sessions', () => {
  it('has page, referrer and browser of the context', () => {
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

  it('lists what was executed and notified, and apart what was prefetched', () => {
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

  it('makes parameters of orders, screens and windows, and lets a parameter that was sent win', () => {
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

  it('takes members of a wrong type as not sent', () => {
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
