import { paths } from '../api/paths.ts';
import { useBatches } from '../api/queries.ts';
import { BatchTable } from '../parts/batch-table.tsx';
import { Command, CurlButton } from '../parts/copy.tsx';
import { updateCommand } from '../parts/examples.ts';
import { Failure } from '../parts/failure.tsx';
import { Card, PageHead } from '../parts/page.tsx';
import { UploadBatch } from './upload-batch.tsx';

export function BatchesPage({ client }: { client: string }) {
  const batches = useBatches(client);
  return (
    <>
      <PageHead title="Batches" intro="Many profiles in one file: up to 500,000 rows, under 50 MB" />
      <UploadBatch client={client} />
      <Card title="Sent in the last seven days" actions={<CurlButton path={paths.batches(client)} />}>
        {batches.isLoadingError ? (
          <Failure error={batches.error} retry={() => void batches.refetch()} />
        ) : batches.isPending ? (
          <p className="loading">Loading…</p>
        ) : batches.data.length === 0 ? (
          <div className="empty">
            <p>No batch yet. Drop a file above, or send one by command:</p>
            <Command>{updateCommand(client)}</Command>
          </div>
        ) : (
          <BatchTable client={client} batches={batches.data} />
        )}
      </Card>
    </>
  );
}
