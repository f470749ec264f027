import type { BatchView, ServerView } from 'quiver-client';
import { Link, useLocation } from 'wouter';
import { isRefused, type Live, useLive } from '../api/live.ts';
import { paths } from '../api/paths.ts';
import { BatchTable } from '../parts/batch-table.tsx';
import { Command, CurlButton } from '../parts/copy.tsx';
import { updateCommand, visitCommand } from '../parts/examples.ts';
import { Failure } from '../parts/failure.tsx';
import { bytes, count, distance, milliseconds, time } from '../parts/format.ts';
import { Card, Facts, PageHead } from '../parts/page.tsx';
import { RequestTable } from '../parts/request-table.tsx';
import { Usage } from './home-usage.tsx';

/** What happens on the server now: calls, batches, its store; versions and workers come last. */
export function HomePage({ client }: { client: string }) {
  const live = useLive(client);
  const view: Live = live.data ?? {};
  return (
    <>
      <PageHead title="Home" intro={`What client ${client} and its server do now`} />
      {live.isLoadingError ? (
        <Failure error={live.error} retry={() => void live.refetch()} />
      ) : (
        <>
          <Now client={client} view={view} />
          <LatestRequests client={client} view={view} />
          <LatestBatches client={client} batches={view.batches} />
          <Usage client={client} days={view.usage} />
          <AboutServer server={view.server} />
        </>
      )}
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

function Now({ client, view }: { client: string; view: Live }) {
  const { figures, server, diskFree } = view;
  const none = figures && figures.median === undefined ? 'no calls' : undefined;
  const duration = (seconds: number | undefined) =>
    seconds === undefined ? undefined : milliseconds(seconds);
  return (
    <Card title="Now" actions={<CurlButton path={paths.live(client)} />}>
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
            diskFree === undefined || diskFree === null ? undefined : bytes(diskFree),
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

function LatestRequests({ client, view }: { client: string; view: Live }) {
  const [, navigate] = useLocation();
  const { requests, server } = view;
  const refused = (requests ?? []).filter(isRefused).reverse();
  const others = (requests ?? []).filter((call) => !isRefused(call)).reverse();
  const requestsPage = `/${encodeURIComponent(client)}/requests`;
  const isOfRefusals = server?.requestsKept === 'refused';
  return (
    <Card
      title={isOfRefusals ? 'Refused requests' : 'Latest requests'}
      actions={
        <Link className="button button-quiet" href={requestsPage}>
          All requests
        </Link>
      }
    >
      {requests === null ? (
        <div className="empty">
          <p>This server keeps none of its calls. To see them here, start it with a journal:</p>
          <Command>quiver serve --journal 1000</Command>
        </div>
      ) : requests === undefined ? (
        <p className="loading">Loading…</p>
      ) : requests.length === 0 && isOfRefusals ? (
        <p className="muted">No call was refused.</p>
      ) : requests.length === 0 ? (
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

function LatestBatches(props: { client: string; batches: readonly BatchView[] | undefined }) {
  const { client, batches } = props;
  return (
    <Card
      title="Batches"
      actions={
        <Link className="button button-quiet" href={`/${encodeURIComponent(client)}/batches`}>
          All batches
        </Link>
      }
    >
      {batches === undefined ? (
        <p className="loading">Loading…</p>
      ) : batches.length === 0 ? (
        <div className="empty">
          <p>No batch yet. One file can update many profiles:</p>
          <Command>{updateCommand(client)}</Command>
        </div>
      ) : (
        <BatchTable client={client} batches={batches} />
      )}
    </Card>
  );
}

function AboutServer({ server: facts }: { server: ServerView | undefined }) {
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
