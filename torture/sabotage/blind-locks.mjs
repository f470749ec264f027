/** Nobody sees what others have claimed: a data folder under restore, a port that is taken. */
import { serverModule } from './server-module.mjs';

const { FolderPlace, NamespacePlace } = await serverModule('locks/claims');

FolderPlace.prototype.names = async () => [];
NamespacePlace.prototype.names = async () => [];
