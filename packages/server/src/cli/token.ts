/** `quiver token`: the tokens of a client (contract section 9). */

import { Command, InvalidArgumentError } from 'commander';
import { type ClientToken, messageOf, type TokenScope } from 'quiver-client';
import { ClientFailure, type End, EXIT, type ExitCode, endWith } from './client-failure.ts';
import {
  CONNECTION_HELP,
  type ConnectionOptions,
  connect,
  ReplyText,
  withConnection,
} from './server-connection.ts';
import { writeData, writeNote } from './terminal-text.ts';

type TokenOptions = ConnectionOptions & { readonly debug?: boolean };
type ShowOptions = TokenOptions & { readonly json?: boolean };
type NewOptions = ShowOptions & { readonly expiresIn?: number };

const EXAMPLES = `
Needs the admin token. The token goes to stdout, everything else to stderr. With --debug it is the debug token, valid for six hours, which only
allows the trace of a visit.

Examples:
  quiver token new --expires-in 30d
  quiver token show
  curl -H "Authorization: Bearer $(quiver token show)" http://127.0.0.1:8680/rest/v1/profiles/thirdPartyId/crm-1042
  quiver token end
  quiver token new --debug
`;

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };

/** The command with its subcommands, to be added to the program. */
export function tokenCommand(end: End): Command {
  const make = new Command('new')
    .description('create a new profile token; this revokes the current one at once')
    .option(
      '--expires-in <time>',
      'how long it is valid, for instance 12h or 30d; by default as in the settings',
      timeOf,
    )
    .option('--json', 'print the unchanged reply of the server')
    .action((options: NewOptions) => endWith(end, () => makeToken(options)));
  const show = new Command('show')
    .description('show the current profile token')
    .option('--json', 'print the unchanged reply of the server')
    .action((options: ShowOptions) => endWith(end, () => showToken(options)));
  const finish = new Command('end')
    .description('revoke the current profile token')
    .action((options: TokenOptions) => endWith(end, () => endToken(options)));
  const command = new Command('token').description('create, show and revoke the tokens of a client');
  for (const part of [make, show, finish]) {
    part.option('--debug', 'use the debug token instead of the profile token');
    command.addCommand(withConnection(part).addHelpText('after', EXAMPLES + CONNECTION_HELP));
  }
  return command.addHelpText('after', EXAMPLES);
}

async function makeToken(options: NewOptions): Promise<ExitCode> {
  const reply = new ReplyText();
  const token = await connect(options).admin.newToken(scopeOf(options), options.expiresIn, reply);
  printToken(token, reply, options);
  writeNote(`any earlier token has been revoked`);
  return EXIT.ok;
}

async function showToken(options: ShowOptions): Promise<ExitCode> {
  const reply = new ReplyText();
  const token = await connect(options).admin.token(scopeOf(options), reply);
  if (token === undefined) {
    throw new ClientFailure(EXIT.refused, `the server refused (404): ${messageOf(reply.text)}`);
  }
  printToken(token, reply, options);
  return EXIT.ok;
}

async function endToken(options: TokenOptions): Promise<ExitCode> {
  await connect(options).admin.endToken(scopeOf(options));
  writeNote(`the ${options.debug ? 'debug' : 'profile'} token of ${options.client} has been revoked`);
  return EXIT.ok;
}

function scopeOf({ debug }: TokenOptions): TokenScope {
  return debug ? 'debug_tools' : 'profile_api';
}

function printToken(
  { accessToken, expiresIn }: ClientToken,
  { text }: ReplyText,
  { json }: ShowOptions,
): void {
  writeData(json ? `${text}\n` : `${accessToken}\n`);
  writeNote(`valid for ${timeText(expiresIn)}`);
}

function timeOf(text: string): number {
  const [, count, unit = 's'] = /^([0-9]{1,9})([smhd]?)$/.exec(text) ?? [];
  if (count === undefined) throw new InvalidArgumentError('It must be a time such as 3600, 90m, 12h or 30d.');
  return Number(count) * (SECONDS[unit === '' ? 's' : unit] ?? 1);
}

function timeText(seconds: number): string {
  const days = seconds / 86_400;
  return days >= 1 ? `${Math.floor(days)} days` : `${seconds} seconds`;
}
