import type { IdKind } from 'quiver-client';
import { useEffect, useState } from 'react';
import { Button, Input, Label, SearchField, TextField } from 'react-aria-components';
import { Link, useSearchParams } from 'wouter';
import { visibleText } from '../../../server/src/domain/visible-text.ts';
import { useProfile } from '../api/queries.ts';
import { Failure } from '../parts/failure.tsx';
import { isIdKind, KIND_NAMES } from '../parts/kinds.ts';
import { Card, PageHead } from '../parts/page.tsx';
import { ProfileList } from './profile-list.tsx';
import { ProfileView } from './profile-view.tsx';

/** The state in the address: the open profile, or the filter of the list. */
export function ProfilesPage({ client }: { client: string }) {
  const [query, setQuery] = useSearchParams();
  const id = query.get('id') ?? '';
  const attribute = query.get('attribute') ?? '';
  const asked = query.get('kind') ?? '';
  const kind = isIdKind(asked) ? asked : undefined;
  const [typed, setTyped] = useState(id);
  useEffect(() => setTyped(id), [id]);
  return (
    <>
      <PageHead title="Profiles" name={id === '' ? 'Profiles' : `${visibleText(id)} · Profiles`} />
      <Search
        typed={typed}
        setTyped={setTyped}
        isOpen={id !== ''}
        attribute={attribute}
        open={(sought) => setQuery(sought === '' ? {} : { id: sought })}
        narrow={(to) => setQuery(to === '' ? {} : { attribute: to })}
      />
      {id === '' ? (
        <ProfileList client={client} prefix={typed.trim()} attribute={attribute} />
      ) : (
        <Found client={client} id={id} kind={kind} />
      )}
    </>
  );
}

function Search(props: {
  typed: string;
  setTyped: (text: string) => void;
  isOpen: boolean;
  attribute: string;
  open: (id: string) => void;
  narrow: (attribute: string) => void;
}) {
  const { typed, setTyped, isOpen, attribute, open, narrow } = props;
  const [text, setText] = useState(attribute);
  useEffect(() => setText(attribute), [attribute]);
  return (
    <search className="search">
      <SearchField
        value={typed}
        onChange={setTyped}
        onSubmit={(sought) => open(sought.trim())}
        onClear={() => open('')}
        autoFocus={!isOpen}
      >
        <Label>Visitor id</Label>
        <div className="search-line">
          <Input placeholder="tntId, thirdPartyId, ECID or alias:id" autoComplete="off" spellCheck="false" />
          <Button slot={null} className="button button-solid" onPress={() => open(typed.trim())}>
            Find
          </Button>
        </div>
      </SearchField>
      <form
        className="search-attribute"
        onSubmit={(event) => {
          event.preventDefault();
          narrow(text.trim());
        }}
      >
        <TextField value={text} onChange={setText}>
          <Label>Attribute</Label>
          <Input placeholder="name:value" autoComplete="off" spellCheck="false" />
        </TextField>
        <Button type="submit" className="button">
          Filter
        </Button>
        {attribute !== '' && (
          <Button className="button button-quiet" onPress={() => narrow('')}>
            Clear
          </Button>
        )}
      </form>
    </search>
  );
}

function Found({ client, id, kind }: { client: string; id: string; kind: IdKind | undefined }) {
  const profile = useProfile(client, id, kind);
  if (profile.isLoadingError) return <Failure error={profile.error} retry={() => void profile.refetch()} />;
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
          <code>{visibleText(id)}</code>. It may have expired, may never have been written, or may belong to
          another client.
        </p>
        <p>
          {kind && (
            <>
              <Link href={`/${encodeURIComponent(client)}/profiles?id=${encodeURIComponent(id)}`}>
                Look for this id as any kind
              </Link>
              {', or '}
            </>
          )}
          <Link href={`/${encodeURIComponent(client)}/profiles`}>see the profiles written last</Link>.
        </p>
      </div>
    </Card>
  );
}
