import { describe, expect, test } from 'vitest';
import { hostGuard } from './known-hosts.ts';

const statusOf = (host: string, listensOn: string, ...allowedHosts: string[]) => {
  const guard = hostGuard({ host: listensOn, serverDomain: 'tt.omtrdc.net', allowedHosts });
  try {
    guard(host);
    guard(host);
    return 200;
  } catch (error) {
    return (error as { status: number }).status;
  }
};

describe('on the loopback address', () => {
  test.each([
    'localhost',
    'LocalHost.:8680',
    'demo.localhost:8680',
    '127.0.0.1:8680',
    '127.8.8.8',
    '[::1]:8680',
    'tt.omtrdc.net',
    'demo.tt.omtrdc.net',
    'mboxedge28.TT.omtrdc.net:443',
    'quiver.example',
    'QUIVER.example:1',
    'a.shop.example',
    'a.b.shop.example',
  ])('the host %s is served', (host) => {
    expect(statusOf(host, '127.0.0.1', 'quiver.example', '*.shop.example')).toBe(200);
  });

  test.each([
    'attacker.example',
    'attacker.example:8680',
    '127.0.0.1.attacker.example',
    'localhost.attacker.example',
    'xtt.omtrdc.net',
    'tt.omtrdc.net.attacker.example',
    'x.quiver.example',
    'shop.example',
    'xshop.example',
    '10.0.0.1',
    '0.0.0.0:8680',
    '[::2]',
    '127.0.0.1@attacker.example',
    'attacker.example#localhost',
    '',
    ':8680',
  ])('the host %s is refused', (host) => {
    for (const listensOn of ['127.0.0.1', '::1', 'localhost']) {
      expect(statusOf(host, listensOn, 'quiver.example', '*.shop.example')).toBe(421);
    }
  });

  test('the refusal names the flag, and shows the host only when it is a valid name', () => {
    const guard = hostGuard({ host: '::1', serverDomain: 'tt.omtrdc.net', allowedHosts: [] });
    expect(() => guard('quiver.example:1')).toThrow('--allow-host quiver.example');
    expect(() => guard('<script>')).toThrow('--allow-host <name>');
    expect(guard(null)).toBeUndefined();
  });
});

describe('on an address that other machines reach', () => {
  test('every host is served until some are configured', () => {
    expect(statusOf('attacker.example', '0.0.0.0')).toBe(200);
    expect(statusOf('attacker.example', '0.0.0.0', 'quiver.example')).toBe(421);
  });

  test.each(['quiver.example', 'localhost:1', 'demo.tt.omtrdc.net', '10.1.2.3:8680', '[2001:db8::1]'])(
    'the host %s is served beside the configured ones',
    (host) => expect(statusOf(host, '0.0.0.0', 'quiver.example')).toBe(200),
  );
});
