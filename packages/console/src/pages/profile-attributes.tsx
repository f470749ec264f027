import type { AttributeView, ProfileView } from 'quiver-client';
import { useId, useState } from 'react';
import { Button, Input, Label, TextField } from 'react-aria-components';
import { paths } from '../api/paths.ts';
import { useAttributeNames, useRemoveAttribute, useSetAttribute } from '../api/queries.ts';
import { ConfirmButton } from '../parts/confirm.tsx';
import { CurlButton } from '../parts/copy.tsx';
import { Failure } from '../parts/failure.tsx';
import { distance, time } from '../parts/format.ts';
import { Card } from '../parts/page.tsx';

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
/** Fewer are seen at a glance. */
const FILTER_FROM = 6;

export function ProfileAttributes({ client, profile }: { client: string; profile: ProfileView }) {
  const [order, setOrder] = useState<Order>({ by: 'modifiedAt', isUp: false });
  const [filter, setFilter] = useState('');
  const [editing, setEditing] = useState<string>();
  const shown = arranged(profile.attributes, order, filter);
  return (
    <Card
      title="Attributes"
      actions={
        <>
          <CurlButton
            path={paths.profile(client, profile.id, profile.kind)}
            method="PATCH"
            json={{ attributes: { name: 'value' } }}
          />
          <Button className="button" onPress={() => setEditing('')} isDisabled={editing === ''}>
            Add attribute
          </Button>
        </>
      }
    >
      {editing === '' && (
        <AttributeForm client={client} profile={profile} close={() => setEditing(undefined)} />
      )}
      {profile.attributes.length >= FILTER_FROM && (
        <TextField className="filter" value={filter} onChange={setFilter}>
          <Label>Filter by name or value</Label>
          <Input />
        </TextField>
      )}
      {shown.length === 0 ? (
        <p className="muted">
          {filter === '' ? 'This profile has no attributes.' : 'No attribute has this in its name or value.'}
        </p>
      ) : (
        <div className="scroll">
          <table className="attributes">
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
                <th scope="col">
                  <span className="off-screen">Change</span>
                </th>
              </tr>
            </thead>
            <tbody>
              {shown.map((attribute) =>
                editing === attribute.name ? (
                  <tr key={attribute.name}>
                    <td colSpan={4}>
                      <AttributeForm
                        client={client}
                        profile={profile}
                        attribute={attribute}
                        close={() => setEditing(undefined)}
                      />
                    </td>
                  </tr>
                ) : (
                  <AttributeRow
                    key={attribute.name}
                    client={client}
                    profile={profile}
                    attribute={attribute}
                    edit={() => setEditing(attribute.name)}
                  />
                ),
              )}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}

function AttributeRow(props: {
  client: string;
  profile: ProfileView;
  attribute: AttributeView;
  edit: () => void;
}) {
  const { client, profile, attribute, edit } = props;
  const { name, value, modifiedAt } = attribute;
  const remove = useRemoveAttribute(client, profile);
  return (
    <tr>
      <th scope="row">{name}</th>
      <td className="value">{value === '' ? <span className="muted">empty</span> : value}</td>
      <td>
        <time dateTime={modifiedAt} title={time(modifiedAt)}>
          {distance(modifiedAt)}
        </time>
      </td>
      <td className="row-actions">
        <Button className="button button-quiet" onPress={edit} aria-label={`Change ${name}`}>
          Change
        </Button>
        <ConfirmButton
          quiet
          label="Remove"
          name={`Remove ${name}`}
          title={`Remove ${name}?`}
          confirm="Remove attribute"
          act={() => remove.mutateAsync(name)}
        >
          <p>
            The attribute <code>{name}</code> and its value go; the rest of the profile stays.
          </p>
        </ConfirmButton>
      </td>
    </tr>
  );
}

/** A new attribute, or a new value of one that is there. */
function AttributeForm(props: {
  client: string;
  profile: ProfileView;
  attribute?: AttributeView;
  close: () => void;
}) {
  const { client, profile, attribute, close } = props;
  const [name, setName] = useState(attribute?.name ?? '');
  const [value, setValue] = useState(attribute?.value ?? '');
  const names = useAttributeNames(client);
  const set = useSetAttribute(client, profile);
  const listId = useId();
  return (
    <form
      className="attribute-form"
      onSubmit={(event) => {
        event.preventDefault();
        set.mutate({ name: name.trim(), value }, { onSuccess: close });
      }}
    >
      <TextField
        value={name}
        onChange={setName}
        isReadOnly={attribute !== undefined}
        autoFocus={attribute === undefined}
        isRequired
      >
        <Label>Name</Label>
        <Input list={listId} autoComplete="off" spellCheck="false" />
      </TextField>
      <datalist id={listId}>
        {names.data?.map((known) => (
          <option key={known} value={known} />
        ))}
      </datalist>
      <TextField value={value} onChange={setValue} autoFocus={attribute !== undefined}>
        <Label>Value</Label>
        <Input autoComplete="off" />
      </TextField>
      <div className="actions">
        <Button
          type="submit"
          className="button button-solid"
          isDisabled={name.trim() === '' || set.isPending}
        >
          Save
        </Button>
        <Button className="button" onPress={close}>
          Cancel
        </Button>
      </div>
      {set.isError && <Failure error={set.error} />}
    </form>
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
