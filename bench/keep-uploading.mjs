/**
 * Uploads one batch after another until it is stopped:
 * `node keep-uploading.mjs <url> <profiles> <rows per batch>`.
 */

import { batches } from './profiles.mjs';

const [, , url, profiles, rows] = process.argv;
const [body] = batches(Math.min(Number(profiles), Number(rows)));
for (;;) {
  const answer = await fetch(`${url}/m2/demo/v2/profile/batchUpdate`, { method: 'POST', body });
  const status = /<batchStatus>([^<]+)</.exec(await answer.text())?.[1];
  while (status && !(await (await fetch(status)).text()).includes('<status>complete<')) {
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
