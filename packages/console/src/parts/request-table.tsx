import type { JournalCall } from 'quiver-client';
import { Link } from 'wouter';
import { visibleText } from '../../../server/src/domain/visible-text.ts';

/** A table of calls, the latest first. @param openId the call that is shown in full */
export function RequestTable(props: {
  calls: readonly JournalCall[];
  openId: number | undefined;
  open: (id: number) => void;
  ofAll: boolean;
}) {
  const { calls, openId, open, ofAll } = props;
  return (
    <div className="scroll requests">
      <table className="listing">
        <caption className="off-screen">Calls, the latest first</caption>
        <thead>
          <tr>
            <th scope="col">Call</th>
            <th scope="col">Status</th>
            {ofAll && <th scope="col">Client</th>}
            <th scope="col">Ids</th>
            <th scope="col">Result</th>
            <th scope="col" className="number">
              Time taken
            </th>
          </tr>
        </thead>
        <tbody>
          {calls.map((call) => (
            <tr key={call.id} aria-current={call.id === openId ? 'true' : undefined}>
              <td>
                <button type="button" className="link" onClick={() => open(call.id)}>
                  {call.method} {visibleText(call.path)}
                </button>
                <small>
                  {timeOf(call)} {call.route ?? 'no route'}
                </small>
              </td>
              <td>
                <StatusBadge call={call} />
              </td>
              {ofAll && <td>{call.client || '–'}</td>}
              <td>
                <Ids call={call} />
              </td>
              <td>{outcomeOf(call)}</td>
              <td className="number" data-unit="taken">
                {call.ms.toFixed(1)} ms
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}

export function StatusBadge({ call: { status, reason } }: { call: JournalCall }) {
  const look = status >= 500 ? 'bad' : status >= 400 || reason !== undefined ? 'warn' : 'good';
  return <span className={`badge badge-${look}`}>{status}</span>;
}

/** The most ids of a call that a row shows. */
const MOST_IDS = 3;

/** The ids of a call, each a link to the profile. */
export function Ids({ call, most = MOST_IDS }: { call: JournalCall; most?: number }) {
  const { ids, client } = call;
  const rest = ids.length - most;
  return (
    <>
      {ids.slice(0, most).map(({ kind, value }) => {
        const query = new URLSearchParams({
          id: value,
          kind: kind === 'ecid' ? 'marketingCloudVisitorId' : kind,
        });
        return (
          <Link
            key={`${kind} ${value}`}
            className="id"
            title={kind}
            href={`/${encodeURIComponent(client)}/profiles?${query}`}
          >
            {visibleText(value)}
          </Link>
        );
      })}
      {rest > 0 && <small>and {rest} more</small>}
    </>
  );
}

/** When the call arrived, by the clock of the client: `17:04:05.123`. */
function timeOf({ at }: JournalCall): string {
  return at.slice(11, 23);
}

/** What a call changed, or why it was refused. */
function outcomeOf({ reason, fault, changes }: JournalCall): string {
  if (fault !== undefined) return `struck by ${fault}`;
  if (reason !== undefined) return visibleText(reason);
  return changes.map(changeText).join(', ');
}

export function changeText({ what, attributes, why }: JournalCall['changes'][number]): string {
  const names = Object.keys(attributes ?? {}).join(', ');
  return visibleText([what, names, why && `(${why})`].filter(Boolean).join(' '));
}
