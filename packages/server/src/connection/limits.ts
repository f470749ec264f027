/** The limits of a connection: sizes of input, of what may wait, and times. */

/** The most bytes of a head: request line and all headers. */
export const MAX_HEAD_BYTES = 32_768;
export const MAX_TARGET_BYTES = 16_384;
export const MAX_HEADERS = 100;
/** Time from the first byte of a head to its last. */
export const HEAD_SECONDS = 10;

/** Time without a byte of a body arriving, or without the client receiving what was sent. */
export const SILENCE_SECONDS = 30;
/** Time for a whole body. */
export const BODY_SECONDS = 300;
/** How many bytes of a body may wait for their reader. */
export const MAX_BODY_WAITING_BYTES = 262_144;
/** Time for the rest of a body that no handler reads. */
export const DROP_SECONDS = 1;
/** How many unread bytes are accepted: the rest of a body, or input after the last answer. */
export const MAX_DROPPED_BYTES = 64 * 1024 * 1024;

/** How many bytes may wait for the answer to the request before them. */
export const MAX_WAITING_BYTES = 65_536;
/** How many requests of one connection are answered before other connections get their turn. */
export const REQUESTS_A_TURN = 4;
/** The longest head that is remembered to recognise the next one. */
export const MAX_REMEMBERED_BYTES = 4096;

/** Time from our last answer to closing the connection, if the client does not close it. */
export const LINGER_SECONDS = 2;
/** How many connections a process may have open at once. */
export const MAX_CONNECTIONS = 10_000;
/**
 * How long requests in progress may take once the listener closes; a worker is killed a little
 * later.
 */
export const DRAIN_SECONDS = 8;
