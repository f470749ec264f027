/**
 * What scripts store in a profile (contract section 16). Values are attributes `user.<name>`; what
 * an attribute cannot express, the type of a value and locals, is an entry of visitor state for
 * each script (`visitor-state.ts`). So merges, removals and expiry treat it like everything else of
 * a visitor.
 *
 * An entry is JSON: `v`, the value if it is not a string, and `l`, the locals. The attribute
 * decides: a stored value counts only while the attribute has its text, so the two may diverge, for
 * instance by a merge, without harm.
 */

import { type Attribute, type AttributeSettings, listState, type PackedAttributes } from './attributes.ts';
import type { ScriptMemory, ScriptValue } from './script-input.ts';
import { SCRIPT_PREFIX, scriptValueText } from './script-rules.ts';
import { STATE, type StateSettings } from './visitor-state.ts';

type Locals = Readonly<Record<string, ScriptValue>>;

interface Entry {
  readonly v?: ScriptValue | undefined;
  readonly l?: Locals | undefined;
}

/**
 * What scripts have stored in a profile.
 * @param listed its attributes, as `listAttributes` returns them
 */
export function scriptMemoryOf(packed: PackedAttributes, listed: readonly Attribute[]): ScriptMemory {
  const values: [string, ScriptValue][] = [];
  const locals: [string, Locals][] = [];
  const entries = entriesIn(packed);
  for (const { name, value } of listed) {
    if (!name.startsWith(SCRIPT_PREFIX)) continue;
    const script = name.slice(SCRIPT_PREFIX.length);
    const kept = entries.get(script)?.v;
    values.push([script, kept !== undefined && scriptValueText(kept) === value ? kept : value]);
  }
  for (const [script, { l }] of entries) if (l !== undefined) locals.push([script, l]);
  return { values: Object.fromEntries(values), locals: Object.fromEntries(locals) };
}

function entriesIn(packed: PackedAttributes): Map<string, Entry> {
  const entries = new Map<string, Entry>();
  for (const { name, value } of listState(packed)) {
    if (!name.startsWith(STATE.scriptLocal) || value === '') continue;
    entries.set(name.slice(STATE.scriptLocal.length), JSON.parse(value) as Entry);
  }
  return entries;
}

/**
 * What must be set in a profile after scripts have run: only the differences from what they have
 * stored.
 *
 * @param results by script, the value; and by script, all its locals
 */
export function scriptSettings(
  kept: ScriptMemory,
  results: ScriptMemory,
): { readonly settings: AttributeSettings; readonly state: StateSettings } {
  const settings = new Map<string, string>();
  const state = new Map<string, string>();
  const { values, locals } = results;
  for (const script of new Set([...Object.keys(values), ...Object.keys(locals)])) {
    const value = own(values, script) ?? own(kept.values, script);
    const all = own(locals, script) ?? own(kept.locals, script);
    const text = value === undefined ? undefined : scriptValueText(value);
    const before = own(kept.values, script);
    if (text !== undefined && text !== (before === undefined ? undefined : scriptValueText(before))) {
      settings.set(SCRIPT_PREFIX + script, text);
    }
    const entry = entryText(value, all);
    if (entry !== entryText(before, own(kept.locals, script))) state.set(STATE.scriptLocal + script, entry);
  }
  return { settings, state };
}

function entryText(value: ScriptValue | undefined, locals: Locals | undefined): string {
  const entry: Entry = {
    ...(typeof value !== 'string' && value !== undefined && { v: value }),
    ...(locals && Object.keys(locals).length > 0 && { l: locals }),
  };
  return Object.keys(entry).length === 0 ? '' : JSON.stringify(entry);
}

function own<Value>(object: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(object, name) ? object[name] : undefined;
}
