/** `quiver-server/sandbox`: Quiver inside a test (contract section 13). */

export * from './sandbox/start-sandbox.ts';
