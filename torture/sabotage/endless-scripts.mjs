/** No thread of scripts is ever seen to be stuck, so none is ended. */
import { serverModule } from './server-module.mjs';

const { WatchedThread } = await serverModule('scripts/watched-thread');
WatchedThread.prototype.look = () => 0;
