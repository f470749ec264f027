/** `quiver webhook`: the targets to which changes are sent (contract section 19). */

import { Command } from 'commander';
import type { WebhookView } from 'quiver-client';
import { typesOf } from './changes.ts';
import { ClientFailure, type End, EXIT, type ExitCode, endWith } from './client-failure.ts';
import { type ConnectionOptions, connect, ReplyText } from './server-connection.ts';
import { subcommandsOf } from './subcommands.ts';
import { shown, table, writeData, writeNote } from './terminal-text.ts';

type ListOptions = ConnectionOptions & { readonly json?: boolean };
type AddOptions = ListOptions & { readonly types?: ReturnType<typeof typesOf> };
type SecretOptions = ConnectionOptions & { readonly new?: boolean };

const EXAMPLES = `
Needs the admin token. Messages are in the format of Standard Webhooks. A new webhook sends changes from its creation on; its secret
can be shown again with quiver webhook secret.

Examples:
  quiver webhook add https://example.com/hooks/quiver --types merged,removed
  quiver webhook list
  quiver webhook test wh_4b7f0c2a9d1e
  quiver webhook failures wh_4b7f0c2a9d1e
  quiver webhook redeliver wh_4b7f0c2a9d1e
`;

/** The command with its subcommands, to be added to the program. */
export function webhookCommand(end: End): Command {
  const command = new Command('webhook').description('send changes of profiles to other servers');
  const { add, ofOne } = subcommandsOf(command, end, EXAMPLES, [
    '<id>',
    'the id of the webhook, as quiver webhook list shows it',
  ]);
  add('list', 'show the webhooks and their progress')
    .option('--json', 'print the unchanged reply of the server')
    .action((options: ListOptions) => endWith(end, () => list(options)));
  add('add', 'create a webhook and show its secret')
    .argument('<url>', 'where to send changes')
    .option('--types <types>', 'types of changes, separated by commas; all by default', typesOf)
    .option('--json', 'print the unchanged reply of the server')
    .action((url: string, options: AddOptions) => endWith(end, () => make(url, options)));
  ofOne('test', 'send a message of the type test now', test);
  ofOne('pause', 'send nothing until it is resumed', (id, options) => pause(id, options, true));
  ofOne('resume', 'resume where it was paused', (id, options) => pause(id, options, false));
  ofOne('secret', 'show the secret that messages are signed with', secret).option(
    '--new',
    'create a new one; the current one is revoked at once',
  );
  ofOne('failures', 'show undeliverable messages, one line of JSON each', failures);
  ofOne('redeliver', 'send undeliverable messages again', redeliver);
  ofOne('remove', 'remove a webhook', remove);
  return command.addHelpText('after', EXAMPLES);
}

async function list(options: ListOptions): Promise<ExitCode> {
  const reply = new ReplyText();
  const webhooks = await connect(options).admin.webhooks(reply);
  writeData(options.json ? `${reply.text}\n` : table([HEAD, ...webhooks.map(lineOf)]));
  return EXIT.ok;
}

const HEAD = ['ID', 'STATE', 'WAITING', 'DELIVERED', 'TYPES', 'URL'];

function lineOf({ id, paused, waiting, deliveredAt, types, url, error }: WebhookView): string[] {
  const state = paused ? 'paused' : waiting > 0 ? `fails: ${shown(error ?? '')}` : 'sends';
  return [id, state, String(waiting), deliveredAt ?? '-', types?.join() ?? 'all', shown(url)];
}

async function make(url: string, options: AddOptions): Promise<ExitCode> {
  const reply = new ReplyText();
  const wanted = { url, ...(options.types && { types: options.types }) };
  const webhook = await connect(options).admin.makeWebhook(wanted, reply);
  writeData(options.json ? `${reply.text}\n` : `${webhook.id}\n${webhook.secret}\n`);
  return EXIT.ok;
}

async function test(id: string, options: ConnectionOptions): Promise<ExitCode> {
  const { delivered, status, error } = await connect(options).admin.testWebhook(id);
  if (!delivered) throw new ClientFailure(EXIT.refused, `not delivered: ${shown(error ?? 'no answer')}`);
  writeNote(`delivered: the target answered ${status}`);
  return EXIT.ok;
}

async function pause(id: string, options: ConnectionOptions, paused: boolean): Promise<ExitCode> {
  await connect(options).admin.changeWebhook(id, { paused });
  writeNote(paused ? 'paused' : 'resumed');
  return EXIT.ok;
}

async function secret(id: string, options: SecretOptions): Promise<ExitCode> {
  writeData(`${await connect(options).admin.webhookSecret(id, options.new)}\n`);
  return EXIT.ok;
}

async function failures(id: string, options: ConnectionOptions): Promise<ExitCode> {
  const all = await connect(options).admin.webhookFailures(id);
  writeData(all.map((failure) => `${JSON.stringify(failure)}\n`).join(''));
  return EXIT.ok;
}

async function redeliver(id: string, options: ConnectionOptions): Promise<ExitCode> {
  const count = await connect(options).admin.redeliver(id);
  writeNote(`${count} messages will be sent again`);
  return EXIT.ok;
}

async function remove(id: string, options: ConnectionOptions): Promise<ExitCode> {
  await connect(options).admin.removeWebhook(id);
  writeNote('removed');
  return EXIT.ok;
}
