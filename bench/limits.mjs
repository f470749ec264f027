/**
 * Why a row of the benchmark is not met, and what it would take: for `docs/benchmarks.md`, which
 * shows an explanation while a row that it is about is not met.
 */

/** Each with the beginnings of the names of its rows. */
export const LIMITS = [
  {
    rows: ['fetch, Bun', 'fetch, Node'],
    text: `The sockets of the runtime with one look-up in the engine, and nothing else, have a row of their own: with a million profiles they reach 0.8 of bare Bun. What Quiver adds costs nearly as much again: the route, the client, the guard and the counting about 4 µs, a record with checksum, links and JSON instead of a bare look-up about 3, the text of the reply about 3 ([measured](../bench/notes/fetch.md#what-is-left)). The aim leaves about 1 for all of it. Assembling the JSON in the memory that is sent would save less than 2; the rest would take a server that is not written in JavaScript.`,
  },
  {
    rows: ['update, same work', 'visit, same work', 'update, durable', 'visit, half'],
    text: `The engine takes several times as many appends from the same sockets (their own row), so most of an update is ours: reading and checking the request, the look-up, and a transaction in JavaScript, for which the writing thread of the engine waits. Redis and its script do this in C. It would take writes that are prepared before the transaction, so that the engine only compares and appends; that was not tried.`,
  },
  {
    rows: ['fetch with 1000000', 'update with 1000000'],
    text: `Ten thousand profiles fit into the caches of the processor, a million do not, and random ids find nothing near the one before.`,
  },
  {
    rows: [
      'bulk,',
      'loading',
      'bytes written',
      'fetch with 10',
      'visit with 10',
      'update with 10',
      'rows a second',
    ],
    text: `[Decision 0021](decisions/0021-record-log.md) has the limit of the layout. Half a million rows take the engine alone more than half of Quiver's time, with one look-up, one append and one index entry each. A commit writes at least one page of 4 KB and the path to it. With ten million profiles a look-up finds less of the index in the caches of the processor.`,
  },
  {
    rows: ['start to ready'],
    text: `With an empty store a start takes nearly as long: it is the runtime that loads the program twice, for the process that watches and the one that serves. Redis takes longer with each profile.`,
  },
  {
    rows: ['bytes a profile resident'],
    text: `The memory of the processes, divided by the number of profiles: about 125 MB of it is there with an empty store, for two processes of Bun. PostgreSQL is written in C and keeps its pages in shared memory, which does not count here.`,
  },
  {
    rows: ['fetch, processor time of one with'],
    text: `Three processes, with the one that makes the load, share two cores, so that they take turns and lose the caches; a request then costs more. It would take a machine with a core for each.`,
  },
  {
    rows: ['a page of 100 profiles: what was written last'],
    text: `Profiles have no order by time. The list reads the log of records backwards and skips what is superseded, so that a store where few profiles are written again and again has more to skip.`,
  },
  {
    rows: ['memory that an export'],
    text: `The export itself keeps a page of profiles. What is measured includes the garbage that the runtime has not collected yet.`,
  },
  {
    rows: ['Redis Cluster'],
    text: `The six nodes share two cores with Quiver and with the load, and take most of an update, whoever asks. A write waits for a replica, and so does its entry in the feed of changes; the other side writes no feed. It would take cores of their own for the nodes, or a feed that costs them less than the write itself; a row of a batch would take a script that does without reading the profile first ([what was tried](../bench/notes/cluster.md)).`,
  },
];
