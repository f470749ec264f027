import type { AttributeView, ProfileView } from 'quiver-client';
import { useId, useState } from 'react';
import { Button, Input, Label, TextArea, TextField } from 'react-aria-components';
import { visibleText } from '../../../server/src/domain/visible-text.ts';
import { useAttributeNames, useSetAttribute } from '../api/queries.ts';
import { Failure } from '../parts/failure.tsx';
import { visibleLines } from '../parts/format.ts';

/** The prefix of attribute names in requests; it is not part of the name itself. */
const PREFIX = 'profile.';

/** The most lines of a value that are visible without scrolling. */
const MOST_LINES = 8;

/**
 * A new attribute, or a new value of an existing one. Enter saves, with Shift it begins a new line;
 * Escape closes. If saving would replace a value that the user has not seen, the form shows that
 * value first.
 */
export function AttributeForm(props: {
  client: string;
  profile: ProfileView;
  attribute?: AttributeView;
  close: () => void;
}) {
  const { client, profile, attribute, close } = props;
  const [text, setText] = useState(attribute?.name ?? '');
  const [value, setValue] = useState(attribute?.value ?? '');
  const [seen] = useState(attribute?.value);
  const [isTold, setTold] = useState(false);
  const [agreed, setAgreed] = useState<string>();
  const names = useAttributeNames(client);
  const set = useSetAttribute(client, profile);
  const listId = useId();
  const hasPrefix = attribute === undefined && text.trim().startsWith(PREFIX);
  const name = attribute?.name ?? (hasPrefix ? text.trim().slice(PREFIX.length) : text.trim());
  const existing = profile.attributes.find(
    (one) => one.name === name && one.value !== value && one.value !== seen,
  );
  const isAgreed = existing === undefined || agreed === existing.value;
  const problem =
    name === ''
      ? 'An attribute needs a name.'
      : value === ''
        ? 'An attribute needs a value: an empty one would change nothing. To delete an attribute, remove it.'
        : undefined;
  const isAsking = isTold && problem === undefined && existing !== undefined && !isAgreed;
  return (
    <form
      className="attribute-form"
      onSubmit={(event) => {
        event.preventDefault();
        setTold(true);
        if (problem === undefined && isAgreed) set.mutate({ name, value }, { onSuccess: close });
      }}
      onKeyDown={({ key }) => {
        if (key === 'Escape') close();
      }}
    >
      <TextField
        value={attribute ? visibleText(text) : text}
        onChange={setText}
        isReadOnly={attribute !== undefined}
        autoFocus={attribute === undefined}
        isInvalid={isTold && name === ''}
      >
        <Label>Name</Label>
        <Input list={listId} autoComplete="off" spellCheck="false" />
      </TextField>
      <datalist id={listId}>
        {names.data?.map((known) => (
          <option key={known} value={known} />
        ))}
      </datalist>
      <TextField
        value={value}
        onChange={setValue}
        autoFocus={attribute !== undefined}
        isInvalid={isTold && value === ''}
      >
        <Label>Value</Label>
        <TextArea
          autoComplete="off"
          rows={Math.min(MOST_LINES, value.split('\n').length)}
          onKeyDown={(event) => {
            if (event.key !== 'Enter' || event.shiftKey || event.nativeEvent.isComposing) return;
            event.preventDefault();
            event.currentTarget.form?.requestSubmit();
          }}
        />
      </TextField>
      <div className="actions">
        <Button type="submit" className="button button-solid" isDisabled={set.isPending}>
          Save
        </Button>
        <Button className="button" onPress={close}>
          Cancel
        </Button>
      </div>
      {hasPrefix && (
        <p className="muted" role="status">
          <code>{PREFIX}</code> is how requests write the name; the attribute is called{' '}
          <code>{visibleText(name)}</code>.
        </p>
      )}
      {visibleLines(value) !== value && (
        <p className="muted" role="status">
          The value has characters that are not visible: <code>{visibleText(value).slice(0, 200)}</code>
        </p>
      )}
      {attribute !== undefined && attribute.value !== seen && attribute.value !== value && (
        <p className="muted" role="status">
          The attribute has been changed meanwhile, to{' '}
          <code>{visibleText(attribute.value).slice(0, 100)}</code>
        </p>
      )}
      {isTold && problem !== undefined && (
        <p className="bad-words" role="alert">
          {problem}
        </p>
      )}
      {isAsking && (
        <div className="note note-warn" role="alert">
          <p>
            This profile has an attribute <code>{visibleText(name)}</code> with another value:{' '}
            <code>{visibleText(existing.value).slice(0, 100)}</code>
          </p>
          <Button
            className="button"
            autoFocus
            onPress={() => {
              setAgreed(existing?.value);
              set.mutate({ name, value }, { onSuccess: close });
            }}
          >
            Replace its value
          </Button>
        </div>
      )}
      {set.isError && <Failure error={set.error} />}
    </form>
  );
}
