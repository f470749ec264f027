/**
 * Two servers started at the same moment on one port: exactly one of them serves, the other says
 * who has the port.
 */

import { join } from 'node:path';
import { freePort } from './free-port.mjs';
import { attributesOf, visit } from './lanes.mjs';
import { makeFolder, RUNTIMES, startQuiver } from './quiver-process.mjs';

const LOOKS = 40;

export default {
  name: 'port-race',
  bar: 'two servers started at once on one port, 40 of 40: one serves and answers every look, the other ends with exit code 1 and one line',
  sizes: { short: { rounds: 4 }, long: { rounds: 40 } },
  sabotages: { 'blind-locks': { rounds: 8 } },
  async run({ rounds }, { say, sabotage }) {
    const folder = await makeFolder('port-race');
    const seen = { rounds: 0, one: 0, both: 0, none: 0, looks: 0, falselyMissing: 0 };
    const problems = [];
    for (let n = 0; n < rounds; n += 1) {
      const port = await freePort();
      const runtime = RUNTIMES[n % 2];
      const start = (name) =>
        startQuiver({
          runtime,
          dataDir: join(folder, `${n}-${name}`),
          flags: ['--workers', '2', '--port', String(port)],
          sabotage,
        }).catch((error) => error);
      const started = await Promise.all([start('one'), start('other')]);
      const servers = started.filter((server) => !(server instanceof Error));
      seen.rounds += 1;
      seen[['none', 'one', 'both'][servers.length]] += 1;
      if (servers.length !== 1)
        problems.push(`round ${n}: ${servers.length} servers on port ${port} (${runtime})`);
      for (const error of started.filter((one) => one instanceof Error)) {
        if (!/^quiver: port \d+ on 127\.0\.0\.1 is in use by another .*$/m.test(error.message))
          problems.push(`round ${n}: ${error.message.trim()}`);
      }
      if (servers.length > 0) {
        await visit(servers[0].url, { tntId: 'here' }, { first: '1' });
        for (let look = 0; look < LOOKS; look += 1) {
          seen.looks += 1;
          // Each on a separate connection, because the kernel distributes connections among all
          // that listen.
          if ((await attributesOf(servers[0].url, 'here')) === undefined) seen.falselyMissing += 1;
        }
      }
      for (const server of servers) await server.kill();
      say(`${seen.one} of ${seen.rounds}`);
      // One miss is enough for a proof.
      if (sabotage && (problems.length > 0 || seen.falselyMissing > 0)) break;
    }
    if (seen.falselyMissing > 0) problems.push(`${seen.falselyMissing} looks found nothing`);
    return { seen, problems, isMet: problems.length === 0 && seen.one === rounds };
  },
};
