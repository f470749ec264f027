import type { BatchView } from 'quiver-client';
import { Link } from 'wouter';
import { Ago } from './ago.tsx';
import { count } from './format.ts';

const STATES = { waiting: 'Waiting', running: 'Running', complete: 'Complete', stuck: 'Stuck' } as const;

/** The state of a batch with the number of rows that failed: “Complete, 3 failed”. */
export function BatchState({ batch }: { batch: BatchView }) {
  const { state, failed, notFound } = batch;
  const isWhole = failed + notFound === 0;
  const look = state === 'stuck' ? 'bad' : !isWhole ? 'warn' : state === 'complete' ? 'good' : 'plain';
  const words = [
    STATES[state],
    ...(failed > 0 ? [`${count(failed)} failed`] : []),
    ...(notFound > 0 ? [`${count(notFound)} not found`] : []),
  ];
  return <span className={`badge badge-${look}`}>{words.join(', ')}</span>;
}

export function BatchTable({ client, batches }: { client: string; batches: readonly BatchView[] }) {
  return (
    <div className="scroll">
      <table className="listing">
        <caption className="off-screen">Batches, the latest first</caption>
        <thead>
          <tr>
            <th scope="col">Batch</th>
            <th scope="col">State</th>
            <th scope="col" className="number">
              Rows
            </th>
            <th scope="col" className="number">
              Failed
            </th>
            <th scope="col">Accepted</th>
          </tr>
        </thead>
        <tbody>
          {batches.map((batch) => (
            <tr key={batch.id}>
              <td>
                <Link
                  className="id"
                  href={`/${encodeURIComponent(client)}/batches/${encodeURIComponent(batch.id)}`}
                >
                  {batch.id}
                </Link>
              </td>
              <td>
                <BatchState batch={batch} />
              </td>
              <td className="number" data-unit={batch.rows === 1 ? 'row' : 'rows'}>
                {count(batch.rows)}
              </td>
              <td className="number" data-unit="failed">
                {count(batch.failed)}
              </td>
              <td>
                <Ago at={batch.acceptedAt} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
