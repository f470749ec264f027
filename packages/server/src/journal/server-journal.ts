/** The journals of all processes of a server, combined (contract section 11). */

import type { VisitorId } from '../domain/visitor-id.ts';
import { QuiverError } from '../errors.ts';
import type { NowOrLater } from '../now-or-later.ts';
import { type HeadJournal, MAX_PROCESSES } from './head-journal.ts';
import type { CallFilter, JournalCall } from './journal-call.ts';
import type { JournalSource } from './journal-routes.ts';

/**
 * How often a reader of the stream gets new calls, in milliseconds. Nothing runs while there is no
 * reader.
 */
const TELL_EVERY_MS = 400;

/** A question from one process to all others, as JSON. */
type Question =
  | {
      readonly what: 'find';
      readonly filter: CallFilter;
      /**
       * The last known number of each process; for a process that is not named, all calls are
       * returned.
       */
      readonly after?: Readonly<Record<string, number>>;
    }
  | { readonly what: 'clear'; readonly client?: string };

async function withoutSuppressed(
  calls: JournalCall[],
  suppressedOf: ServerJournalOptions['suppressedOf'],
): Promise<JournalCall[]> {
  const tests = new Map<string, IsSuppressed | undefined>();
  for (const { client } of calls) if (!tests.has(client)) tests.set(client, await suppressedOf(client));
  return calls.filter(({ client, ids }) => {
    const isSuppressed = tests.get(client);
    return !isSuppressed || !ids.some(({ kind, value }) => isSuppressed(visitorIdOf(kind, value)));
  });
}

/** An id as a call wrote it: a tntId may have a location hint. */
function visitorIdOf(kind: VisitorId['kind'], value: string): VisitorId {
  return { kind, value: kind === 'tntId' ? value.split('.', 1)[0]! : value };
}

/** The answer of one process. @param query a question from another process */
export function reportJournal(journal: HeadJournal, query: string): readonly JournalCall[] {
  const question = JSON.parse(query) as Question;
  if (question.what === 'find') {
    const { filter, after = {} } = question;
    return journal.find(filter).filter(({ id }) => id > (after[id % MAX_PROCESSES] ?? 0));
  }
  journal.clear(question.client);
  return [];
}

/** Whether nothing may be stored for an id. */
type IsSuppressed = (id: VisitorId) => boolean;

export interface ServerJournalOptions {
  /** Asks every process of the server. Rejects when one does not answer in time. */
  readonly askAll: (query: string) => Promise<readonly unknown[]>;
  /** Calls a listener when the server closes. @returns a function that removes the listener */
  readonly onClose: (listener: () => void) => () => void;
  /** The test for suppressed ids of a client: calls that name one are not shown. */
  readonly suppressedOf: (client: string) => NowOrLater<IsSuppressed | undefined>;
}

export function serverJournal({ askAll, onClose, suppressedOf }: ServerJournalOptions): JournalSource {
  async function ask(question: Question): Promise<JournalCall[]> {
    let reports: readonly unknown[];
    try {
      reports = await askAll(JSON.stringify(question));
    } catch (cause) {
      throw new QuiverError(
        'unavailable',
        'Not every process of the server has shown its journal; try again',
        {
          cause,
        },
      );
    }
    // A process that serves no requests reports nothing.
    const calls = reports.flatMap((report) => (report ?? []) as JournalCall[]);
    return (await withoutSuppressed(calls, suppressedOf)).sort((a, b) => a.id - b.id);
  }

  return {
    calls: (filter) => ask({ what: 'find', filter }),
    async clear(client) {
      await ask({ what: 'clear', ...(client !== undefined && { client }) });
    },
    async listen(client, tell, ended) {
      const filter: CallFilter = client === undefined ? {} : { client };
      const after: Record<string, number> = {};
      const note = (calls: readonly JournalCall[]) => {
        for (const { id } of calls) after[id % MAX_PROCESSES] = id;
      };
      note(await ask({ what: 'find', filter }));
      let isOver = false;
      let timer: NodeJS.Timeout | undefined;
      const look = async () => {
        try {
          const calls = await ask({ what: 'find', filter, after });
          if (isOver) return;
          note(calls);
          for (const call of calls) tell(call);
        } catch (error) {
          // A process has just died; its replacement answers next time.
          if (!(error instanceof QuiverError)) throw error;
        }
        if (!isOver) wait();
      };
      const wait = () => {
        timer = setTimeout(() => void look(), TELL_EVERY_MS);
        timer.unref();
      };
      wait();
      const forget = onClose(ended);
      return () => {
        isOver = true;
        clearTimeout(timer);
        forget();
      };
    },
  };
}
