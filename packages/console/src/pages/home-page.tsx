import type { BatchView } from 'quiver-client';
import { Link, useLocation } from 'wouter';
import { useLiveFigures } from '../api/live.ts';
import { paths } from '../api/paths.ts';
import { isUnderWay, useBatches, useServer } from '../api/queries.ts';
import { useRequests } from '../api/requests.ts';
import { BatchTable } from '../parts/batch-table.tsx';
import { Command, CurlButton } from '../parts/copy.tsx';
import { updateCommand, visitCommand } from '../parts/examples.ts';
import { Failure } from '../parts/failure.tsx';
import { bytes, count, distance, milliseconds, time } from '../parts/format.ts';
import { Card, Facts, PageHead } from '../parts/page.tsx';
import { RequestTable } from '../parts/request-table.tsx';
import { Usage } from './home-usage.tsx';

const LATEST = 5;
/** The routes that the console itself calls. */
const ADMIN_ROUTES: readonly string[] = ['admin', 'settings', 'token'];

/** What happens on the server now: calls, batches, its store; versions and workers come last. */
export function HomePage({ client }: { client: string }) {
  return (
    <>
      <PageHead title="Home" intro={`What client ${client} and its server do now`} />
      <Now client={client} />
      <LatestRequests client={client} />
      <LatestBatches client={client} />
      <Usage client={client} />
      <AboutServer client={client} />
    </>
  );
}

/** A large number, its label and a note. Undefined means not known yet. */
type Figure = readonly [name: string, value: string | undefined, note?: string | undefined];

function Figures({ figures }: { figures: readonly Figure[] }) {
  return (
    <dl className="figures">
      {figures.map(([name, value, note]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>
            <b>{value ?? '–'}</b> <small>{note}</small>
          </dd>
        </div>
      ))}
    </dl>
  );
}

function Now({ client }: { client: string }) {
  const live = useLiveFigures();
  const server = useServer(client).data;
  const figures = live.data ?? undefined;
  const none = figures && figures.median === undefined ? 'no calls' : undefined;
  const duration = (seconds: number | undefined) =>
    seconds === undefined ? undefined : milliseconds(seconds);
  return (
    <Card title="Now" actions={<CurlButton path={paths.server(client)} />}>
      {live.isLoadingError && <Failure error={live.error} retry={() => void live.refetch()} />}
      <Figures
        figures={[
          [
            'Calls per second',
            figures && rate(figures.callsPerSecond),
            figures && `last ${Math.round(figures.seconds)} seconds, all clients`,
          ],
          ['Latency, median', duration(figures?.median), none],
          ['Latency, 99th', duration(figures?.p99), none],
          ['Refused or failed', figures && percent(figures.refusedShare), 'status 400 and above'],
          ['Profiles', server && count(server.store.profiles), 'all clients'],
          ['Store', server && bytes(server.store.bytes), server && STORE_NOTES[server.store.kind]],
          [
            'Free on disk',
            figures?.diskFree === undefined ? undefined : bytes(figures.diskFree),
            'data folder',
          ],
        ]}
      />
    </Card>
  );
}

const STORE_NOTES: Readonly<Record<string, string>> = {
  lmdb: 'LMDB, on disk',
  redis: 'Redis Cluster, in memory',
};

function rate(value: number): string {
  return value.toLocaleString(undefined, { maximumFractionDigits: value < 10 ? 1 : 0 });
}

function percent(share: number): string {
  return share.toLocaleString(undefined, { style: 'percent', maximumFractionDigits: 1 });
}

function LatestRequests({ client }: { client: string }) {
  const [, navigate] = useLocation();
  const server = useServer(client);
  const at = server.data?.requests ?? undefined;
  const { calls, error } = useRequests(client, at, false);
  const traffic = (calls ?? []).filter(({ route = '' }) => !ADMIN_ROUTES.includes(route)).reverse();
  const isRefused = ({ status, reason }: (typeof traffic)[number]) => status >= 400 || reason !== undefined;
  const refused = traffic.filter(isRefused).slice(0, LATEST);
  const others = traffic.filter((call) => !isRefused(call)).slice(0, LATEST);
  const requestsPage = `/${encodeURIComponent(client)}/requests`;
  const isOfRefusals = server.data?.requestsKept === 'refused';
  return (
    <Card
      title={isOfRefusals ? 'Refused requests' : 'Latest requests'}
      actions={
        <Link className="button button-quiet" href={requestsPage}>
          All requests
        </Link>
      }
    >
      {error && calls === undefined ? (
        <Failure error={error} />
      ) : server.data && !at ? (
        <div className="empty">
          <p>This server keeps none of its calls. To see them here, start it with a journal:</p>
          <Command>quiver serve --journal 1000</Command>
        </div>
      ) : calls === undefined ? (
        <p className="loading">Loading…</p>
      ) : traffic.length === 0 && isOfRefusals ? (
        <p className="muted">No call was refused.</p>
      ) : traffic.length === 0 ? (
        <div className="empty">
          <p>No call yet. Send one:</p>
          <Command>{visitCommand(client)}</Command>
        </div>
      ) : (
        <RequestTable
          calls={[...refused, ...others]}
          openId={undefined}
          open={(id) => navigate(`${requestsPage}?call=${id}`)}
          ofAll={false}
        />
      )}
    </Card>
  );
}

function LatestBatches({ client }: { client: string }) {
  const batches = useBatches(client);
  return (
    <Card
      title="Batches"
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
        <BatchTable client={client} batches={latest(batches.data)} />
      )}
    </Card>
  );
}

/** All batches that are waiting or running, then those accepted last. */
function latest(batches: readonly BatchView[]): BatchView[] {
  const underWay = batches.filter(isUnderWay);
  const done = batches.filter((batch) => !isUnderWay(batch));
  return [...underWay, ...done.slice(0, Math.max(0, LATEST - underWay.length))];
}

function AboutServer({ client }: { client: string }) {
  const server = useServer(client);
  if (server.isLoadingError) return <Failure error={server.error} retry={() => void server.refetch()} />;
  const facts = server.data;
  return (
    <Card title="Server">
      {facts ? (
        <Facts
          facts={[
            ['Version', facts.version],
            ['Started', `${time(facts.startedAt)} (${distance(facts.startedAt)})`],
            ['Workers', count(facts.workers)],
            ['Edge cluster', `${facts.cluster}, location hint ${facts.locationHint}`],
          ]}
        />
      ) : (
        <p className="loading">Loading…</p>
      )}
    </Card>
  );
}
