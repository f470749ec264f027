import type { ClientSettings, ClientToken } from 'quiver-client';
import { useState } from 'react';
import { Button, SwitchButton, SwitchField } from 'react-aria-components';
import { paths } from '../api/paths.ts';
import {
  useChangeSettings,
  useEndToken,
  useNewToken,
  useServer,
  useSettings,
  useToken,
} from '../api/queries.ts';
import { ConfirmButton, DialogButton } from '../parts/confirm.tsx';
import { Command, CopyButton, CurlButton } from '../parts/copy.tsx';
import { Failure } from '../parts/failure.tsx';
import { counted, distance, time } from '../parts/format.ts';
import { Card, Facts, PageHead } from '../parts/page.tsx';
import { ClientSettingsCard } from './client-settings.tsx';
import { ProfileScriptsCard } from './profile-scripts.tsx';
import { ServerConfigurationCard } from './server-configuration.tsx';

const DAY = 86_400;
const EXPIRES_IN = [
  [1, '1 day'],
  [7, '7 days'],
  [30, '30 days'],
  [90, '90 days'],
  [180, '180 days'],
  [365, '1 year'],
] as const;
const DEFAULT_DAYS = 180;

export function ImplementationPage({ client }: { client: string }) {
  const settings = useSettings(client);
  return (
    <>
      <PageHead title="Implementation" intro="What a program needs to call this client's profile APIs" />
      <Account client={client} />
      {settings.isLoadingError ? (
        <Failure error={settings.error} retry={() => void settings.refetch()} />
      ) : settings.isPending ? (
        <p className="loading">Loading…</p>
      ) : (
        <>
          <ProfileApi client={client} settings={settings.data} />
          <ClientSettingsCard client={client} settings={settings.data} />
        </>
      )}
      <ProfileScriptsCard client={client} />
      <ServerConfigurationCard client={client} />
    </>
  );
}

function Account({ client }: { client: string }) {
  const server = useServer(client);
  const domain = server.data?.serverDomain;
  return (
    <Card title="Account details" className="account">
      <Facts
        facts={[
          ['Client code', <Copied key="code" text={client} />],
          ['Server', <Copied key="origin" text={location.origin} />],
          ...(domain === undefined
            ? []
            : [['Server domain', <Copied key="domain" text={`${client}.${domain}`} />] as const]),
        ]}
      />
      <p className="muted">
        Programs send their calls to the server above. A program with Adobe’s host name built in reaches it
        through that name.
      </p>
    </Card>
  );
}

function Copied({ text }: { text: string }) {
  return (
    <span className="copied">
      <code>{text}</code> <CopyButton text={text} label="Copy" name={`Copy ${text}`} />
    </span>
  );
}

function ProfileApi({ client, settings }: { client: string; settings: ClientSettings }) {
  const change = useChangeSettings(client);
  const token = useToken(client);
  const isOn = settings.enableProfileApiAuthentication ?? false;
  return (
    <Card
      title="Profile API"
      actions={
        <CurlButton
          path={paths.settings(client)}
          method="PATCH"
          json={{ enableProfileApiAuthentication: !isOn }}
        />
      }
    >
      <SwitchField
        isSelected={isOn}
        isDisabled={change.isPending}
        onChange={(wanted) => change.mutate({ enableProfileApiAuthentication: wanted })}
      >
        <SwitchButton className="switch">
          <span className="switch-track" aria-hidden="true" />
          Require Authentication
        </SwitchButton>
      </SwitchField>
      <p className="muted">
        {isOn
          ? 'Fetch, update, batch upload and batch status need the profile token. Visits never do.'
          : 'Everybody who can reach this server may read and write the profiles of this client.'}
      </p>
      {isOn && token.data === null && (
        <div className="note note-warn" role="status">
          <p>There is no profile token, so every profile API call is refused. Create one below.</p>
        </div>
      )}
      {change.isError && <Failure error={change.error} />}
      <h3>Profile authentication token</h3>
      {token.isLoadingError ? (
        <Failure error={token.error} retry={() => void token.refetch()} />
      ) : token.isPending ? (
        <p className="loading">Loading…</p>
      ) : (
        <Token key={token.data?.accessToken ?? ''} client={client} token={token.data} />
      )}
    </Card>
  );
}

function Token({ client, token }: { client: string; token: ClientToken | null }) {
  const [isShown, setShown] = useState(false);
  const [days, setDays] = useState<number>(DEFAULT_DAYS);
  const make = useNewToken(client);
  const end = useEndToken(client);
  const expiry = token && new Date(Date.now() + token.expiresIn * 1000).toISOString();
  return (
    <div className="token">
      {token && expiry ? (
        <>
          <div className="token-text">
            <code>{isShown ? token.accessToken : '•'.repeat(32)}</code>
            <div className="actions">
              <Button className="button button-quiet" onPress={() => setShown(!isShown)}>
                {isShown ? 'Hide' : 'Show'}
              </Button>
              <CopyButton text={token.accessToken} label="Copy" name="Copy the token" />
            </div>
          </div>
          <p className="muted">
            Expires {distance(expiry)}, {time(expiry)}. Programs send it as{' '}
            <code>Authorization: Bearer …</code>
          </p>
        </>
      ) : (
        <div className="empty">
          <p>No token yet. Create one here, or with a command:</p>
          <Command>{`quiver token new --client ${client}`}</Command>
        </div>
      )}
      <div className="actions token-actions">
        <label className="field">
          <span>Expires In</span>
          <select value={days} onChange={({ target }) => setDays(Number(target.value))}>
            {EXPIRES_IN.map(([value, name]) => (
              <option key={value} value={value}>
                {name}
              </option>
            ))}
          </select>
        </label>
        <DialogButton
          look="button-solid"
          label="Generate New Profile Authentication Token"
          title="Generate a new token?"
          asks={token !== null}
          confirm="Generate"
          act={() => make.mutateAsync(days * DAY)}
        >
          <p>
            The current token ends at once. Every program that uses it is refused until it has the new one,
            which is good for {counted(days, 'day')}.
          </p>
        </DialogButton>
        {token && (
          <ConfirmButton
            label="End token"
            title="End the current token?"
            confirm="End token"
            act={() => end.mutateAsync()}
          >
            <p>Every program that uses it is refused from now on, while authentication is required.</p>
          </ConfirmButton>
        )}
        <CurlButton path={paths.token(client, String(days * DAY))} method="POST" />
      </div>
    </div>
  );
}
