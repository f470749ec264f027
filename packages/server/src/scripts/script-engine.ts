/**
 * QuickJS in WebAssembly, with one context for each client. It runs in the worker thread
 * (`script-worker.ts`), never on the serving thread: a single call of a native function can take
 * seconds, and some crash the engine.
 *
 * A context is created, given the client's scripts, and used for every visit until something fails
 * in it; then it is replaced. Everything that scripts can reach is frozen (`script-prelude.ts`).
 */

import variant from '@jitl/quickjs-singlefile-mjs-release-sync';
import {
  newQuickJSWASMModuleFromVariant,
  newVariant,
  type QuickJSContext,
  type QuickJSHandle,
  type QuickJSRuntime,
  type QuickJSWASMModule,
} from 'quickjs-emscripten-core';
import type { ScriptValue } from '../domain/script-input.ts';
import {
  MAX_INSTRUCTIONS,
  MAX_LOCALS,
  MAX_LOCALS_SIZE,
  MAX_SCRIPT_NAME,
  MAX_SCRIPT_VALUE,
} from '../domain/script-rules.ts';
import { memoryUsed, messageOf } from './quickjs-readings.ts';
import { SCRIPT_PRELUDE } from './script-prelude.ts';
import { ownThread, threadTime } from './thread-time.ts';

/** A script in the form that the engine takes. */
export interface EngineScript {
  readonly name: string;
  /** From `script-source.ts`. */
  readonly code: string;
}

/** The input of the scripts of a visit, as JSON in the shape that the prelude reads. */
export interface EngineJob {
  readonly json: string;
  /** Indexes of the scripts to run. */
  readonly scripts: readonly number[];
  /** Whether each run is watched and measured separately, which costs some microseconds each. */
  readonly isWatched: boolean;
}

/** The result of one run of one script. */
export interface ScriptRun {
  /** Its index among the scripts of the client. */
  readonly script: number;
  /** The name of the mbox for which it ran. */
  readonly mbox: string;
  /** What it returned; undefined for nothing. */
  readonly value?: ScriptValue;
  /** A number that is not finite (`NaN`, `Infinity`); nothing is stored then. */
  readonly ignored?: string;
  readonly error?: string;
  /** Jumps and calls; undefined if runs were not watched. */
  readonly instructions?: number;
  readonly milliseconds?: number;
}

/** The result of a job. */
export interface EngineOutcome {
  /** Every run if runs were watched, otherwise those that failed or were ignored. */
  readonly results: readonly ScriptRun[];
  /** How many of the results are for executed mboxes; the others are for prefetched ones. */
  readonly executed: number;
  /** How many times a script ran. */
  readonly ran: number;
  /** What to store: by script, the value. */
  readonly values: Readonly<Record<string, ScriptValue>>;
  /** By script, the locals, for scripts that set any. */
  readonly locals: Readonly<Record<string, Readonly<Record<string, ScriptValue>>>>;
  /** Whether time ran out before all scripts had run. */
  readonly isCut: boolean;
}

/** Scripts had to be stopped; nothing is known of the others then. */
export class ScriptStopped extends Error {
  /** The script that was stopped; undefined if runs were not watched. */
  readonly script: number | undefined;
  readonly isSlow: boolean;

  constructor(script: number | undefined, reason: string, isSlow: boolean) {
    super(reason);
    this.script = script;
    this.isSlow = isSlow;
  }
}

/** Called with the script that is about to run; -1 when it may be any. */
export type Watched = (script: number) => void;

export interface EngineLimits {
  /** The most bytes that the scripts of one client may use at a time. */
  readonly memoryBytes: number;
  /**
   * How long one script, and all scripts of one visit, may run, in milliseconds of processor time.
   */
  readonly scriptMs: number;
  readonly visitMs: number;
  readonly instructions: number;
}

export const ENGINE_LIMITS: EngineLimits = {
  memoryBytes: 8 * 1024 * 1024,
  scriptMs: 10,
  visitMs: 30,
  instructions: MAX_INSTRUCTIONS,
};

const STACK_BYTES = 256 * 1024;
/** The offset in a context of the counter that triggers the interrupt handler, in bytes. */
const COUNTER_AT = 232;
/** The value to which the engine resets the counter. */
const _COUNTER_START = 10_000;
const MEMORY_PAGES = 256;
const MAX_MEMORY_PAGES = 16_384;
/** How many scripts share one check of counter and clock when they are not watched. */
const SCRIPTS_AT_ONCE = 20;

export class ScriptEngine {
  readonly #module: QuickJSWASMModule;
  readonly #memory: WebAssembly.Memory;
  readonly limits: EngineLimits;

  private constructor(module: QuickJSWASMModule, memory: WebAssembly.Memory, limits: EngineLimits) {
    this.#module = module;
    this.#memory = memory;
    this.limits = limits;
  }

  static async load(limits = ENGINE_LIMITS): Promise<ScriptEngine> {
    const memory = new WebAssembly.Memory({ initial: MEMORY_PAGES, maximum: MAX_MEMORY_PAGES });
    const module = await newQuickJSWASMModuleFromVariant(newVariant(variant, { wasmMemory: memory }));
    const engine = new ScriptEngine(module, memory, limits);
    engine.#checkCounter();
    return engine;
  }

  /**
   * Creates the context of a client.
   *
   * @param isLeaky leaves out what isolates visitors, for the test that must notice it
   * @throws Error when a script does not compile, because it was not checked by `script-source.ts`
   */
  context(scripts: readonly EngineScript[], watched: Watched, isLeaky = false): ScriptContext {
    const runtime = this.#module.newRuntime();
    runtime.setMaxStackSize(STACK_BYTES);
    const context = runtime.newContext({ intrinsics: INTRINSICS });
    return new ScriptContext({ runtime, context, scripts, watched, isLeaky }, this.limits, (value) =>
      this.#counter(context, value),
    );
  }

  /** Reads the counter of a context, and sets it when `value` is given. */
  #counter(context: QuickJSContext, value: number | undefined): number {
    const { ctx } = context as unknown as { readonly ctx: { readonly value: number } };
    const view = new Int32Array(this.#memory.buffer, ctx.value + COUNTER_AT, 1);
    const before = view[0]!;
    if (value !== undefined) view[0] = value;
    return before;
  }

  /**
   * The counter is not part of the library's interface, so this verifies that it is where it is
   * expected.
   */
  #checkCounter(): void {
    const context = this.#module.newContext();
    try {
      const loop = context.unwrapResult(context.evalCode('(function (n) { while (n > 0) n -= 1; })'));
      const rounds = (n: number) => {
        this.#counter(context, 5000);
        const number = context.newNumber(n);
        context.unwrapResult(context.callFunction(loop, context.undefined, number)).dispose();
        number.dispose();
        return 5000 - this.#counter(context, undefined);
      };
      const few = rounds(10);
      const more = rounds(110);
      loop.dispose();
      if (few <= 0 || more - few !== 200) {
        throw new Error('the script engine counts differently from the one that Quiver was built with');
      }
    } finally {
      context.dispose();
    }
  }
}

/**
 * The parts of the language that scripts may use. `Eval` compiles them, and the prelude removes it.
 */
const INTRINSICS = {
  BaseObjects: true,
  Date: true,
  Eval: true,
  StringNormalize: false,
  RegExp: true,
  RegExpCompiler: true,
  JSON: true,
  Proxy: false,
  MapSet: true,
  TypedArrays: false,
  Promise: false,
  BigInt: false,
};

interface ContextParts {
  readonly runtime: QuickJSRuntime;
  readonly context: QuickJSContext;
  readonly scripts: readonly EngineScript[];
  readonly watched: Watched;
  readonly isLeaky: boolean;
}

/**
 * The compiled scripts of one client. After a throw, or a result with an error, it must not be used
 * again.
 */
export class ScriptContext {
  readonly #parts: ContextParts;
  readonly #limits: EngineLimits;
  /** Reads and sets the counter. */
  readonly #counter: (value?: number) => number;
  readonly #run: QuickJSHandle;
  readonly #handles: QuickJSHandle[] = [];
  #lastChosen: { readonly text: string; readonly handle: QuickJSHandle } | undefined;
  /** The measurements of each run of the current job. */
  #measured: { instructions: number; milliseconds: number }[] = [];
  #isWatched = false;
  #isRunning = false;
  #script = -1;
  #startedAt = 0;
  #visitStartedAt = 0;
  #stop: 'instructions' | 'time' | undefined;
  #isCut = false;
  /** The thread's time when a limit of the current job was first in question. */
  #lateSince: number | undefined;
  readonly #thread = ownThread();

  constructor(parts: ContextParts, limits: EngineLimits, counter: (value?: number) => number) {
    this.#parts = parts;
    this.#limits = limits;
    this.#counter = counter;
    const { runtime, context, scripts } = parts;
    const next = context.newFunction('next', (index) => {
      return this.#next(context.getNumber(index)) ? context.true : context.false;
    });
    const bounds = this.#eval(
      `(${JSON.stringify({
        name: MAX_SCRIPT_NAME,
        value: MAX_SCRIPT_VALUE,
        list: MAX_SCRIPT_VALUE,
        locals: MAX_LOCALS,
        localsSize: MAX_LOCALS_SIZE,
      })})`,
      'bounds',
    );
    const prelude = this.#eval(SCRIPT_PRELUDE, 'prelude');
    const isLeaky = parts.isLeaky ? context.true : context.false;
    const made = context.unwrapResult(
      context.callFunction(prelude, context.undefined, next, bounds, isLeaky),
    );
    const admit = context.getProp(made, 'admit');
    for (const { name, code } of scripts) {
      const compiled = this.#eval(code, '<script>');
      const text = context.newString(name);
      context.unwrapResult(context.callFunction(admit, context.undefined, text, compiled)).dispose();
      text.dispose();
      compiled.dispose();
    }
    this.#run = context.getProp(made, 'run');
    this.#handles.push(next, this.#run);
    for (const handle of [bounds, prelude, made, admit]) handle.dispose();
    // What Quiver itself needs does not count.
    runtime.setMemoryLimit(limits.memoryBytes + memoryUsed(runtime, context));
    runtime.setInterruptHandler(() => this.#isToStop());
  }

  #eval(code: string, file: string): QuickJSHandle {
    const { context } = this.#parts;
    return context.unwrapResult(context.evalCode(code, file));
  }

  /**
   * Runs scripts.
   *
   * @throws ScriptStopped when a script had to be stopped; any other error means that the engine
   *   has failed
   */
  run({ json, scripts, isWatched }: EngineJob): EngineOutcome {
    const { context } = this.#parts;
    this.#measured = [];
    this.#isCut = false;
    this.#lateSince = undefined;
    this.#stop = undefined;
    this.#isWatched = isWatched;
    this.#isRunning = false;
    this.#visitStartedAt = performance.now();
    const job = context.newString(json);
    const which = this.#chosen({ every: isWatched ? 1 : SCRIPTS_AT_ONCE, scripts });
    const result = context.callFunction(this.#run, context.undefined, job, which);
    this.#ended();
    job.dispose();
    if (result.error) {
      const thrown = messageOf(context.dump(result.error));
      result.error.dispose();
      throw this.#stopped(thrown);
    }
    const outcome = JSON.parse(context.getString(result.value)) as Omit<EngineOutcome, 'isCut'>;
    result.value.dispose();
    const results = isWatched
      ? outcome.results.map((one, at) => ({ ...one, ...this.#measured[at]! }))
      : outcome.results;
    return { ...outcome, results, isCut: this.#isCut };
  }

  /** Which scripts to run, as text of the context; most visits run the same ones. */
  #chosen(which: { readonly every: number; readonly scripts: readonly number[] }): QuickJSHandle {
    const text = JSON.stringify(which);
    if (this.#lastChosen?.text === text) return this.#lastChosen.handle;
    this.#lastChosen?.handle.dispose();
    const handle = this.#parts.context.newString(text);
    this.#lastChosen = { text, handle };
    return handle;
  }

  #stopped(thrown: string): ScriptStopped {
    const script = this.#isWatched && this.#script !== -1 ? this.#script : undefined;
    if (this.#stop === 'time') {
      return new ScriptStopped(script, `took longer than ${this.#limits.scriptMs} ms`, true);
    }
    const reason =
      this.#stop === 'instructions' ? `took more than ${this.#limits.instructions} instructions` : thrown;
    return new ScriptStopped(script, reason, false);
  }

  /**
   * Called before a run of a script, or of several.
   * @returns whether there is time for it
   */
  #next(script: number): boolean {
    this.#ended();
    const now = performance.now();
    if (now - this.#visitStartedAt > this.#limits.visitMs && this.#hasHad(this.#limits.visitMs / 2)) {
      this.#isCut = true;
      return false;
    }
    this.#script = this.#isWatched ? script : -1;
    this.#parts.watched(this.#script);
    this.#isRunning = true;
    this.#startedAt = now;
    this.#counter(this.#limits.instructions);
    return true;
  }

  /** Records what the last script has used. */
  #ended(): void {
    if (!this.#isRunning || !this.#isWatched) return;
    this.#isRunning = false;
    const instructions = this.#limits.instructions - this.#counter();
    this.#measured.push({ instructions, milliseconds: performance.now() - this.#startedAt });
  }

  /**
   * Called by the engine when the counter reaches zero, and now and then in a regular expression.
   */
  #isToStop(): boolean {
    if (!this.#isRunning) return false;
    if (this.#counter() > this.#limits.instructions) this.#stop = 'instructions';
    else if (performance.now() - this.#startedAt > this.#limits.scriptMs / 2) {
      if (this.#hasHad(this.#limits.scriptMs / 2)) this.#stop = 'time';
    }
    return this.#stop !== undefined;
  }

  /**
   * Whether the thread has used so many milliseconds since this was first asked in the current job.
   */
  #hasHad(milliseconds: number): boolean {
    const time = threadTime(this.#thread);
    this.#lateSince ??= time;
    return time - this.#lateSince >= milliseconds;
  }

  dispose(): void {
    const { context, runtime } = this.#parts;
    for (const handle of this.#handles) handle.dispose();
    this.#lastChosen?.handle.dispose();
    context.dispose();
    runtime.dispose();
  }
}
