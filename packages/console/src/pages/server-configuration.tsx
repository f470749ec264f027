import { visibleText } from '../../../server/src/domain/visible-text.ts';
import { useConfiguration, useServer } from '../api/queries.ts';
import { Failure } from '../parts/failure.tsx';
import { Card } from '../parts/page.tsx';

const ORIGINS = {
  default: 'default',
  file: 'configuration file',
  variable: 'environment variable',
  flag: 'command line',
} as const;

/** The settings that the server runs with. A sandbox has none of them. */
export function ServerConfigurationCard({ client }: { client: string }) {
  const server = useServer(client);
  const isSandbox = server.data?.sandbox;
  const configuration = useConfiguration(client, isSandbox === false);
  if (isSandbox !== false) return null;
  return (
    <Card title="Server configuration">
      <p className="muted">
        What this server was started with. To change a setting, restart it with another flag or variable.
        Secrets are not shown.
      </p>
      {configuration.isLoadingError ? (
        <Failure error={configuration.error} retry={() => void configuration.refetch()} />
      ) : (
        <div className="scroll">
          <table>
            <caption className="off-screen">Settings of the server</caption>
            <thead>
              <tr>
                <th scope="col">Setting</th>
                <th scope="col">Value</th>
                <th scope="col">From</th>
              </tr>
            </thead>
            <tbody>
              {configuration.data?.map(({ name, value, origin }) => (
                <tr key={name}>
                  <td>
                    <code>{name}</code>
                  </td>
                  <td>{visibleText(value)}</td>
                  <td>{ORIGINS[origin]}</td>
                </tr>
              ))}
            </tbody>
          </table>
        </div>
      )}
    </Card>
  );
}
