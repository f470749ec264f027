import type { IdKind } from 'quiver-client';
import { useEffect, useState } from 'react';
import { Button, Input, Label, SearchField } from 'react-aria-components';
import { Link, useSearchParams } from 'wouter';
import { useProfile } from '../api/queries.ts';
import { Command } from '../parts/copy.tsx';
import { visitCommand } from '../parts/examples.ts';
import { Failure } from '../parts/failure.tsx';
import { isIdKind, KIND_NAMES } from '../parts/kinds.ts';
import { Card, PageHead } from '../parts/page.tsx';
import { ProfileView } from './profile-view.tsx';

export function ProfilesPage({ client }: { client: string }) {
  const [query, setQuery] = useSearchParams();
  const id = query.get('id') ?? '';
  const asked = query.get('kind') ?? '';
  const kind = isIdKind(asked) ? asked : undefined;
  return (
    <>
      <PageHead title="Profiles" />
      <Search key={id} id={id} search={(sought) => setQuery(sought === '' ? {} : { id: sought })} />
      {id === '' ? <NothingSought client={client} /> : <Found client={client} id={id} kind={kind} />}
    </>
  );
}

function Search({ id, search }: { id: string; search: (id: string) => void }) {
  const [text, setText] = useState(id);
  useEffect(() => setText(id), [id]);
  return (
    <search className="search">
      <SearchField
        value={text}
        onChange={setText}
        onSubmit={(sought) => search(sought.trim())}
        autoFocus={id === ''}
      >
        <Label>Visitor id</Label>
        <div className="search-line">
          <Input placeholder="tntId, thirdPartyId, ECID or alias:id" autoComplete="off" spellCheck="false" />
          <Button slot={null} className="button button-solid" onPress={() => search(text.trim())}>
            Find
          </Button>
        </div>
      </SearchField>
    </search>
  );
}

function Found({ client, id, kind }: { client: string; id: string; kind: IdKind | undefined }) {
  const profile = useProfile(client, id, kind);
  if (profile.isError) return <Failure error={profile.error} retry={() => void profile.refetch()} />;
  if (profile.isPending) return <p className="loading">Looking…</p>;
  if (profile.data === null) return <NotFound client={client} id={id} kind={kind} />;
  return <ProfileView client={client} profile={profile.data} />;
}

function NotFound({ client, id, kind }: { client: string; id: string; kind: IdKind | undefined }) {
  return (
    <Card title="No profile">
      <div className="empty" role="status">
        <p>
          Client {client} has no profile under{' '}
          {kind ? KIND_NAMES[kind] : 'a tntId, thirdPartyId, ECID or customer id that reads'}{' '}
          <code>{id}</code>. It may have expired, may never have been written, or belongs to another client.
        </p>
        {kind && (
          <p>
            <Link href={`/${encodeURIComponent(client)}/profiles?id=${encodeURIComponent(id)}`}>
              Look among ids of every kind
            </Link>
          </p>
        )}
      </div>
    </Card>
  );
}

function NothingSought({ client }: { client: string }) {
  return (
    <Card title="Find a visitor">
      <div className="empty">
        <p>
          Any id will do; its kind is told by its form. A customer id is written with its alias, such as
          crm:4711. No visitor yet? A visit makes one, and the reply has its tntId:
        </p>
        <Command>{visitCommand(client)}</Command>
      </div>
    </Card>
  );
}
