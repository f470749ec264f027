/** The bounds of a connection: what comes in, what waits, how long. */

/** The most bytes of a head: request line and all headers. */
export const MAX_HEAD_BYTES = 32_768;
export const MAX_TARGET_BYTES = 16_384;
export const MAX_HEADERS = 100;
/** From the first byte of a head to its last. */
export const HEAD_SECONDS = 10;

/** Without a byte of a body, or without the client taking in what was sent. */
export const SILENCE_SECONDS = 30;
/** For a body in all. */
export const BODY_SECONDS = 300;
/** How many bytes of a body may wait for their reader. */
export const MAX_BODY_WAITING_BYTES = 262_144;
/** For the rest of a body that nobody wants. */
export const DROP_SECONDS = 1;
/** How much is taken in that nobody wants: the rest of a body, or what follows the last answer. */
export const MAX_DROPPED_BYTES = 64 * 1024 * 1024;

/** How many bytes may wait for the answer to what came before them. */
export const MAX_WAITING_BYTES = 65_536;
/** So many requests of one connection are answered before others get their turn. */
export const REQUESTS_A_TURN = 4;
/** How long a head may be that is remembered to recognise the next one. */
export const MAX_REMEMBERED_BYTES = 4096;

/** From our last answer to the end of the connection, if the client does not close it. */
export const LINGER_SECONDS = 2;
/** So many connections may be open at once in a process. */
export const MAX_CONNECTIONS = 10_000;
/** How long requests in flight may take once the listener closes; a worker is killed a little later. */
export const DRAIN_SECONDS = 8;
