/**
 * What a fetch is measured against: a constant reply of the same size from the bare runtime. Prints
 * its port.
 */

const [, , length] = process.argv;
const body = Buffer.alloc(Number(length), 'x');
const headers = { 'content-type': 'application/json;charset=UTF-8', 'cache-control': 'no-store' };

if (process.versions.bun) {
  const server = Bun.serve({ hostname: '127.0.0.1', port: 0, fetch: () => new Response(body, { headers }) });
  process.stdout.write(`${server.port}\n`);
} else {
  const { createServer } = await import('node:http');
  const server = createServer((_, response) => response.writeHead(200, headers).end(body));
  server.listen(0, '127.0.0.1', () => process.stdout.write(`${server.address().port}\n`));
}
