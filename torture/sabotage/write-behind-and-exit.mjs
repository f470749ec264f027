/** Acknowledges a write before it is done, and exits without waiting when told to stop. */
import './write-behind.mjs';

process.on('message', (message) => {
  if (message.type === 'shutdown') process.exit(0);
});
