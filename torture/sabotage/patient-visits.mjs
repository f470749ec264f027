/** A visit waits for its scripts however long they take. */
import { serverModule } from './server-module.mjs';

const { RunnerJob } = await serverModule('scripts/runner-job');
RunnerJob.prototype.limit = () => {};
