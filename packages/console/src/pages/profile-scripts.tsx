import { visibleText } from '../../../server/src/domain/visible-text.ts';
import { paths } from '../api/paths.ts';
import { useScripts } from '../api/queries.ts';
import { Command, CurlButton } from '../parts/copy.tsx';
import { Failure } from '../parts/failure.tsx';
import { count, time } from '../parts/format.ts';
import { Card } from '../parts/page.tsx';

const LOOKS = { active: 'good', off: 'plain', disabled: 'bad' } as const;

/** The profile scripts of a client: whether they run, why not, and how often they did. */
export function ProfileScriptsCard({ client }: { client: string }) {
  const scripts = useScripts(client);
  return (
    <Card title="Profile scripts" actions={<CurlButton path={paths.scripts(client)} />}>
      {scripts.isLoadingError ? (
        <Failure error={scripts.error} retry={() => void scripts.refetch()} />
      ) : scripts.isPending ? (
        <p className="loading">Loading…</p>
      ) : scripts.data.length === 0 ? (
        <div className="empty">
          <p>No script yet. Set one by command:</p>
          <Command>{`quiver script set visits visits.js --client ${client}`}</Command>
        </div>
      ) : (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what can scroll must be reachable by keyboard
        <section className="scroll" tabIndex={0} aria-label="List of profile scripts">
          <table>
            <caption className="off-screen">Profile scripts, by name</caption>
            <thead>
              <tr>
                <th scope="col">Script</th>
                <th scope="col">State</th>
                <th scope="col" className="number">
                  Runs
                </th>
                <th scope="col" className="number">
                  Errors
                </th>
                <th scope="col">Reason or last error</th>
                <th scope="col">Changed</th>
              </tr>
            </thead>
            <tbody>
              {scripts.data.map(({ name, state, reason, runs, errors, lastError, changedAt }) => (
                <tr key={name}>
                  <th scope="row">{name}</th>
                  <td>
                    <span className={`badge badge-${LOOKS[state]}`}>{state}</span>
                  </td>
                  <td className="number">{count(runs)}</td>
                  <td className="number">{count(errors)}</td>
                  <td className="value">{visibleText(reason ?? lastError?.message ?? '–')}</td>
                  <td>{time(changedAt)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
    </Card>
  );
}
