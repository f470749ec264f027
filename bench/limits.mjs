/**
 * Why a row of the benchmark is not met, and what it would take: for `docs/benchmarks.md`, which
 * shows an explanation while a row that it is about is not met.
 */

/** Each with the beginnings of the names of its rows. */
export const LIMITS = [
  {
    rows: ['fetch, Bun', 'fetch, Node'],
    text: `The sockets of the runtime with one look-up in the engine, and nothing else, have a row of their own: with a million profiles they reach 0.8 of bare Bun. A constant reply over the same sockets takes 7.5 µs, a fetch 22 ([measured](../bench/notes/fetch.md#what-is-left)). In a loop without sockets the same fetch takes 7, so about half of the difference comes with the sockets, probably as caches and garbage. The aim leaves about 1 µs for route, client, guard, record, checksum and JSON together. Assembling the JSON in the memory that is sent would save less than 2; the rest would take a server that is not written in JavaScript.`,
  },
  {
    rows: ['update, same work', 'visit, same work', 'update, durable', 'visit, half'],
    text: `The engine takes several times as many appends from the same sockets (their own row), so most of an update is ours: in a loop without sockets the request takes 7 µs of the serving thread and the update in the store 13, through sockets two to three times that ([measured](../bench/notes/write.md#since-the-record-log)). Redis and its script do this in C, and Webdis takes the request in C, in a process of its own. It would take an update that looks up, checks and appends outside of JavaScript.`,
  },
  {
    rows: ['visit, ten profile scripts'],
    text: `Ten scripts take a hundred microseconds of the script thread, nearly half of it to hand over and parse what they may read ([measured](../bench/notes/visitor.md#what-ten-scripts-cost-in-their-context)). The serving thread reads the profile ahead, writes the input, and waits for two messages between threads. It would take several visits per message, and an input that contains only what the scripts of the client name.`,
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
