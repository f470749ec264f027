import type { JournalCall } from 'quiver-client';
import { useState } from 'react';
import { Button } from 'react-aria-components';
import { useSearch } from 'wouter';
import { useServer } from '../api/queries.ts';
import { useRequests } from '../api/requests.ts';
import { Command, CurlButton } from '../parts/copy.tsx';
import { visitCommand } from '../parts/examples.ts';
import { Failure } from '../parts/failure.tsx';
import { counted } from '../parts/format.ts';
import { Card, PageHead } from '../parts/page.tsx';
import { RequestTable } from '../parts/request-table.tsx';
import { RequestDetails } from './request-details.tsx';

/** The routes that the console itself calls, so they are hidden at first. */
const ADMIN_ROUTES: readonly string[] = ['admin', 'settings', 'token'];
const ROUTES = ['visit', 'fetch', 'update', 'remove', 'batch', 'batchStatus', ...ADMIN_ROUTES];
const NO_ADMIN = 'no admin';

/** Every call that the server receives, as it arrives. */
export function RequestsPage({ client }: { client: string }) {
  const server = useServer(client);
  if (server.isError) return <Failure error={server.error} retry={() => void server.refetch()} />;
  if (server.isPending) return <p className="loading">Loading…</p>;
  const { requests, requestsKept, sandbox } = server.data;
  const isOfRefusals = requestsKept === 'refused';
  return (
    <>
      <PageHead
        title="Requests"
        intro={
          sandbox
            ? 'The calls of your code as they arrive, and what each one did'
            : isOfRefusals
              ? 'The last calls that this server refused, and why'
              : 'The last calls of this server as they arrive, without bodies'
        }
      />
      {isOfRefusals && (
        <p className="muted">
          This server keeps only the calls that it refused. To see all, start it with{' '}
          <code>--journal 1000</code>.
        </p>
      )}
      {requests ? (
        <Live client={client} at={requests} isSandbox={sandbox === true} />
      ) : (
        <Card title="No journal">
          <div className="empty">
            <p>This server keeps none of its calls. Start it with a journal, which holds no bodies:</p>
            <Command>quiver serve --journal 1000</Command>
          </div>
        </Card>
      )}
    </>
  );
}

interface Filter {
  readonly text: string;
  readonly route: string;
  readonly isRefused: boolean;
}

const NO_FILTER: Filter = { text: '', route: NO_ADMIN, isRefused: false };

function Live(props: { client: string; at: '/requests' | '/sandbox/requests'; isSandbox: boolean }) {
  const { client, at, isSandbox } = props;
  const [ofAll, setOfAll] = useState(isSandbox);
  const [filter, setFilter] = useState<Filter>(NO_FILTER);
  const [pausedAt, setPausedAt] = useState<number>();
  const [openId, setOpenId] = useState<number | undefined>(useLinkedCall());
  const { calls, error, clear } = useRequests(client, at, ofAll);
  const fitting = (calls ?? []).filter((call) => fits(call, filter));
  const shown = fitting.filter(({ id }) => pausedAt === undefined || id <= pausedAt).reverse();
  const waiting = fitting.length - shown.length;
  const open = calls?.find(({ id }) => id === openId);
  return (
    <>
      {error && <Failure error={error} />}
      <Card
        title="Calls"
        actions={
          <>
            <CurlButton path={`${at}${ofAll ? '' : `?client=${encodeURIComponent(client)}`}`} />
            <Button className="button" onPress={clear}>
              Clear
            </Button>
            <Button
              className="button"
              onPress={() => setPausedAt(pausedAt === undefined ? (calls?.at(-1)?.id ?? 0) : undefined)}
            >
              {pausedAt === undefined ? 'Pause' : waiting === 0 ? 'Resume' : `Resume, ${waiting} new`}
            </Button>
          </>
        }
      >
        <Filters filter={filter} change={setFilter} ofAll={ofAll} setOfAll={setOfAll} />
        <p className="muted" role="status">
          {pausedAt === undefined
            ? counted(shown.length, 'call')
            : `Paused at ${counted(shown.length, 'call')}`}
        </p>
        {calls === undefined ? (
          <p className="loading">Loading…</p>
        ) : shown.length === 0 ? (
          <div className="empty">
            <p>{filter === NO_FILTER ? 'No call yet. Send one:' : 'No call matches. To send one:'}</p>
            <Command>{visitCommand(client)}</Command>
          </div>
        ) : (
          <RequestTable calls={shown} openId={openId} open={setOpenId} ofAll={ofAll} />
        )}
      </Card>
      {open && <RequestDetails call={open} isSandbox={isSandbox} close={() => setOpenId(undefined)} />}
    </>
  );
}

/** The call that a link from another page names: `?call=17`. */
function useLinkedCall(): number | undefined {
  const id = new URLSearchParams(useSearch()).get('call');
  return id === null ? undefined : Number(id);
}

function fits(call: JournalCall, { text, route, isRefused }: Filter): boolean {
  const name = call.route ?? '';
  if (route === NO_ADMIN ? ADMIN_ROUTES.includes(name) : route !== '' && route !== name) return false;
  if (isRefused && call.reason === undefined && call.fault === undefined) return false;
  if (text === '') return true;
  const { method, path, query, client, status, reason = '', ids } = call;
  const sought = [method, path, query, client, String(status), reason, ...ids.map(({ value }) => value)];
  return sought.join('\n').toLowerCase().includes(text.toLowerCase());
}

function Filters(props: {
  filter: Filter;
  change: (filter: Filter) => void;
  ofAll: boolean;
  setOfAll: (ofAll: boolean) => void;
}) {
  const { filter, change, ofAll, setOfAll } = props;
  return (
    <search className="request-filters">
      <label className="field">
        <span>Filter</span>
        <input
          type="search"
          value={filter.text}
          onChange={({ target }) => change({ ...filter, text: target.value })}
          placeholder="Path, id, status, reason"
          autoComplete="off"
          spellCheck="false"
        />
      </label>
      <label className="field">
        <span>Route</span>
        <select value={filter.route} onChange={({ target }) => change({ ...filter, route: target.value })}>
          <option value={NO_ADMIN}>All but the Admin API</option>
          <option value="">All</option>
          {ROUTES.map((name) => (
            <option key={name}>{name}</option>
          ))}
        </select>
      </label>
      <label className="check">
        <input
          type="checkbox"
          checked={filter.isRefused}
          onChange={({ target }) => change({ ...filter, isRefused: target.checked })}
        />
        Only refused or failed
      </label>
      <label className="check">
        <input type="checkbox" checked={ofAll} onChange={({ target }) => setOfAll(target.checked)} />
        All clients
      </label>
    </search>
  );
}
