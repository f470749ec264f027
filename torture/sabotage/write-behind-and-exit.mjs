/**
 * Says that a write is done before it is, and ends without waiting for anything when told to stop.
 */
import './write-behind.mjs';

process.on('message', (message) => {
  if (message.type === 'shutdown') process.exit(0);
});
