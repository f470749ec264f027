/** Records nine changes of ten. */
import { serverModule } from './server-module.mjs';

const { ChangeLog } = await serverModule('storage/lmdb/change-log');
const { add } = ChangeLog.prototype;
let count = 0;

ChangeLog.prototype.add = function (client, change) {
  count += 1;
  if (count % 10 !== 0) add.call(this, client, change);
};
