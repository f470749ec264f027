/**
 * One connection: requests arrive one after the other, and each is answered before the next one
 * begins.
 *
 * Reading has these states. Whether a request is being answered is kept apart from them.
 *
 * idle    No byte of a request has arrived. Closed when the keep-alive time is over.
 * head    Part of a head has arrived. If the rest is late, the answer is 408.
 * body    The request has been handed over while its body still arrives. Silence, or a body that
 *         takes too long in total, fails the body, so that the handler refuses it. The answer may
 *         be sent before the body is complete; the rest is then dropped, and the connection is
 *         closed when that rest takes too long.
 * whole   The request is complete. Anything after it waits, up to {@link MAX_WAITING_BYTES}, until
 *         the answer is sent and the client has received it; then the state is idle again.
 * over    Nothing is read any more. The last answer is sent, our side is closed, and further input
 *         is dropped for a moment, so that a reset does not overtake the answer (RFC 9112 section
 *         9.6).
 * closed  The socket is gone.
 *
 * Requests on one connection never overlap. So answers keep their order, no request starts before
 * an unsafe one ahead of it is done (RFC 9112 section 9.3.2), and one connection holds at most one
 * answer and one piece of input. The price is that pipelined reads wait for each other.
 *
 * Long because these states belong together and every method changes them.
 */

import { QuiverError } from '../errors.ts';
import { isLater } from '../now-or-later.ts';
import { type Answer, answerBytes, CONTINUE } from './answer.ts';
import { type BodySource, IncomingBody, IncomingHeaders, IncomingRequest } from './incoming-request.ts';
import {
  BODY_SECONDS,
  DROP_SECONDS,
  HEAD_SECONDS,
  LINGER_SECONDS,
  MAX_DROPPED_BYTES,
  MAX_HEAD_BYTES,
  MAX_WAITING_BYTES,
  REQUESTS_A_TURN,
  SILENCE_SECONDS,
} from './limits.ts';
import type { OpenConnection, OpenConnections } from './open-connections.ts';
import { RepeatedGet } from './repeated-get.ts';
import { partOfHead, readHead, refusalOf } from './request-head.ts';
import { RequestParser } from './request-parser.ts';
import type { Service, Transport } from './service.ts';
import { StreamSender } from './stream-sender.ts';

type Reading = 'idle' | 'head' | 'body' | 'whole' | 'over' | 'closed';

const NEVER = Number.POSITIVE_INFINITY;
const NOTHING = Buffer.alloc(0);

export class Connection implements OpenConnection, BodySource {
  readonly #transport: Transport;
  readonly #service: Service;
  readonly #open: OpenConnections;
  readonly #parser = new RequestParser(MAX_HEAD_BYTES);
  #reading: Reading = 'idle';
  #isAnswering = false;
  /** The current request is the last one. */
  #isLast = false;
  /** The client has not yet received everything that was sent. */
  #isBlocked = false;
  /** The client has closed its side. */
  #hasEnded = false;
  #isPaused = false;
  /** {@link #read} is running. */
  #isReading = false;
  #owesContinue = false;
  #isOld = false;
  #isHead = false;
  #body: IncomingBody | undefined;
  #waiting: Buffer<ArrayBuffer> = NOTHING;
  #dropped = 0;
  /** The second of {@link OpenConnections} at which the current state has lasted too long. */
  #deadline: number;
  #bodyDeadline = NEVER;
  #sender: StreamSender | undefined;
  readonly #repeated = new RepeatedGet();

  constructor(transport: Transport, service: Service, open: OpenConnections) {
    this.#transport = transport;
    this.#service = service;
    this.#open = open;
    this.#deadline = open.second + HEAD_SECONDS;
  }

  /** Whether it can be closed without losing anything. */
  get isIdle(): boolean {
    return this.#reading === 'idle' && !this.#isAnswering && !this.#isBlocked && this.#waiting.length === 0;
  }

  /** Bytes have arrived; the caller must not change or keep them. */
  received(chunk: Buffer<ArrayBuffer>): void {
    this.#service.arrived?.();
    if (this.#reading === 'over') this.#drop(chunk.length);
    else if (this.#reading === 'whole' || this.#waiting.length > 0) this.#keep(chunk);
    else if (this.#reading !== 'closed') {
      this.#waiting = chunk;
      this.#read();
    }
  }

  /** The client has closed its side; it may still wait for answers. */
  ended(): void {
    this.#hasEnded = true;
    if (this.#reading === 'body') {
      this.#isLast = true;
      this.#body?.fail(new Error('the client ended the connection'));
      if (!this.#isAnswering) this.cut();
    } else if (this.#reading === 'over' && !this.#isAnswering && !this.#isBlocked) {
      this.cut();
    } else {
      this.#checkEnd();
    }
  }

  /** The client has received everything that was sent. */
  drained(): void {
    if (!this.#isBlocked) return;
    this.#isBlocked = false;
    this.#deadline = this.#reading === 'body' ? this.#open.second + SILENCE_SECONDS : NEVER;
    this.#sender?.drained();
    this.#settle();
  }

  /** The socket is gone. */
  closed(): void {
    if (this.#reading === 'closed') return;
    this.#reading = 'closed';
    this.#open.remove(this);
    this.#waiting = NOTHING;
    this.#body?.fail(new Error('the connection was closed'));
    this.#sender?.close();
    this.#parser.free();
  }

  /**
   * Closes the connection if it is idle. When the listener is closing, a busy connection closes
   * itself after it has answered what has arrived.
   */
  closeIdle(): void {
    if (!this.isIdle) return;
    this.#reading = 'over';
    this.#wait(LINGER_SECONDS);
    this.#transport.close();
  }

  /** Closes the connection at once, whatever is in progress. */
  cut(): void {
    this.#transport.destroy();
    this.closed();
  }

  /** Checks the deadlines; called every second. */
  tick(second: number): void {
    if (second < this.#deadline) return;
    if (this.#reading === 'head') {
      const limit = `request: its head must arrive within ${HEAD_SECONDS} seconds`;
      this.#refuse(new QuiverError('request-timeout', limit));
    } else if (this.#reading === 'body' && this.#isAnswering && !this.#isBlocked) {
      this.#isLast = true;
      this.#deadline = NEVER;
      const limit = `body: must arrive within ${BODY_SECONDS} seconds, and not pause for ${SILENCE_SECONDS}`;
      this.#body?.fail(new QuiverError('request-timeout', limit));
    } else if (this.isIdle) {
      this.closeIdle();
    } else {
      this.cut();
    }
  }

  /** A reader waits for more of the body. */
  wanted(): void {
    if (this.#owesContinue) {
      this.#owesContinue = false;
      this.#write(CONTINUE);
    }
    this.#resume();
  }

  /** The reader of the body falls behind. */
  full(): void {
    this.#pause();
  }

  /** Reads waiting input and begins to answer it, until it is used up or has to wait. */
  #read(): void {
    this.#isReading = true;
    for (let count = 0; this.#waiting.length > 0 && this.#reading !== 'closed'; count += 1) {
      if (this.#reading === 'whole') break;
      if (this.#reading === 'over') {
        this.#drop(this.#waiting.length);
        this.#waiting = NOTHING;
        break;
      }
      if (count === REQUESTS_A_TURN) {
        setImmediate(() => this.#goOn());
        break;
      }
      const repeated = this.#reading === 'idle' ? this.#repeated.read(this.#waiting) : undefined;
      if (repeated) this.#begin(repeated);
      else this.#readSome(this.#waiting);
    }
    this.#isReading = false;
    if (this.#waiting.length > MAX_WAITING_BYTES) this.#pause();
    if (this.#hasEnded) this.#checkEnd();
  }

  /** Reads more of one request. */
  #readSome(chunk: Buffer<ArrayBuffer>): void {
    const parser = this.#parser;
    const hadHead = parser.hasHead;
    const used = parser.read(chunk);
    this.#waiting = used === chunk.length ? NOTHING : chunk.subarray(used);
    if (hadHead) {
      this.#takeBody();
    } else if (parser.hasHead || parser.isHeadTooLong || parser.error) {
      this.#readHead(used);
    } else if (this.#reading === 'idle' && /[^\r\n]/.test(parser.text)) {
      // Empty lines between two requests do not begin a request (RFC 9112 section 2.2).
      this.#reading = 'head';
      this.#wait(HEAD_SECONDS);
    }
  }

  /** Begins to answer a complete request that has no body. */
  #begin(request: IncomingRequest): void {
    this.#waiting = NOTHING;
    this.#reading = 'whole';
    this.#deadline = NEVER;
    this.#isHead = false;
    this.#answer(request);
  }

  /**
   * Begins to answer a request whose head is complete. @param used how many bytes of the last chunk
   * belong to it
   */
  #readHead(used: number): void {
    const parser = this.#parser;
    this.#repeated.forget();
    let request: IncomingRequest;
    try {
      if (!parser.hasHead) throw refusalOf(parser);
      const { method, target, headers, isOld, keepsAlive, expectsContinue } = readHead(parser);
      if (parser.error) throw refusalOf(parser);
      const hasBody = !parser.hasEnded || parser.body.length > 0;
      this.#body = hasBody ? new IncomingBody(this) : undefined;
      this.#owesContinue = expectsContinue && !parser.hasEnded && parser.body.length === 0;
      this.#isOld = isOld;
      this.#isHead = method === 'HEAD';
      this.#isLast ||= !keepsAlive;
      request = new IncomingRequest(method, target, headers, this.#body);
      const isInOnePiece = !hasBody && used === parser.text.length;
      if (isInOnePiece && !isOld && !this.#isLast) this.#repeated.remember(request, parser.text);
    } catch (refusal) {
      this.#refuse(refusal as QuiverError);
      return;
    }
    this.#isAnswering = true;
    this.#reading = 'body';
    this.#dropped = 0;
    this.#bodyDeadline = this.#open.second + BODY_SECONDS;
    this.#takeBody();
    this.#answer(request);
  }

  /** Passes on the part of the body that has arrived. */
  #takeBody(): void {
    const parser = this.#parser;
    const { body, error, hasEnded } = parser;
    if (error) {
      this.#isLast = true;
      this.#reading = 'over';
      this.#body?.fail(refusalOf(parser));
      this.#settle();
      return;
    }
    if (this.#isAnswering) {
      if (body.length > 0) this.#owesContinue = false;
      this.#body?.push(body, hasEnded);
      this.#deadline = Math.min(this.#open.second + SILENCE_SECONDS, this.#bodyDeadline);
    } else {
      for (const { length } of body) this.#drop(length);
    }
    if (!hasEnded || this.#reading !== 'body') return;
    parser.reset();
    this.#reading = 'whole';
    if (!this.#isBlocked) this.#deadline = NEVER;
    this.#settle();
  }

  /**
   * Answers a request that cannot be read, in the style of its route if that much is known; then
   * the connection closes.
   */
  #refuse(refusal: QuiverError): void {
    const { method, target, raw } = partOfHead(this.#parser);
    this.#isLast = true;
    this.#reading = 'over';
    this.#deadline = NEVER;
    this.#isHead = method === 'HEAD';
    this.#answer(new IncomingRequest(method, target, new IncomingHeaders(raw)), refusal);
  }

  #answer(request: IncomingRequest, refusal?: QuiverError): void {
    this.#isAnswering = true;
    const given = this.#service.answer(request, this.#transport, refusal);
    if (isLater(given)) void given.then((late) => this.#send(late));
    else this.#send(given);
  }

  #send(answer: Answer): void {
    const { body, headers } = answer;
    const stream = body instanceof ReadableStream ? body : undefined;
    if (this.#reading === 'closed' || (stream && this.#isHead)) void stream?.cancel().catch(() => {});
    if (this.#reading === 'closed') return;
    // Without chunks, an HTTP/1.0 client recognises the end of a stream by the end of the
    // connection. A client that was not told to send its body may or may not send it.
    this.#isLast ||= this.#open.isClosing && this.#waiting.length === 0;
    this.#isLast ||= headers.closes || this.#owesContinue || (this.#isOld && stream !== undefined);
    this.#owesContinue = false;
    const seconds = this.#isLast ? undefined : this.#service.keepAliveSeconds;
    let data: string | Uint8Array;
    try {
      data = answerBytes(answer, this.#open.date, seconds, this.#isHead, this.#isOld);
    } catch (error) {
      // Report an answer that cannot be sent, and close the connection.
      this.cut();
      void Promise.reject(error);
      return;
    }
    if (headers.isCut) {
      this.#cutHead(data);
      return;
    }
    this.#write(data);
    if (stream && !this.#isHead) {
      this.#sender = new StreamSender(stream, (piece) => this.#write(piece));
      // The status has been sent, so only a cut connection shows that the body is incomplete.
      this.#sender.send(!this.#isOld).then(
        () => this.#answered(),
        () => this.cut(),
      );
      return;
    }
    this.#answered();
  }

  /** Sends half of the head of an answer and closes the connection. */
  #cutHead(data: string | Uint8Array): void {
    const text = Buffer.from(data as string);
    this.#write(text.subarray(0, text.indexOf('\r\n\r\n') / 2));
    this.#isAnswering = false;
    this.#reading = 'over';
    this.#waiting = NOTHING;
    this.#wait(LINGER_SECONDS);
    this.#transport.close();
  }

  /** The whole answer has been handed over. */
  #answered(): void {
    this.#isAnswering = false;
    this.#sender = undefined;
    if (this.#reading === 'body') {
      this.#body?.discard();
      if (!this.#isBlocked) this.#wait(DROP_SECONDS);
      this.#resume();
    }
    this.#body = undefined;
    this.#settle();
  }

  /** Continues with the next request, or closes, when the current request is done. */
  #settle(): void {
    if (this.#isAnswering || this.#isBlocked || this.#reading === 'closed') return;
    const isWhole = this.#reading === 'whole';
    // The listener may have begun to close after the head of this answer was sent.
    if (this.#isLast || (isWhole && this.#open.isClosing && this.#waiting.length === 0)) {
      this.#end();
    } else if (isWhole) {
      this.#reading = 'idle';
      this.#wait(this.#service.keepAliveSeconds + 1);
      if (!this.#isReading) this.#goOn();
    }
  }

  /** Reads the input that has waited. */
  #goOn(): void {
    if (this.#reading !== 'idle') return;
    this.#resume();
    this.#read();
  }

  /** The last answer has been sent. */
  #end(): void {
    this.#reading = 'over';
    this.#waiting = NOTHING;
    this.#dropped = 0;
    this.#resume();
    this.#wait(LINGER_SECONDS);
    if (this.#hasEnded) this.#transport.close();
    else this.#transport.end();
  }

  /**
   * Decides what to do with a client that has closed its side, once all its input has been read.
   */
  #checkEnd(): void {
    if (this.#waiting.length > 0) return;
    if (this.#reading === 'head') this.#refuse(new QuiverError('bad-request', 'request: was cut short'));
    else this.closeIdle();
  }

  /**
   * @returns whether the client has received it; if not, nothing more may be sent until `drained`
   */
  #write(data: string | Uint8Array): boolean {
    this.#isBlocked = !this.#transport.write(data);
    if (this.#isBlocked) this.#wait(SILENCE_SECONDS);
    return !this.#isBlocked;
  }

  #keep(chunk: Buffer<ArrayBuffer>): void {
    this.#waiting = Buffer.concat([this.#waiting, chunk]);
    if (this.#waiting.length > MAX_WAITING_BYTES) this.#pause();
  }

  #drop(bytes: number): void {
    this.#dropped += bytes;
    if (this.#dropped > MAX_DROPPED_BYTES) this.cut();
  }

  #wait(seconds: number): void {
    this.#deadline = this.#open.second + seconds;
  }

  #pause(): void {
    if (!this.#isPaused) this.#transport.pause();
    this.#isPaused = true;
  }

  #resume(): void {
    if (this.#isPaused && this.#reading !== 'closed') this.#transport.resume();
    this.#isPaused = false;
  }
}
