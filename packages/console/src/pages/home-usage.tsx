import { PROFILE_API_KINDS, type UsageDay } from 'quiver-client';
import { paths } from '../api/paths.ts';
import { Command, CurlButton } from '../parts/copy.tsx';
import { visitCommand } from '../parts/examples.ts';
import { counted, daysAgo } from '../parts/format.ts';
import { Card } from '../parts/page.tsx';
import { UsageChart } from '../parts/usage-chart.tsx';

const DAYS = 30;
const KIND_NAMES = {
  fetches: 'Fetches',
  updates: 'Updates',
  batchUploads: 'Batch uploads',
  batchStatuses: 'Batch statuses',
  removals: 'Removals',
} as const;

/** Mbox calls and profile API calls of a client per day. @param days undefined until loaded */
export function Usage({ client, days }: { client: string; days: readonly UsageDay[] | undefined }) {
  const actions = <CurlButton path={paths.usage(client, daysAgo(DAYS - 1), daysAgo(0))} />;
  return (
    <Card title="Usage" actions={actions}>
      {days === undefined ? <p className="loading">Loading…</p> : <UsageOf client={client} days={days} />}
    </Card>
  );
}

function UsageOf({ client, days }: { client: string; days: readonly UsageDay[] }) {
  const placeholders = days.reduce((sum, { placeholderIds }) => sum + placeholderIds, 0);
  const isEmpty = days.every(
    ({ mboxCalls, profileApiCalls, placeholderIds }) =>
      mboxCalls + placeholderIds === 0 && Object.values(profileApiCalls).every((calls) => calls === 0),
  );
  if (isEmpty) {
    return (
      <div className="empty">
        <p>No calls in the last {DAYS} days. A visit makes the first mbox call:</p>
        <Command>{visitCommand(client)}</Command>
      </div>
    );
  }
  return (
    <>
      {placeholders > 0 && (
        <p className="bad-words" role="note">
          {counted(placeholders, 'placeholder id')} in the last {DAYS} days, such as undefined or null:
          visitors who send one share a profile. The setting placeholderIds refuses them.
        </p>
      )}
      <div className="charts">
        <UsageChart
          title="Mbox calls"
          days={days.map(({ day }) => day)}
          series={[{ name: 'Mbox calls', values: days.map(({ mboxCalls }) => mboxCalls) }]}
        />
        <UsageChart
          title="Profile API calls"
          days={days.map(({ day }) => day)}
          series={PROFILE_API_KINDS.map((kind) => ({
            name: KIND_NAMES[kind],
            values: days.map(({ profileApiCalls }) => profileApiCalls[kind]),
          }))}
        />
      </div>
    </>
  );
}
