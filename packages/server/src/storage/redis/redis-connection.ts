/**
 * One connection to a node: groups of commands are written at once, and their replies come back in
 * order. It never repeats anything and does not connect again; `redis-cluster.ts` decides that.
 */

import { connect as connectPlain, isIP, type Socket } from 'node:net';
import { connect as connectTls } from 'node:tls';
import { CommandBytes } from './command-bytes.ts';
import { ErrorReply, type NodeReply, ReplyParser } from './reply-parser.ts';

export interface NodeConnectionOptions {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  /** Options of `tls.connect`; undefined for an unencrypted connection. */
  readonly tls?: object;
  /** How long connecting may take, in milliseconds. */
  readonly connectMs: number;
  /** How long a group may take after the one before it, in milliseconds. */
  readonly replyMs: number;
}

interface Group {
  readonly count: number;
  readonly replies: NodeReply[];
  /** When it was sent, or when the group before it was answered. */
  since: number;
  resolve(replies: readonly NodeReply[]): void;
  reject(error: Error): void;
}

export class RedisConnection {
  readonly #socket: Socket;
  readonly #replyMs: number;
  readonly #groups: Group[] = [];
  #first = 0;
  #timer: NodeJS.Timeout | undefined;
  #end: Error | undefined;
  #ended: () => void = () => {};

  private constructor(socket: Socket, replyMs: number) {
    this.#socket = socket;
    this.#replyMs = replyMs;
    const parser = new ReplyParser((reply) => this.#arrived(reply));
    socket.on('data', (piece: Buffer) => {
      try {
        parser.read(piece);
      } catch (error) {
        this.#fail(error as Error);
      }
    });
    socket.on('error', (error) => this.#fail(error));
    socket.on('close', () => this.#fail(new Error('the node closed the connection')));
  }

  /**
   * Connects, and authenticates if there is a password.
   * @throws ErrorReply when the node does not accept the password; Error when it cannot be reached
   */
  static async open(options: NodeConnectionOptions): Promise<RedisConnection> {
    const { username, password } = options;
    const connection = new RedisConnection(await connected(options), options.replyMs);
    if (password === undefined) return connection;
    const bytes = new CommandBytes();
    bytes.add('AUTH', username ? [username, password] : [password]);
    const [reply] = await connection.send(bytes);
    // A node without a password needs none.
    if (reply instanceof ErrorReply && !/without any password|no password is set/.test(reply.message)) {
      connection.close();
      throw reply;
    }
    return connection;
  }

  /** Called once, when the connection has ended. */
  onEnd(ended: () => void): void {
    this.#ended = ended;
    if (this.#end) ended();
  }

  /** Whether it has ended; then nothing can be sent. */
  get hasEnded(): boolean {
    return this.#end !== undefined;
  }

  /**
   * Sends commands.
   *
   * @returns the reply of each, of which some may be an {@link ErrorReply}
   * @throws Error when the connection ended or no reply came in time. The commands may have been
   *   done, or may still be done later.
   */
  send(commands: CommandBytes): Promise<readonly NodeReply[]> {
    return new Promise((resolve, reject) => {
      if (this.#end) {
        reject(this.#end);
        return;
      }
      const since = performance.now();
      this.#groups.push({ count: commands.commands, replies: [], since, resolve, reject });
      this.#socket.write(commands.taken());
      this.#timer ??= setTimeout(() => this.#look(), this.#replyMs);
    });
  }

  close(): void {
    this.#fail(new Error('the connection was closed'));
  }

  #arrived(reply: NodeReply): void {
    const group = this.#groups[this.#first];
    if (!group) throw new Error('a node replied without having been asked');
    group.replies.push(reply);
    if (group.replies.length < group.count) return;
    this.#first += 1;
    const next = this.#groups[this.#first];
    if (next) next.since = performance.now();
    else {
      this.#groups.length = 0;
      this.#first = 0;
    }
    if (this.#first > 1000) {
      this.#groups.splice(0, this.#first);
      this.#first = 0;
    }
    group.resolve(group.replies);
  }

  /**
   * Ends the connection if a reply is late, because what was sent may be done at any time or never.
   */
  #look(): void {
    this.#timer = undefined;
    const group = this.#groups[this.#first];
    if (!group) return;
    const left = group.since + this.#replyMs - performance.now();
    if (left <= 0) this.#fail(new Error('the node did not answer in time'));
    else this.#timer = setTimeout(() => this.#look(), Math.ceil(left));
  }

  #fail(error: Error): void {
    if (this.#end) return;
    this.#end = error;
    clearTimeout(this.#timer);
    this.#socket.destroy();
    const left = this.#groups.slice(this.#first);
    this.#groups.length = 0;
    this.#first = 0;
    this.#ended();
    for (const { reject } of left) reject(error);
  }
}

function connected({ host, port, tls, connectMs }: NodeConnectionOptions): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const name = isIP(host) ? {} : { servername: host };
    const socket = tls ? connectTls({ host, port, ...name, ...tls }) : connectPlain({ host, port });
    socket.setNoDelay(true);
    const timer = setTimeout(() => failed(new Error('connecting took too long')), connectMs);
    const failed = (error: Error) => {
      clearTimeout(timer);
      socket.destroy();
      reject(error);
    };
    const closed = () => failed(new Error('the node closed the connection'));
    socket.once('error', failed);
    socket.once('close', closed);
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      clearTimeout(timer);
      socket.removeListener('error', failed);
      socket.removeListener('close', closed);
      resolve(socket);
    });
  });
}
