import type { ListedProfile } from 'quiver-client';
import { Button } from 'react-aria-components';
import { Link } from 'wouter';
import { visibleText } from '../../../server/src/domain/visible-text.ts';
import { useProfileList } from '../api/queries.ts';
import { Ago } from '../parts/ago.tsx';
import { Command } from '../parts/copy.tsx';
import { visitCommand } from '../parts/examples.ts';
import { Failure } from '../parts/failure.tsx';
import { bytes, count } from '../parts/format.ts';
import { KIND_NAMES } from '../parts/kinds.ts';
import { Card } from '../parts/page.tsx';

/**
 * The profiles that were written last, or those with ids that begin with a text.
 *
 * @param attribute `name:value`, to show only profiles that have it; empty for all
 */
export function ProfileList(props: { client: string; prefix: string; attribute: string }) {
  const { client, prefix, attribute } = props;
  const list = useProfileList(client, prefix, attribute);
  const profiles = list.data?.pages.flatMap((page) => page.profiles) ?? [];
  const isNarrowed = prefix !== '' || attribute !== '';
  return (
    <Card title={prefix === '' ? 'Written last' : `Ids that begin with ${visibleText(prefix)}`}>
      {list.isLoadingError ? (
        <Failure error={list.error} retry={() => void list.refetch()} />
      ) : list.isPending ? (
        <p className="loading">Loading…</p>
      ) : profiles.length > 0 ? (
        <ListTable client={client} profiles={profiles} />
      ) : list.hasNextPage ? (
        <p className="muted">None among the profiles read so far.</p>
      ) : isNarrowed ? (
        <p className="muted">No profile matches. Press Enter to look for exactly this id.</p>
      ) : (
        <div className="empty">
          <p>This client has no profiles yet. A visit creates one:</p>
          <Command>{visitCommand(client)}</Command>
        </div>
      )}
      {list.hasNextPage && (
        <Button
          className="button"
          onPress={() => void list.fetchNextPage()}
          isDisabled={list.isFetchingNextPage}
        >
          Show more
        </Button>
      )}
    </Card>
  );
}

function ListTable({ client, profiles }: { client: string; profiles: readonly ListedProfile[] }) {
  return (
    <div className="scroll">
      <table className="listing dense">
        <caption className="off-screen">Profiles</caption>
        <thead>
          <tr>
            <th scope="col">Id</th>
            <th scope="col">Kind</th>
            <th scope="col" className="number">
              Ids
            </th>
            <th scope="col" className="number">
              Attributes
            </th>
            <th scope="col" className="number">
              Size
            </th>
            <th scope="col">Written</th>
          </tr>
        </thead>
        <tbody>
          {profiles.map((profile) => (
            <tr key={`${profile.kind} ${profile.id}`}>
              <td>
                <Link
                  className="id"
                  href={`/${encodeURIComponent(client)}/profiles?id=${encodeURIComponent(profile.id)}&kind=${profile.kind}`}
                >
                  {visibleText(profile.id)}
                </Link>
              </td>
              <td>{KIND_NAMES[profile.kind]}</td>
              <td className="number" data-unit={profile.idCount === 1 ? 'id' : 'ids'}>
                {count(profile.idCount)}
              </td>
              <td className="number" data-unit={profile.attributeCount === 1 ? 'attribute' : 'attributes'}>
                {count(profile.attributeCount)}
              </td>
              <td className="number">{bytes(profile.sizeBytes)}</td>
              <td>
                <Ago at={profile.modifiedAt} />
              </td>
            </tr>
          ))}
        </tbody>
      </table>
    </div>
  );
}
