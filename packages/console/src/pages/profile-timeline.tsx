import type { Change, NamedId, ProfileView, Timeline } from 'quiver-client';
import { Button } from 'react-aria-components';
import { visibleText } from '../../../server/src/domain/visible-text.ts';
import { channelName, useEarlierChanges, type useTimeline } from '../api/timeline.ts';
import { Failure } from '../parts/failure.tsx';
import { time } from '../parts/format.ts';
import { KIND_NAMES } from '../parts/kinds.ts';
import { LongText } from '../parts/long-text.tsx';
import { Card } from '../parts/page.tsx';

type PlainChange = Omit<Change, 'state'>;

/** What happened to a profile, newest first; nothing when the server keeps no change feed. */
export function ProfileTimeline(props: {
  client: string;
  profile: ProfileView;
  timeline: ReturnType<typeof useTimeline>;
}) {
  const { client, profile, timeline } = props;
  if (timeline.isLoadingError)
    return <Failure error={timeline.error} retry={() => void timeline.refetch()} />;
  if (!timeline.data) return null;
  const { changes } = timeline.data;
  return (
    <Card title="Timeline">
      {changes.length > 0 && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: what can scroll must be reachable by keyboard
        <section className="scroll" tabIndex={0} aria-label="List of changes">
          <table className="dense">
            <caption className="off-screen">Changes of this profile, newest first</caption>
            <thead>
              <tr>
                <th scope="col">When</th>
                <th scope="col">Change</th>
                <th scope="col">By</th>
                <th scope="col">Id</th>
              </tr>
            </thead>
            <tbody>
              {changes.map((change) => (
                <tr key={change.cursor}>
                  <td className="when">{time(change.at)}</td>
                  <td className="what">
                    <LongText of={`the change of ${time(change.at)}`} text={wordsOf(change)} />
                  </td>
                  <td>{channelName(change.channel)}</td>
                  <td>{idText(change.profile)}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </section>
      )}
      <Earlier client={client} profile={profile} timeline={timeline.data} />
    </Card>
  );
}

/** How far the timeline has been read, and a button to read on. */
function Earlier(props: { client: string; profile: ProfileView; timeline: Timeline }) {
  const { client, profile, timeline } = props;
  const earlier = useEarlierChanges(client, profile);
  const { changes, next, end, readTo } = timeline;
  const none = changes.length === 0 ? 'No change of this profile was found. ' : '';
  if (next === undefined) {
    return (
      <p className="muted" role="status">
        {none}
        {readTo === undefined ? 'The change feed is empty.' : `The change feed begins ${time(readTo)}.`}
      </p>
    );
  }
  return (
    <>
      <p className="muted" role="status">
        {end === 'bound' && `${none}Searched back to ${time(readTo ?? '')}.`}
      </p>
      <Button className="button" isDisabled={earlier.isPending} onPress={() => earlier.mutate(timeline)}>
        {end === 'bound' ? 'Search further back' : 'Show earlier changes'}
      </Button>
      {earlier.isError && <Failure error={earlier.error} />}
    </>
  );
}

function wordsOf({ type, attributes = [], ids = [], from = [], overruled = [] }: PlainChange): string {
  const named = attributes.map(visibleText).join(', ');
  if (type === 'created') return named === '' ? 'Created' : `Created with ${named}`;
  if (type === 'updated') return named === '' ? 'Written' : `Changed ${named}`;
  if (type === 'linked') return `Linked with ${idsText(ids)}`;
  if (type === 'merged') {
    const kept = overruled.length === 0 ? '' : `; overruled: ${overruled.map(visibleText).join(', ')}`;
    return `Merged with the profile of ${idsText(from)}${kept}`;
  }
  if (type === 'moved') {
    return ids.length === 0 ? 'Moved to another edge cluster' : `${idsText(ids)} left for another profile`;
  }
  return type === 'expired' ? 'Expired' : 'Removed';
}

function idsText(ids: readonly NamedId[]): string {
  return ids.map(idText).join(', ');
}

function idText({ kind, id }: NamedId): string {
  return `${KIND_NAMES[kind]} ${visibleText(id)}`;
}
