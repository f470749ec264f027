/** The supervisor watches no worker, so one that stops is not noticed. */
import { serverModule } from './server-module.mjs';

const { Heartbeats } = await serverModule('runtime/heartbeats');
Heartbeats.prototype.watch = () => {};
