import type { FetchKind, ProfileView as Profile } from 'quiver-client';
import { useRef, useState } from 'react';
import { Link } from 'wouter';
import { visibleText } from '../../../server/src/domain/visible-text.ts';
import { paths } from '../api/paths.ts';
import { useDeleteProfile, useFetchJson } from '../api/queries.ts';
import { useTimeline } from '../api/timeline.ts';
import { ConfirmButton } from '../parts/confirm.tsx';
import { CopyButton, CurlButton } from '../parts/copy.tsx';
import { Failure } from '../parts/failure.tsx';
import { useFocusWhenLost } from '../parts/focus.ts';
import { bytes, count, counted, distance, time, visibleLines } from '../parts/format.ts';
import { KIND_NAMES } from '../parts/kinds.ts';
import { Card, Facts } from '../parts/page.tsx';
import { Gauge } from '../parts/progress.tsx';
import { ProfileAttributes } from './profile-attributes.tsx';
import { ProfileMerges } from './profile-merges.tsx';
import { ProfileTimeline } from './profile-timeline.tsx';
import { VisitorCards } from './profile-visitor.tsx';

export function ProfileView({ client, profile }: { client: string; profile: Profile }) {
  const { kind, id } = profile;
  const found = useRef<HTMLParagraphElement>(null);
  useFocusWhenLost(found, id);
  const timeline = useTimeline(client, profile);
  return (
    <>
      <Card
        title="Profile"
        actions={
          <>
            <CurlButton path={paths.profile(client, id, kind)} />
            <DeleteProfile client={client} profile={profile} />
          </>
        }
      >
        <p className="found" ref={found} tabIndex={-1}>
          <span className="badge badge-plain">{KIND_NAMES[kind]}</span>{' '}
          <span className="id">{visibleText(id)}</span>
        </p>
        <Gauge
          label="Size"
          value={profile.sizeBytes}
          max={profile.maxBytes}
          text={`${bytes(profile.sizeBytes)} of ${count(profile.maxBytes / 1024)} KB`}
        />
        <Facts
          facts={[
            ['Attributes', count(profile.attributes.length)],
            ['Last written', time(profile.modifiedAt)],
            ['Expires', `${distance(profile.expiresAt)}, ${time(profile.expiresAt)}`],
          ]}
        />
      </Card>
      <PlaceholderNotice profile={profile} />
      <ProfileAttributes client={client} profile={profile} timeline={timeline.data ?? undefined} />
      <VisitorCards profile={profile} />
      <LinkedIds client={client} profile={profile} />
      <ProfileMerges client={client} profile={profile} />
      <ProfileTimeline client={client} profile={profile} timeline={timeline} />
      <FetchJson client={client} profile={profile} />
    </>
  );
}

function PlaceholderNotice({ profile: { ids } }: { profile: Profile }) {
  const placeholders = ids.filter(({ isPlaceholder }) => isPlaceholder);
  if (placeholders.length === 0) return null;
  return (
    <p className="bad-words" role="note">
      Many visitors may share this profile: {placeholders.map(({ id }) => visibleText(id)).join(', ')} is what
      a page or an app sends when it has no id.
    </p>
  );
}

function DeleteProfile({ client, profile }: { client: string; profile: Profile }) {
  const remove = useDeleteProfile(client, profile);
  return (
    <ConfirmButton
      label="Delete profile"
      title="Delete this profile?"
      typed={profile.id}
      confirm="Delete profile"
      act={() => remove.mutateAsync()}
    >
      <p>
        {counted(profile.attributes.length, 'attribute')} and {counted(profile.ids.length, 'id')} are removed
        with it. This cannot be undone.
      </p>
    </ConfirmButton>
  );
}

function LinkedIds({ client, profile }: { client: string; profile: Profile }) {
  return (
    <Card title="Linked ids">
      <div className="scroll">
        <table>
          <caption className="off-screen">Ids of this visitor</caption>
          <thead>
            <tr>
              <th scope="col">Kind</th>
              <th scope="col">Id</th>
              <th scope="col">Since</th>
            </tr>
          </thead>
          <tbody>
            {profile.ids.map(({ kind, id, since }) => (
              <tr key={`${kind} ${id}`}>
                <td>{KIND_NAMES[kind]}</td>
                <td>
                  <Link
                    className="id"
                    href={`/${encodeURIComponent(client)}/profiles?id=${encodeURIComponent(id)}&kind=${kind}`}
                  >
                    {visibleText(id)}
                  </Link>
                </td>
                <td>{since ? time(since) : '–'}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

/**
 * A fetch does not accept customer ids, so a profile that was found by one is fetched by another of
 * its ids.
 */
function FetchJson({ client, profile }: { client: string; profile: Profile }) {
  const fetchable = [profile, ...profile.ids].flatMap(({ id, kind }) =>
    kind === 'customerId' ? [] : [{ id, kind }],
  )[0];
  return fetchable ? <FetchedBy client={client} profile={profile} id={fetchable} /> : null;
}

function FetchedBy({
  client,
  profile,
  id,
}: {
  client: string;
  profile: Profile;
  id: { readonly id: string; readonly kind: FetchKind };
}) {
  const [isOpen, setOpen] = useState(false);
  const fetched = useFetchJson(client, id, profile.modifiedAt, isOpen);
  const text = JSON.stringify(fetched.data, undefined, 2);
  return (
    <Card
      title="What a fetch returns"
      actions={
        <>
          {fetched.data !== undefined && <CopyButton text={text} label="Copy JSON" />}
          {/* No URL has such an id in its path: programs would take it as a step. */}
          {id.id !== '.' && id.id !== '..' && (
            <CurlButton path={paths.fetch(client, id.id, id.kind)} auth="profile" />
          )}
        </>
      }
    >
      <details onToggle={({ currentTarget }) => setOpen(currentTarget.open)}>
        <summary>Show the JSON</summary>
        <p className="muted">Asking for it is a fetch like any other, and is counted as one.</p>
        {fetched.isLoadingError && <Failure error={fetched.error} retry={() => void fetched.refetch()} />}
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: what can scroll must be reachable by keyboard */}
        {fetched.data !== undefined && <pre tabIndex={0}>{visibleLines(text ?? '')}</pre>}
      </details>
    </Card>
  );
}
