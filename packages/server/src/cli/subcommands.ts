/**
 * Commands that consist of others, all of which talk to a server: `quiver script`,
 * `quiver webhook`.
 */

import { Command } from 'commander';
import { type End, type ExitCode, endWith } from './client-failure.ts';
import { CONNECTION_HELP, type ConnectionOptions, withConnection } from './server-connection.ts';

/**
 * Makes the functions that add subcommands to a command.
 *
 * @param examples the help that all of them end with
 * @param one the argument of those that are about one thing, such as `<id>`, and what it says
 */
export function subcommandsOf(
  command: Command,
  end: End,
  examples: string,
  one: readonly [argument: string, describe: string],
) {
  const add = (name: string, describe: string): Command => {
    const part = new Command(name).description(describe);
    command.addCommand(withConnection(part).addHelpText('after', examples + CONNECTION_HELP));
    return part;
  };
  /** Adds one that takes the name or id of one thing. */
  const ofOne = <Options extends ConnectionOptions>(
    name: string,
    describe: string,
    run: (argument: string, options: Options) => Promise<ExitCode>,
  ): Command =>
    add(name, describe)
      .argument(...one)
      .action((argument: string, options: Options) => endWith(end, () => run(argument, options)));
  return { add, ofOne };
}
