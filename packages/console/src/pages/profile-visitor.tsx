import type { ProfileView } from 'quiver-client';
import { visibleText } from '../../../server/src/domain/visible-text.ts';
import { count, time } from '../parts/format.ts';
import { Card, Facts } from '../parts/page.tsx';

/** What is known of a visitor besides the attributes; no fetch returns it. */
export function VisitorCards({ profile }: { profile: ProfileView }) {
  return (
    <>
      <SessionCard profile={profile} />
      <CustomerAttributes profile={profile} />
    </>
  );
}

function SessionCard({ profile: { session, categoryAffinities = [] } }: { profile: ProfileView }) {
  if (!session) return null;
  return (
    <Card title="Sessions and categories">
      <Facts
        facts={[
          [
            'Session',
            `number ${count(session.number)}, ${session.hasEnded ? 'ended' : 'open'}, since ${time(session.start)}`,
          ],
          ['Last call', time(session.lastCall)],
          ...(session.landingPage ? [['Landing page', visibleText(session.landingPage)] as const] : []),
          ...categoryAffinities.map(
            ({ category, score }) =>
              [`Affinity for ${visibleText(category)}`, String(Math.round(score * 100) / 100)] as const,
          ),
        ]}
      />
    </Card>
  );
}

function CustomerAttributes({ profile: { customerAttributes = [] } }: { profile: ProfileView }) {
  if (customerAttributes.length === 0) return null;
  return (
    <Card title="Customer attributes">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what can scroll must be reachable by keyboard */}
      <section className="scroll" tabIndex={0} aria-label="List of customer attributes">
        <table>
          <caption className="off-screen">Customer attributes of this visitor</caption>
          <thead>
            <tr>
              <th scope="col">Source</th>
              <th scope="col">Name</th>
              <th scope="col">Value</th>
              <th scope="col">Uploaded</th>
              <th scope="col">Written by</th>
            </tr>
          </thead>
          <tbody>
            {customerAttributes.map(({ source, name, value, modifiedAt }) => (
              <tr key={`${source}.${name}`}>
                <td>{visibleText(source)}</td>
                <td>{visibleText(name)}</td>
                <td className="value">{visibleText(value)}</td>
                <td>{time(modifiedAt)}</td>
                <td>customer file</td>
              </tr>
            ))}
          </tbody>
        </table>
      </section>
    </Card>
  );
}
