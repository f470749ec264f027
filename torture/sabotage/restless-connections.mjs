/** Wakes up for every connection fifty times a second, whether it sends something or not. */

import { Server } from 'node:net';

const { emit } = Server.prototype;
Server.prototype.emit = function (event, socket, ...rest) {
  if (event === 'connection') {
    const timer = setInterval(() => {}, 20);
    socket.once('close', () => clearInterval(timer));
  }
  return emit.call(this, event, socket, ...rest);
};
