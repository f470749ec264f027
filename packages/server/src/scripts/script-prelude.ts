/**
 * The JavaScript that a context of the script engine runs before any script, as text for QuickJS.
 *
 * It creates the members that scripts see (contract section 16), removes everything that turns text
 * into code, and freezes everything that outlives a run. So no visitor's scripts can see anything
 * of another visitor's: a script is a frozen function without variables outside of a call, and
 * every object that it receives belongs to one visit.
 *
 * Its value is a function. Its parameter `next(index)` is called before each run of a script, or
 * before every so many. It returns `{ admit, run }`: `admit` takes a compiled script; `run` takes a
 * job and the way to run it as JSON, and returns the outcome as JSON.
 */
export const SCRIPT_PRELUDE = String.raw`(function (next, bounds, isLeaky) {
'use strict';
const { freeze, create, keys, setPrototypeOf, getPrototypeOf, getOwnPropertyDescriptor } = Object;
const { ownKeys, apply, construct } = Reflect;
const { parse, stringify } = JSON;
const { isArray } = Array;
const { isFinite } = Number;
const RealDate = Date;
const TypeErrorOf = TypeError;
const StringOf = String;
const exec = RegExp.prototype.exec;
const toISOString = Date.prototype.toISOString;
const slice = Array.prototype.slice;
const decode = decodeURIComponent;
const mapGet = Map.prototype.get;
const MapOf = Map;

// One visit at a time; the next one replaces all of it.
let now = 0;
let random = 0;
let attributes, parameters, headers, customer, memory, locals, script;

globalThis.Date = function Date(...parts) {
  if (new.target === undefined) return new RealDate(now).toString();
  return construct(RealDate, parts.length === 0 ? [now] : parts, new.target);
};
Date.now = () => now;
Date.parse = RealDate.parse;
Date.UTC = RealDate.UTC;
Date.prototype = RealDate.prototype;
Date.prototype.constructor = Date;
// Mulberry32: 32 bits of state; the same seed gives the same numbers.
Math.random = () => {
  random = (random + 0x6d2b79f5) | 0;
  let t = Math.imul(random ^ (random >>> 15), 1 | random);
  t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
  return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
};

const noPairs = new MapOf();
const mapOf = (pairs) => (pairs.length === 0 ? noPairs : new MapOf(pairs));
const get = (map, name) => {
  const value = apply(mapGet, map, [StringOf(name)]);
  return value === undefined ? null : value;
};
const copyOf = (value) => (isArray(value) ? apply(slice, value, []) : value);
const own = (object, name) => {
  const descriptor = object === undefined ? undefined : getOwnPropertyDescriptor(object, StringOf(name));
  return descriptor === undefined ? undefined : descriptor.value;
};
const scalar = (value) => {
  if (typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number') return value;
  if (typeof value === 'object' && value !== null) {
    if (value instanceof RealDate) return apply(toISOString, value, []);
    const plain = value.valueOf();
    if (typeof plain === 'string' || typeof plain === 'boolean' || typeof plain === 'number') return plain;
  }
  throw new TypeErrorOf('a value must be a text, a number, true or false, or a list of these');
};
// A value in the form in which it is stored; undefined for none.
const checked = (value) => {
  if (value === undefined || value === null) return undefined;
  const list = [];
  let size = 0;
  if (isArray(value)) {
    for (let at = 0; at < value.length; at += 1) {
      if (at === bounds.list) throw new TypeErrorOf('a list must have at most ' + bounds.list + ' values');
      list[at] = scalar(value[at]);
      size += StringOf(list[at]).length;
    }
  } else {
    list[0] = scalar(value);
    size = StringOf(list[0]).length;
  }
  if (size > bounds.value) throw new TypeErrorOf('a value must have at most ' + bounds.value + ' characters, not ' + size);
  for (let at = 0; at < list.length; at += 1) {
    if (typeof list[at] === 'number' && !isFinite(list[at])) return { ignored: StringOf(list[at]) };
  }
  return { value: isArray(value) ? list : list[0] };
};

const userMembers = freeze(setPrototypeOf({
  get: (name) => {
    const value = memory[StringOf(name)];
    return value === undefined ? null : copyOf(value);
  },
  header: (name) => get(headers, StringOf(name).toLowerCase()),
  getLocal: (name) => {
    const value = own(own(locals, script), name);
    return value === undefined ? null : copyOf(value);
  },
  setLocal: (name, value) => {
    const text = StringOf(name);
    if (text.length > bounds.name) throw new TypeErrorOf('the name of a local must have at most ' + bounds.name + ' characters');
    const kept = checked(value);
    const before = own(locals, script);
    const after = create(null);
    if (before !== undefined) for (const one of keys(before)) after[one] = before[one];
    if (kept === undefined) delete after[text];
    else if (kept.ignored === undefined) after[text] = kept.value;
    const names = keys(after);
    if (names.length > bounds.locals) throw new TypeErrorOf('a script may keep at most ' + bounds.locals + ' locals');
    if (stringify(after).length > bounds.localsSize) {
      throw new TypeErrorOf('the locals of a script must have at most ' + bounds.localsSize + ' characters together');
    }
    locals[script] = after;
    changedLocals[script] = true;
  },
}, null));
let changedLocals;
// The attributes have no prototype, so that only they themselves are found.
const attribute = (name) => {
  const value = attributes[StringOf(name)];
  return value === undefined ? null : value;
};
const profileMembers = freeze(setPrototypeOf({
  get: (name) => attribute(name),
  param: (name) => attribute(name),
}, null));
const mboxMembers = freeze(setPrototypeOf({ param: (name) => get(parameters, name) }, null));
const crs = freeze(setPrototypeOf({ get: (name) => get(customer, name) }, null));
const silent = () => {};
const quiet = freeze(setPrototypeOf({ log: silent, info: silent, warn: silent, error: silent, debug: silent }, null));

const decoded = (text) => {
  try { return decode(text.replace(/\+/g, ' ')); } catch (_) { return text; }
};
const addressMembers = freeze(setPrototypeOf({
  param(name) {
    const wanted = StringOf(name);
    for (const pair of this.query.split('&')) {
      const at = pair.indexOf('=');
      if (decoded(at === -1 ? pair : pair.slice(0, at)) === wanted) return at === -1 ? '' : decoded(pair.slice(at + 1));
    }
    return null;
  },
}, null));
const noAddress = freeze(setPrototypeOf({ url: '', protocol: '', domain: '', query: '' }, addressMembers));
const addressOf = (url) => {
  if (!url) return noAddress;
  const address = create(addressMembers);
  const parts = apply(exec, /^(?:([A-Za-z][A-Za-z0-9+.-]*):)?(?:\/\/(?:[^\/?#@]*@)?([^\/?#:]*)(?::\d*)?)?[^?#]*(?:\?([^#]*))?/, [url || '']);
  address.url = url || '';
  address.protocol = parts[1] || '';
  address.domain = parts[2] || '';
  address.query = parts[3] || '';
  return freeze(address);
};
// Freezes what the members hold; the caller freezes the object itself.
const frozenInside = (members) => {
  for (const name in members) {
    const value = members[name];
    if (typeof value === 'object' && value !== null) freeze(frozenInside(value));
  }
  return members;
};
// Members of Quiver's own, over attributes of the same names; neither can hide a method.
const profileOf = (members) => {
  const object = create(profileMembers);
  for (const name in attributes) if (!(name in profileMembers)) object[name] = attributes[name];
  for (const name in members) object[name] = members[name];
  return freeze(object);
};

const scripts = [];
const names = [];
// The line at which a script threw, otherwise that of the return whose value is refused.
const errorText = (error, returnedAt) => {
  try {
    const text = StringOf(error).slice(0, 300);
    const line = apply(exec, /<script>:(\d+)/, [StringOf(error.stack)]);
    const at = line === null ? returnedAt : line[1];
    return at === undefined ? text : 'line ' + at + ': ' + text;
  } catch (_) {
    return 'an error that cannot be shown';
  }
};

let lastWhich, every, chosen;
const run = (json, which) => {
  const job = parse(json);
  if (which !== lastWhich) {
    ({ every, scripts: chosen } = parse(which));
    lastWhich = which;
  }
  now = job.now;
  random = job.seed | 0;
  attributes = setPrototypeOf(job.attributes, null);
  headers = mapOf(job.headers);
  customer = mapOf(job.customer);
  const results = [];
  const user = freeze(setPrototypeOf(frozenInside(job.user), userMembers));
  const profile = profileOf(frozenInside(job.profile));
  const page = addressOf(job.page);
  const landing = addressOf(job.landing);
  const referrer = addressOf(job.referrer);
  let ran = 0;
  const runFor = (mboxes) => {
    for (let at = 0; at < mboxes.length; at += 1) {
      const facts = mboxes[at];
      parameters = mapOf(facts.parameters);
      const mbox = create(mboxMembers);
      mbox.name = facts.name;
      freeze(mbox);
      for (let place = 0; place < chosen.length; place += 1) {
        const index = chosen[place];
        if (ran % every === 0 && !next(index)) return;
        ran += 1;
        script = names[index];
        let value, error, ignored, returnedAt;
        try {
          // Called through a variable, so that "this" is not an object of this file.
          const compiled = scripts[index];
          const returned = compiled(user, profile, mbox, page, landing, referrer, crs, quiet);
          if (returned !== undefined) returnedAt = returned[0];
          const kept = returned === undefined ? undefined : checked(returned[1]);
          if (kept !== undefined) {
            ({ value, ignored } = kept);
            if (ignored === undefined) {
              memory[script] = value;
              changed[script] = value;
            }
          }
        } catch (thrown) {
          error = errorText(thrown, returnedAt);
        }
        if (every === 1 || error !== undefined || ignored !== undefined) {
          results[results.length] = { script: index, mbox: facts.name, value, error, ignored };
        }
      }
    }
  };
  memory = setPrototypeOf(job.values, null);
  locals = setPrototypeOf(job.locals, null);
  changedLocals = create(null);
  let changed = create(null);
  runFor(job.executed);
  const localsNow = create(null);
  for (const name of keys(changedLocals)) localsNow[name] = locals[name];
  const outcome = { results, values: changed, locals: localsNow, executed: results.length, ran: 0 };
  changed = create(null);
  runFor(job.prefetched);
  outcome.ran = ran;
  const text = stringify(outcome);
  attributes = headers = customer = parameters = memory = locals = changedLocals = script = undefined;
  return text;
};

// No text becomes code.
delete globalThis.eval;
delete globalThis.Function;
for (const made of [function () {}, function* () {}]) delete getPrototypeOf(made).constructor;

// Everything reachable is frozen.
const seen = new Set();
const reach = (value) => {
  if (value === null || (typeof value !== 'object' && typeof value !== 'function') || seen.has(value)) return;
  seen.add(value);
  reach(getPrototypeOf(value));
  for (const key of ownKeys(value)) {
    const descriptor = getOwnPropertyDescriptor(value, key);
    reach(descriptor.value);
    reach(descriptor.get);
    reach(descriptor.set);
  }
};
reach(globalThis);
const iterators = [[][Symbol.iterator](), ''[Symbol.iterator](), new Map().entries(), new Set().entries(), 'a'.matchAll(/a/g)];
for (const hidden of [...iterators, function* () {}, (function* () {})(), function () { return arguments; }()]) reach(hidden);
for (const object of [run, noPairs, noAddress, userMembers, profileMembers, mboxMembers, crs, quiet, addressMembers]) reach(object);
if (!isLeaky) for (const object of seen) freeze(object);

return {
  admit: (name, compiled) => {
    if (!isLeaky) freeze(compiled);
    names[names.length] = name;
    scripts[scripts.length] = compiled;
  },
  run,
};
})`;
