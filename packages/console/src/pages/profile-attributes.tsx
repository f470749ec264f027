import type { AttributeView, ProfileView, Timeline } from 'quiver-client';
import { useEffect, useRef, useState } from 'react';
import { Button, Input, Label, TextField } from 'react-aria-components';
import { visibleText } from '../../../server/src/domain/visible-text.ts';
import { paths } from '../api/paths.ts';
import { useRemoveAttribute } from '../api/queries.ts';
import { originOf } from '../api/timeline.ts';
import { Ago } from '../parts/ago.tsx';
import { ConfirmButton } from '../parts/confirm.tsx';
import { CurlButton } from '../parts/copy.tsx';
import { useFocusWhenLost } from '../parts/focus.ts';
import { count } from '../parts/format.ts';
import { LongText } from '../parts/long-text.tsx';
import { Card } from '../parts/page.tsx';
import { Pager } from '../parts/pager.tsx';
import { AttributeForm } from './attribute-form.tsx';

type Column = 'name' | 'value' | 'modifiedAt';
interface Order {
  readonly by: Column;
  readonly isUp: boolean;
}
const COLUMNS: readonly (readonly [Column, string])[] = [
  ['name', 'Name'],
  ['value', 'Value'],
  ['modifiedAt', 'Written'],
];
/** With fewer attributes, no filter is shown. */
const FILTER_FROM = 6;
const PAGE_ROWS = 100;

export function ProfileAttributes(props: {
  client: string;
  profile: ProfileView;
  /** Undefined when no change feed is kept, or until it is read. */
  timeline: Timeline | undefined;
}) {
  const { client, profile, timeline } = props;
  const [order, setOrder] = useState<Order>({ by: 'modifiedAt', isUp: false });
  const [filter, setFilter] = useState('');
  const [page, setPage] = useState(0);
  const [editing, setEditing] = useState<string>();
  /** The attribute whose form was closed last; its button gets the focus. */
  const [edited, setEdited] = useState<string>();
  const add = useRef<HTMLButtonElement>(null);
  const found = arranged(profile.attributes, order, filter);
  const shown = found.slice(page * PAGE_ROWS, (page + 1) * PAGE_ROWS);
  const close = (name: string) => {
    setEditing(undefined);
    setEdited(name);
  };
  // biome-ignore lint/correctness/useExhaustiveDependencies: another filter or order begins at its first page
  useEffect(() => setPage(0), [filter, order]);
  useFocusWhenLost(add, editing === undefined && edited === '');
  return (
    <Card
      title={`Attributes (${count(profile.attributes.length)})`}
      actions={
        <>
          <CurlButton
            path={paths.profile(client, profile.id, profile.kind)}
            method="PATCH"
            json={{ attributes: { name: 'value' } }}
          />
          <Button ref={add} className="button" onPress={() => setEditing('')} isDisabled={editing === ''}>
            Add attribute
          </Button>
        </>
      }
    >
      {editing === '' && <AttributeForm client={client} profile={profile} close={() => close('')} />}
      {profile.attributes.length >= FILTER_FROM && (
        <TextField className="filter" value={filter} onChange={setFilter}>
          <Label>Filter by name or value</Label>
          <Input />
        </TextField>
      )}
      {shown.length === 0 ? (
        <p className="muted">
          {filter === '' ? 'This profile has no attributes.' : 'No name and no value contains this text.'}
        </p>
      ) : (
        <div className="scroll">
          <table className="attributes dense">
            <caption className="off-screen">Attributes</caption>
            <thead>
              <tr>
                {COLUMNS.map(([by, title]) => (
                  <th
                    key={by}
                    scope="col"
                    aria-sort={order.by === by ? (order.isUp ? 'ascending' : 'descending') : 'none'}
                  >
                    <button
                      type="button"
                      className="sort"
                      onClick={() => setOrder({ by, isUp: order.by === by ? !order.isUp : true })}
                    >
                      {title}
                      <span aria-hidden="true">{order.by === by ? (order.isUp ? ' ↑' : ' ↓') : ''}</span>
                    </button>
                  </th>
                ))}
                {timeline && <th scope="col">Written by</th>}
                <th scope="col">
                  <span className="off-screen">Change</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((attribute) =>
                editing === attribute.name ? (
                  <tr key={attribute.name}>
                    <td colSpan={timeline ? 5 : 4}>
                      <AttributeForm
                        client={client}
                        profile={profile}
                        attribute={attribute}
                        close={() => close(attribute.name)}
                      />
                    </td>
                  </tr>
                ) : (
                  <AttributeRow
                    key={attribute.name}
                    client={client}
                    profile={profile}
                    attribute={attribute}
                    timeline={timeline}
                    edit={() => setEditing(attribute.name)}
                    wasEdited={edited === attribute.name}
                  />
                ),
              )}
            </tbody>
          </table>
        </div>
      )}
      <Pager page={page} pageRows={PAGE_ROWS} rows={found.length} open={setPage} />
    </Card>
  );
}

function AttributeRow(props: {
  client: string;
  profile: ProfileView;
  attribute: AttributeView;
  timeline: Timeline | undefined;
  edit: () => void;
  wasEdited: boolean;
}) {
  const { client, profile, attribute, timeline, edit, wasEdited } = props;
  const { name, value, modifiedAt } = attribute;
  const remove = useRemoveAttribute(client, profile);
  const change = useRef<HTMLButtonElement>(null);
  const shownName = visibleText(name);
  useEffect(() => {
    if (wasEdited && document.activeElement === document.body) change.current?.focus();
  }, [wasEdited]);
  return (
    <tr>
      <th scope="row">{shownName}</th>
      <td className="value">
        {value === '' ? (
          <span className="muted">empty</span>
        ) : (
          <LongText of={shownName} text={visibleText(value)} />
        )}
      </td>
      <td className="when">
        <Ago at={modifiedAt} />
      </td>
      {timeline && (
        <td className="when">
          {originOf(attribute, timeline) ?? <Unknown isOld={timeline.next === undefined} />}
        </td>
      )}
      <td className="row-actions">
        <Button
          ref={change}
          className="button button-quiet"
          onPress={edit}
          aria-label={`Change ${shownName}`}
        >
          Change
        </Button>
        <ConfirmButton
          quiet
          label="Remove"
          name={`Remove ${shownName}`}
          title={`Remove ${shownName}?`}
          confirm="Remove attribute"
          act={() => remove.mutateAsync(name)}
        >
          <p>
            The attribute <code>{shownName}</code> and its value are removed; the rest of the profile stays.
          </p>
        </ConfirmButton>
      </td>
    </tr>
  );
}

/** @param isOld whether the whole change feed was searched */
function Unknown({ isOld }: { isOld: boolean }) {
  const reason = isOld ? 'The change feed has no such change any more' : 'Not in the changes that are shown';
  return (
    <span className="muted" title={reason}>
      unknown
    </span>
  );
}

function arranged(
  attributes: readonly AttributeView[],
  { by, isUp }: Order,
  filter: string,
): AttributeView[] {
  const sought = filter.trim().toLowerCase();
  const found = attributes.filter(
    ({ name, value }) => name.toLowerCase().includes(sought) || value.toLowerCase().includes(sought),
  );
  const compare = new Intl.Collator(undefined, { numeric: true }).compare;
  return found.sort((one, other) => compare(one[by], other[by]) * (isUp ? 1 : -1));
}
