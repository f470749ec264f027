import type { MergeView, NamedId, ProfileView } from 'quiver-client';
import { visibleText } from '../../../server/src/domain/visible-text.ts';
import { useMerges, useUnmerge, useUnmergePreview } from '../api/queries.ts';
import { ConfirmButton } from '../parts/confirm.tsx';
import { Failure } from '../parts/failure.tsx';
import { time } from '../parts/format.ts';
import { KIND_NAMES } from '../parts/kinds.ts';
import { Card } from '../parts/page.tsx';

/** The merges of a profile, each with a button to undo it; nothing when there are none. */
export function ProfileMerges({ client, profile }: { client: string; profile: ProfileView }) {
  const merges = useMerges(client, profile);
  if (merges.isLoadingError) return <Failure error={merges.error} retry={() => void merges.refetch()} />;
  const { merges: found = [], unreachable = [] } = merges.data ?? {};
  if (found.length === 0 && unreachable.length === 0) return null;
  return (
    <Card title="Merges">
      {unreachable.length > 0 && (
        <p className="muted" role="status">
          Edge cluster {unreachable.join(', ')} cannot be asked and may have more merges.
        </p>
      )}
      <div className="scroll">
        <table>
          <caption className="off-screen">Profiles that were merged</caption>
          <thead>
            <tr>
              <th scope="col">When</th>
              <th scope="col">Came in</th>
              <th scope="col">Values overruled</th>
              <th scope="col">
                <span className="off-screen">Undo</span>
              </th>
            </tr>
          </thead>
          <tbody>
            {found.map((merge) => (
              <tr key={merge.id}>
                <td>{time(merge.at)}</td>
                <td>
                  <Ids ids={merge.from} /> into <Ids ids={[merge.into]} />
                </td>
                <td>{namesText(merge.overruled)}</td>
                <td>
                  {merge.undoneAt === undefined ? (
                    <Undo client={client} merge={merge} />
                  ) : (
                    `undone ${time(merge.undoneAt)}`
                  )}
                </td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
    </Card>
  );
}

function Undo({ client, merge }: { client: string; merge: MergeView }) {
  const undo = useUnmerge(client);
  return (
    <ConfirmButton
      quiet
      label="Undo"
      name={`Undo the merge of ${time(merge.at)}`}
      title="Undo this merge?"
      confirm="Undo the merge"
      act={() => undo.mutateAsync(merge.id)}
    >
      <Preview client={client} id={merge.id} />
    </ConfirmButton>
  );
}

function Preview({ client, id }: { client: string; id: string }) {
  const preview = useUnmergePreview(client, id);
  if (preview.isError) return <Failure error={preview.error} />;
  if (preview.isPending) return <p className="loading">Loading…</p>;
  const { ids, attributes, removed } = preview.data;
  return (
    <>
      <p>
        <Ids ids={ids} /> will be a profile of its own again, with its attributes as they were:{' '}
        {namesText(attributes)}.
      </p>
      <p>The merged profile loses what it got by the merge and still has: {namesText(removed)}.</p>
    </>
  );
}

function Ids({ ids }: { ids: readonly NamedId[] }) {
  return ids.map(({ kind, id }, place) => (
    <span key={`${kind} ${id}`}>
      {place > 0 && ', '}
      {KIND_NAMES[kind]} <span className="id">{visibleText(id)}</span>
    </span>
  ));
}

function namesText(names: readonly string[]): string {
  return names.length === 0 ? 'none' : names.map(visibleText).join(', ');
}
