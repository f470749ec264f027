import type { ClientSettings } from 'quiver-client';
import { useId, useState } from 'react';
import { Button, Input, Label, TextField } from 'react-aria-components';
import { visibleText } from '../../../server/src/domain/visible-text.ts';
import { useChangeSettings } from '../api/queries.ts';
import { Failure } from '../parts/failure.tsx';
import { Card } from '../parts/page.tsx';

interface Choice {
  readonly name:
    | 'whenTooLarge'
    | 'checking'
    | 'unknownUpdate'
    | 'placeholderIds'
    | 'customerAttributesInFetch';
  readonly title: string;
  readonly why: string;
  /** The default comes first. */
  readonly values: readonly (readonly [string | boolean, string])[];
}

const CHOICES: readonly Choice[] = [
  {
    name: 'whenTooLarge',
    title: 'A write that would exceed 64 KB',
    why: 'Adobe silently drops the oldest attributes.',
    values: [
      ['refuse', 'is refused and changes nothing'],
      ['drop-oldest', 'drops the oldest attributes, as at Adobe'],
    ],
  },
  {
    name: 'checking',
    title: 'Visits',
    why: 'Strict checking finds requests that Adobe’s description does not allow.',
    values: [
      ['lenient', 'may leave out or misspell what does not matter here'],
      ['strict', 'must match Adobe’s description'],
    ],
  },
  {
    name: 'unknownUpdate',
    title: 'An update of an unknown profile',
    why: 'Nothing is created in either case.',
    values: [
      ['tell', 'says that there is no such profile'],
      ['success', 'is answered with success, as at Adobe'],
    ],
  },
  {
    name: 'placeholderIds',
    title: 'Ids such as undefined, null or 0',
    why: 'Visitors who send one share a profile.',
    values: [
      ['warn', 'are accepted, counted and logged'],
      ['refuse', 'are refused with 400'],
    ],
  },
  {
    name: 'customerAttributesInFetch',
    title: 'Customer attributes',
    why: 'Nothing at Adobe shows that a fetch would contain them.',
    values: [
      [false, 'are not part of a fetch'],
      [true, 'are shown by a fetch as crs.<source>.<attribute>'],
    ],
  },
];

/** The numeric settings: title, explanation, default, maximum. */
const NUMBERS = [
  [
    'profileLifetimeDays',
    'Profile lifetime, in days',
    'Days after the last write, 1 to 90. A new lifetime applies to a profile from its next write.',
    14,
    90,
  ],
  [
    'tokenLifetimeDays',
    'Token lifetime, in days',
    'How long a new profile token is valid unless the request says otherwise, 1 to 3650.',
    180,
    3650,
  ],
] as const;

/**
 * The settings of a client with explanations. A change is saved at once and applies in every
 * worker.
 */
export function ClientSettingsCard({ client, settings }: { client: string; settings: ClientSettings }) {
  return (
    <Card title="Settings">
      {NUMBERS.map(([name, title, why, fallback, most]) => (
        <NumberSetting
          key={name}
          client={client}
          name={name}
          title={title}
          why={why}
          present={settings[name] ?? fallback}
          most={most}
        />
      ))}
      {CHOICES.map((choice) => (
        <ChoiceSetting key={choice.name} client={client} choice={choice} settings={settings} />
      ))}
      <OtherSetting client={client} settings={settings} />
    </Card>
  );
}

function NumberSetting(props: {
  client: string;
  name: 'profileLifetimeDays' | 'tokenLifetimeDays';
  title: string;
  why: string;
  present: number;
  most: number;
}) {
  const { client, name, title, why, present, most } = props;
  const [text, setText] = useState(String(present));
  const change = useChangeSettings(client);
  const days = Number(text);
  const isValid = /^\d+$/.test(text) && days >= 1 && days <= most;
  return (
    <form
      className="setting"
      onSubmit={(event) => {
        event.preventDefault();
        if (isValid) change.mutate({ [name]: days });
      }}
    >
      <div className="lifetime">
        <TextField value={text} onChange={setText} inputMode="numeric" isInvalid={!isValid}>
          <Label>{title}</Label>
          <Input />
        </TextField>
        <Button
          type="submit"
          className="button"
          isDisabled={!isValid || days === present || change.isPending}
          aria-label={`Save ${title}`}
        >
          Save
        </Button>
        <Said isSaved={change.isSuccess && days === present} />
      </div>
      {isValid ? (
        <p className="muted">{why}</p>
      ) : (
        <p className="bad-words">It must be a whole number from 1 to {most}.</p>
      )}
      {change.isError && <Failure error={change.error} />}
    </form>
  );
}

function ChoiceSetting(props: { client: string; choice: Choice; settings: ClientSettings }) {
  const { client, choice, settings } = props;
  const change = useChangeSettings(client);
  const present = settings[choice.name] ?? choice.values[0]![0];
  const whyId = useId();
  return (
    <div className="setting">
      <label className="field">
        <span>{choice.title}</span>
        <select
          value={String(present)}
          disabled={change.isPending}
          aria-describedby={whyId}
          onChange={({ target }) => {
            const chosen = choice.values.find(([value]) => String(value) === target.value);
            if (chosen) change.mutate({ [choice.name]: chosen[0] });
          }}
        >
          {choice.values.map(([value, words]) => (
            <option key={String(value)} value={String(value)}>
              {words}
            </option>
          ))}
        </select>
      </label>
      <p className="muted" id={whyId}>
        {choice.why} <code>{choice.name}</code> <Said isSaved={change.isSuccess} />
      </p>
      {change.isError && <Failure error={change.error} />}
    </div>
  );
}

/** Any other member by name, because Adobe has many; warns about a name that looks misspelt. */
function OtherSetting({ client, settings }: { client: string; settings: ClientSettings }) {
  const [name, setName] = useState('');
  const [text, setText] = useState('');
  const [isTold, setTold] = useState(false);
  const change = useChangeSettings(client);
  const value = parsed(text);
  const known: readonly string[] = [...CHOICES.map((choice) => choice.name), ...NUMBERS.map(([one]) => one)];
  const others = Object.entries(settings).filter(([one]) => !known.includes(one));
  const problem = name.trim() === '' ? 'A setting needs a name.' : value === undefined ? NOT_JSON : undefined;
  return (
    <details>
      <summary>Other settings</summary>
      <dl className="facts">
        {others.map(([one, stored]) => (
          <div key={one}>
            <dt>{visibleText(one)}</dt>
            <dd>
              <code>{visibleText(JSON.stringify(stored))}</code>
            </dd>
          </div>
        ))}
      </dl>
      <form
        className="attribute-form"
        onSubmit={(event) => {
          event.preventDefault();
          setTold(true);
          if (problem === undefined) change.mutate({ [name.trim()]: value });
        }}
      >
        <TextField value={name} onChange={setName}>
          <Label>Name</Label>
          <Input autoComplete="off" spellCheck="false" />
        </TextField>
        <TextField value={text} onChange={setText}>
          <Label>Value, as JSON</Label>
          <Input
            autoComplete="off"
            spellCheck="false"
            placeholder={'"text", 30, true, or null for the default'}
          />
        </TextField>
        <Button type="submit" className="button">
          Set
        </Button>
        {isTold && problem !== undefined && (
          <p className="bad-words" role="alert">
            {problem}
          </p>
        )}
        {change.isError && <Failure error={change.error} />}
        {change.warning !== undefined && (
          <div className="note note-warn" role="alert">
            <p>Stored, but: {change.warning}</p>
          </div>
        )}
        <Said isSaved={change.isSuccess && change.warning === undefined} />
      </form>
    </details>
  );
}

const NOT_JSON = 'The value must be JSON: a text in double quotes, a number, true, false, null or a list.';

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function Said({ isSaved }: { isSaved: boolean }) {
  return (
    <span role="status" className="muted">
      {isSaved ? 'Saved.' : ''}
    </span>
  );
}
