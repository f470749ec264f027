/**
 * Opens the store in a folder, starts a write transaction and stops itself in it: a process that
 * holds the writer lock and does not continue.
 */
import { open } from 'lmdb';

const root = open({ path: process.argv[2], maxDbs: 32, maxReaders: 1024, overlappingSync: false });
root.transactionSync(() => process.kill(process.pid, 'SIGSTOP'));
