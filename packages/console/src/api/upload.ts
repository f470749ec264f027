import { messageOf, QuiverClientError } from 'quiver-client';
import { paths } from './paths.ts';
import { csrfHeaders } from './quiver.ts';

/**
 * Sends a batch file. `fetch` is not used, because it does not report progress.
 *
 * @param onProgress called with the share that was sent, 0 to 1
 * @returns the id of the batch, which was accepted and is on the server's disk
 * @throws QuiverClientError
 */
export function uploadBatch(
  client: string,
  version: 'v1' | 'v2',
  file: File,
  isGzip: boolean,
  onProgress: (share: number) => void,
): Promise<string> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest();
    request.open('POST', paths.upload(client, version));
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    if (isGzip) request.setRequestHeader('Content-Encoding', 'gzip');
    for (const [name, value] of Object.entries(csrfHeaders())) request.setRequestHeader(name, value);
    request.upload.onprogress = ({ loaded, total }) => onProgress(total === 0 ? 1 : loaded / total);
    request.onerror = () => reject(new QuiverClientError('unreachable', 'cannot reach the server'));
    request.onload = () => {
      const { status, responseText } = request;
      if (status !== 200) reject(new QuiverClientError('refused', messageOf(responseText), { status }));
      else resolve((JSON.parse(responseText) as { batchId: string }).batchId);
    };
    request.send(file);
  });
}
