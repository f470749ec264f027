import { PROFILE_API_KINDS } from 'quiver-client';
import { Link } from 'wouter';
import { paths } from '../api/paths.ts';
import { useBatches, useServer, useUsage } from '../api/queries.ts';
import { BatchTable } from '../parts/batch-table.tsx';
import { Command, CurlButton } from '../parts/copy.tsx';
import { updateCommand, visitCommand } from '../parts/examples.ts';
import { Failure } from '../parts/failure.tsx';
import { bytes, count, counted, daysAgo, distance, time } from '../parts/format.ts';
import { Card, Facts, PageHead } from '../parts/page.tsx';
import { UsageChart } from '../parts/usage-chart.tsx';

const DAYS = 30;
const LATEST = 5;
const KIND_NAMES = {
  fetches: 'Fetches',
  updates: 'Updates',
  batchUploads: 'Batch uploads',
  batchStatuses: 'Batch statuses',
  removals: 'Removals',
} as const;

export function OverviewPage({ client }: { client: string }) {
  return (
    <>
      <PageHead title="Overview" intro={`Client ${client}, and the server it is on`} />
      <ServerFigures client={client} />
      <Usage client={client} />
      <LatestBatches client={client} />
    </>
  );
}

function ServerFigures({ client }: { client: string }) {
  const server = useServer(client);
  if (server.isLoadingError) return <Failure error={server.error} retry={() => void server.refetch()} />;
  const facts = server.data;
  const figure = (name: string, value: string | undefined, note: string | undefined) =>
    ({ name, value: value ?? '–', note: note ?? '' }) as const;
  const figures = [
    figure('Profiles', facts && count(facts.store.profiles), 'all clients'),
    figure('Store', facts && bytes(facts.store.bytes), facts?.store.kind),
    figure(
      'Workers',
      facts && count(facts.workers),
      facts && `up for ${distance(facts.startedAt).replace(' ago', '')}`,
    ),
    figure('Edge cluster', facts && String(facts.cluster), facts && `location hint ${facts.locationHint}`),
  ];
  return (
    <Card title="Server" actions={<CurlButton path={paths.server(client)} />}>
      <dl className="figures">
        {figures.map(({ name, value, note }) => (
          <div key={name}>
            <dt>{name}</dt>
            <dd>
              <b>{value}</b> <small>{note}</small>
            </dd>
          </div>
        ))}
      </dl>
      {facts && (
        <Facts
          facts={[
            ['Version', facts.version],
            ['Started', time(facts.startedAt)],
          ]}
        />
      )}
    </Card>
  );
}

function Usage({ client }: { client: string }) {
  const from = daysAgo(DAYS - 1);
  const to = daysAgo(0);
  const usage = useUsage(client, from, to);
  const days = usage.data ?? [];
  const placeholders = days.reduce((sum, { placeholderIds }) => sum + placeholderIds, 0);
  const isEmpty = days.every(
    ({ mboxCalls, profileApiCalls, placeholderIds }) =>
      mboxCalls + placeholderIds === 0 && Object.values(profileApiCalls).every((calls) => calls === 0),
  );
  return (
    <Card title="Usage" actions={<CurlButton path={paths.usage(client, from, to)} />}>
      {usage.isLoadingError ? (
        <Failure error={usage.error} retry={() => void usage.refetch()} />
      ) : usage.isPending ? (
        <p className="loading">Loading…</p>
      ) : isEmpty ? (
        <div className="empty">
          <p>No calls in the last {DAYS} days. A visit makes the first mbox call:</p>
          <Command>{visitCommand(client)}</Command>
        </div>
      ) : (
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
      )}
    </Card>
  );
}

function LatestBatches({ client }: { client: string }) {
  const batches = useBatches(client);
  return (
    <Card
      title="Latest batches"
      actions={
        <Link className="button button-quiet" href={`/${encodeURIComponent(client)}/batches`}>
          All batches
        </Link>
      }
    >
      {batches.isLoadingError ? (
        <Failure error={batches.error} retry={() => void batches.refetch()} />
      ) : batches.isPending ? (
        <p className="loading">Loading…</p>
      ) : batches.data.length === 0 ? (
        <div className="empty">
          <p>No batch yet. One file can update many profiles:</p>
          <Command>{updateCommand(client)}</Command>
        </div>
      ) : (
        <BatchTable client={client} batches={batches.data.slice(0, LATEST)} />
      )}
    </Card>
  );
}
