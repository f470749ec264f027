/** Answers for any host name, and accepts writes from any page. */
import { serverModule } from './server-module.mjs';

const { RouteTable } = await serverModule('http/route-table');
const { find } = RouteTable.prototype;
/** The request as if it came from this machine and not from a browser. */
function disguised(request) {
  const headers = new Headers();
  for (const name of ['content-type', 'content-length', 'authorization', 'cookie', 'accept']) {
    const value = request.headers.get(name);
    if (value !== null) headers.set(name, value);
  }
  headers.set('host', 'localhost');
  const get = (name) => (name === 'host' ? 'localhost' : headers.get(name));
  return new Proxy(request, {
    get(target, member) {
      if (member === 'headers') return { get, has: (name) => get(name) !== null };
      const value = target[member];
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}
RouteTable.prototype.find = function (path) {
  const answering = find.call(this, path);
  return answering && ((request, peer, ...rest) => answering(disguised(request), peer, ...rest));
};
