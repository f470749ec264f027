/**
 * Sends one message to the target of a webhook, as Standard Webhooks specifies, and only to an
 * allowed address: the name is resolved once, all its addresses are checked, and the connection
 * uses a checked address. Redirects are not followed.
 */

import { createHmac } from 'node:crypto';
import { lookup } from 'node:dns/promises';
import { request as httpRequest, type RequestOptions } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { BlockList, isIP } from 'node:net';

/** The result for a message: `ok`, or the reason for the failure. */
export interface Sent {
  readonly isOk: boolean;
  /** Undefined without a reply. */
  readonly status: number | undefined;
  readonly error: string;
}

export interface Message {
  readonly id: string;
  readonly body: string;
  /** Epoch milliseconds. */
  readonly at: number;
}

const TIMEOUT_MS = 15_000;
const SECOND = 1000;
const HOUR = 3600 * SECOND;
/** Pauses before each further attempt to deliver a message, in milliseconds. */
export const DELIVERY_PAUSES: readonly number[] = [
  5 * SECOND,
  30 * SECOND,
  120 * SECOND,
  600 * SECOND,
  1800 * SECOND,
  HOUR,
  3 * HOUR,
  6 * HOUR,
];

/** Networks that are not part of the internet (RFC 6890, and IPv6 forms that lead to IPv4). */
const PRIVATE = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
  '::/96',
  '::ffff:0:0/96',
  '64:ff9b::/96',
  '64:ff9b:1::/48',
  '100::/64',
  '2001::/23',
  '2001:db8::/32',
  '2002::/16',
  'fc00::/7',
  'fe80::/10',
  'fec0::/10',
  'ff00::/8',
];

/** A list of addresses and ranges. */
export function addressList(ranges: readonly string[]): BlockList {
  const list = new BlockList();
  for (const range of ranges) {
    const [address = '', bits] = range.split('/');
    const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
    if (bits === undefined) list.addAddress(address, family);
    else list.addSubnet(address, Number(bits), family);
  }
  return list;
}
const privateAddresses = addressList(PRIVATE);

export class WebhookTarget {
  readonly #allowed: BlockList;

  /** @param allowed private addresses and ranges that may be reached */
  constructor(allowed: readonly string[]) {
    this.#allowed = addressList(allowed);
  }

  /** Sends a message; never throws. */
  async send(url: string, secret: string, message: Message): Promise<Sent> {
    try {
      const target = new URL(url);
      const address = await this.#addressOf(target.hostname.replace(/^\[|\]$/g, ''));
      const status = await post(target, address, message, signed(secret, message));
      const isOk = status >= 200 && status < 300;
      return { isOk, status, error: isOk ? '' : `answered ${status}` };
    } catch (error) {
      return {
        isOk: false,
        status: undefined,
        error: error instanceof Error ? error.message : String(error),
      };
    }
  }

  /**
   * The address to connect to.
   * @throws Error when the name has an address that may not be reached
   */
  async #addressOf(host: string): Promise<string> {
    const addresses = isIP(host) ? [host] : (await lookup(host, { all: true })).map(({ address }) => address);
    for (const address of addresses) {
      const family = isIP(address) === 6 ? 'ipv6' : 'ipv4';
      if (privateAddresses.check(address, family) && !this.#allowed.check(address, family)) {
        throw new Error('the target has a private address, which --webhook-allow does not allow');
      }
    }
    const [first] = addresses;
    if (first === undefined) throw new Error('the target has no address');
    return first;
  }
}

/**
 * The headers of Standard Webhooks.
 * @param secret `whsec_` and base64
 */
export function signed(secret: string, { id, body, at }: Message): Record<string, string> {
  const timestamp = String(Math.floor(at / 1000));
  const key = Buffer.from(secret.replace(/^whsec_/, ''), 'base64');
  const signature = createHmac('sha256', key).update(`${id}.${timestamp}.${body}`).digest('base64');
  return { 'webhook-id': id, 'webhook-timestamp': timestamp, 'webhook-signature': `v1,${signature}` };
}

function post(
  target: URL,
  address: string,
  { body }: Message,
  headers: Readonly<Record<string, string>>,
): Promise<number> {
  const isEncrypted = target.protocol === 'https:';
  const name = target.hostname.replace(/^\[|\]$/g, '');
  const options: RequestOptions & { servername?: string } = {
    host: address,
    port: target.port === '' ? (isEncrypted ? 443 : 80) : Number(target.port),
    path: `${target.pathname}${target.search}`,
    method: 'POST',
    headers: {
      host: target.host,
      'content-type': 'application/json',
      'content-length': String(Buffer.byteLength(body)),
      'user-agent': 'Quiver',
      ...headers,
    },
    agent: false,
    ...(isEncrypted && isIP(name) === 0 && { servername: name }),
  };
  return new Promise((resolve, reject) => {
    const request = (isEncrypted ? httpsRequest : httpRequest)(options, (response) => {
      clearTimeout(timer);
      resolve(response.statusCode ?? 0);
      response.destroy();
    });
    const timer = setTimeout(() => {
      reject(new Error(`no answer within ${TIMEOUT_MS / 1000} s`));
      request.destroy();
    }, TIMEOUT_MS);
    request.on('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
    request.end(body);
  });
}
