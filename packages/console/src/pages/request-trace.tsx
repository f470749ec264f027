import { visibleText } from '../../../server/src/domain/visible-text.ts';
import { LongText } from '../parts/long-text.tsx';

/** One run of a profile script, as a trace shows it. */
interface ScriptRun {
  readonly name: string;
  readonly mbox: string;
  readonly stored: boolean;
  readonly value?: unknown;
  readonly error?: string;
  readonly milliseconds?: number;
  readonly instructions?: number;
}

interface Trace {
  readonly profile?: { readonly before: unknown; readonly after: unknown };
  readonly profileScripts?: readonly ScriptRun[];
}

/** The trace in the reply to a visit with a debug token; nothing when there is none. */
export function RequestTrace({ reply }: { reply: string }) {
  const trace = traceOf(reply);
  if (!trace) return null;
  const { profile, profileScripts = [] } = trace;
  return (
    <>
      {profileScripts.length > 0 && <ScriptRuns runs={profileScripts} />}
      {profile && (
        <>
          <ProfileJson title="Profile before" profile={profile.before} />
          <ProfileJson title="Profile after" profile={profile.after} />
        </>
      )}
    </>
  );
}

function ScriptRuns({ runs }: { runs: readonly ScriptRun[] }) {
  return (
    <div className="message">
      <h3>Profile scripts</h3>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what can scroll must be reachable by keyboard */}
      <section className="scroll" tabIndex={0} aria-label="Profile scripts that ran">
        <table>
          <caption className="off-screen">Profile scripts that ran with this visit</caption>
          <thead>
            <tr>
              <th scope="col">Script</th>
              <th scope="col">Mbox</th>
              <th scope="col">Value</th>
              <th scope="col">Stored</th>
              <th scope="col" className="number">
                Time
              </th>
              <th scope="col" className="number">
                Instructions
              </th>
            </tr>
          </thead>
          <tbody>
            {runs.map((run, index) => (
              // biome-ignore lint/suspicious/noArrayIndexKey: the runs of a trace never change
              <tr key={index}>
                <th scope="row">{run.name}</th>
                <td>{visibleText(run.mbox)}</td>
                <td className="value">
                  <Result run={run} />
                </td>
                <td>{run.stored ? 'yes' : 'no'}</td>
                <td className="number">{run.milliseconds === undefined ? '–' : `${run.milliseconds} ms`}</td>
                <td className="number">{run.instructions ?? '–'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </div>
  );
}

function Result({ run: { name, value, error } }: { run: ScriptRun }) {
  if (error !== undefined) return <span className="bad-words">{visibleText(error)}</span>;
  if (value === undefined) return <span className="muted">nothing</span>;
  return <LongText of={name} text={visibleText(JSON.stringify(value))} />;
}

function ProfileJson({ title, profile }: { title: string; profile: unknown }) {
  return (
    <details>
      <summary>{title}</summary>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what can scroll must be reachable by keyboard */}
      <pre tabIndex={0}>{profile === null ? 'none' : JSON.stringify(profile, null, 2)}</pre>
    </details>
  );
}

function traceOf(reply: string): Trace | undefined {
  try {
    const { trace } = JSON.parse(reply) as { trace?: Trace };
    return typeof trace === 'object' && trace !== null ? trace : undefined;
  } catch {
    return undefined;
  }
}
