import type { BatchView } from 'quiver-client';
import { Button } from 'react-aria-components';
import { Link } from 'wouter';
import { visibleText } from '../../../server/src/domain/visible-text.ts';
import { paths } from '../api/paths.ts';
import { isUnderWay, useBatch, useFailures, useRetry } from '../api/queries.ts';
import { BatchState } from '../parts/batch-table.tsx';
import { CopyButton, CurlButton } from '../parts/copy.tsx';
import { Failure } from '../parts/failure.tsx';
import { bytes, count, counted, time } from '../parts/format.ts';
import { Card, Facts, PageHead } from '../parts/page.tsx';
import { Progress } from '../parts/progress.tsx';

export function BatchPage({ client, id }: { client: string; id: string }) {
  const batch = useBatch(client, id);
  const back = `/${encodeURIComponent(client)}/batches`;
  return (
    <>
      <PageHead
        name={`Batch ${visibleText(id)}`}
        title={
          <>
            Batch <span className="id">{visibleText(id)}</span>
          </>
        }
        intro={<Link href={back}>All batches</Link>}
      >
        <CopyButton text={id} label="Copy id" />
      </PageHead>
      {batch.isLoadingError ? (
        <Failure error={batch.error} retry={() => void batch.refetch()} />
      ) : batch.isPending ? (
        <p className="loading">Loading…</p>
      ) : (
        <>
          <HowFar client={client} batch={batch.data} />
          {batch.data.failed + batch.data.notFound > 0 && <FailedRows client={client} batch={batch.data} />}
        </>
      )}
    </>
  );
}

function HowFar({ client, batch }: { client: string; batch: BatchView }) {
  const retry = useRetry(client, batch.id);
  const { rows, consumed, successful, notFound, failed, state } = batch;
  const skipped = consumed - successful - notFound - failed;
  return (
    <Card title="Progress" actions={<BatchState batch={batch} />}>
      <Progress
        label={isUnderWay(batch) ? 'Applying' : 'Applied'}
        share={rows === 0 ? 1 : consumed / rows}
        failedShare={rows === 0 ? 0 : (failed + notFound) / rows}
        text={`${count(consumed)} of ${counted(rows, 'row')}${failed > 0 ? `, ${count(failed)} failed` : ''}`}
      />
      {state === 'stuck' && (
        <div className="note note-bad" role="alert">
          <p>
            This batch has stopped: {batch.reason ?? 'the reason is in the server log'}. Fix the cause, then
            resume it. Rows that were applied stay applied.
          </p>
          <Button className="button" onPress={() => retry.mutate()} isDisabled={retry.isPending}>
            Resume
          </Button>
          {retry.isError && <Failure error={retry.error} />}
        </div>
      )}
      <Facts
        facts={[
          ['Updated', count(successful)],
          ...(batch.version === 'v1' ? [['Not found', count(notFound)] as const] : []),
          ['Failed', count(failed)],
          ['Skipped, without a value', count(Math.max(0, skipped))],
          ['File', `${bytes(batch.bytes)}, ${batch.version}`],
          ['Accepted', time(batch.acceptedAt)],
          ['Finished', batch.finishedAt === null ? '–' : time(batch.finishedAt)],
        ]}
      />
    </Card>
  );
}

function FailedRows({ client, batch }: { client: string; batch: BatchView }) {
  const failures = useFailures(client, batch.id, !isUnderWay(batch));
  const rows = failures.data?.pages.flatMap((page) => page.failures) ?? [];
  return (
    <Card
      title="Rows that were not applied"
      actions={
        <>
          <CurlButton path={paths.failures(client, batch.id)} />
          <a className="button button-solid" href={paths.failuresFile(client, batch.id)} download>
            Download failed rows
          </a>
        </>
      }
    >
      <p className="muted">
        The download contains these rows under their header, as they were sent. Fix them, then{' '}
        <Link href={`/${encodeURIComponent(client)}/batches`}>send the file</Link>.
      </p>
      {failures.isLoadingError && <Failure error={failures.error} retry={() => void failures.refetch()} />}
      {isUnderWay(batch) && <p className="loading">These rows are listed once the batch is complete.</p>}
      {rows.length > 0 && (
        <div className="scroll">
          <table>
            <caption className="off-screen">Rows that were not applied</caption>
            <thead>
              <tr>
                <th scope="col" className="number">
                  Line
                </th>
                <th scope="col">Id</th>
                <th scope="col">Reason</th>
              </tr>
            </thead>
            <tbody>
              {rows.map(({ line, id, reason }) => (
                <tr key={line}>
                  <td className="number">{line}</td>
                  <td>
                    {id === '' ? (
                      <span className="muted">none</span>
                    ) : (
                      <span className="id">{visibleText(id)}</span>
                    )}
                  </td>
                  <td>{visibleText(reason)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
      {failures.hasNextPage && (
        <Button
          className="button"
          onPress={() => void failures.fetchNextPage()}
          isDisabled={failures.isFetching}
        >
          Show more
        </Button>
      )}
    </Card>
  );
}
