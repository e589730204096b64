import type { Module } from "./module.ts";
import { contents } from "./registry.ts";

const indented = (text: string) => text.replaceAll("\n", "\n  ");

/** `Name(...)` around lines, each of which may itself have several. */
function around(name: string, inside: string, lines: readonly string[]): string {
  if (lines.length === 0) return inside.includes("\n") ? `${name}(\n  ${indented(inside)}\n)` : `${name}(${inside})`;
  const all = [...(inside === "" ? [] : [inside]), ...lines];
  return `${name}(\n  ${all.map(indented).join("\n  ")}\n)`;
}

/** Equal neighbours in a list are written once: `(0-11): 12 x Block(…)`, as PyTorch's ModuleList does. */
function folded(entries: readonly (readonly [string, string])[]): string[] {
  const out: string[] = [];
  for (let i = 0; i < entries.length; ) {
    let end = i + 1;
    while (end < entries.length && entries[end][1] === entries[i][1]) end++;
    const [first, text] = entries[i];
    out.push(end - i === 1 ? `(${first}): ${text}` : `(${first}-${entries[end - 1][0]}): ${end - i} x ${text}`);
    i = end;
  }
  return out;
}

/** Names with dots come from containers: an array's numbers are shown as a ModuleList, other keys as a ModuleDict. */
interface Level {
  entries: Map<string, string | Level>;
}

function lines(level: Level): string[] {
  return [...level.entries].map(
    ([name, entry]) => `(${name}): ${typeof entry === "string" ? entry : container(entry)}`,
  );
}
function container(level: Level): string {
  const names = [...level.entries.keys()];
  if (!names.every((name, i) => name === String(i))) return around("ModuleDict", "", lines(level));
  const texts = [...level.entries].map(([name, e]) => [name, typeof e === "string" ? e : container(e)] as const);
  return around("ModuleList", "", folded(texts));
}

/**
 * A module as PyTorch prints one: `Linear(inFeatures=784, outFeatures=128, bias=true)`, with its children below it, each
 * under its name. A module that lies inside itself is named there and not written again, and neither is, after its first
 * time, one that such a circle belongs to.
 */
export const showModule = (module: Module): string => text(module, new Map());

/** `shown`: texts of modules, undefined of those in progress or in a circle. */
function text(module: Module, shown: Map<Module, string | undefined>): string {
  const name = module.constructor.name;
  if (shown.has(module)) return shown.get(module) ?? `${name}(…)`;
  shown.set(module, undefined);
  const root: Level = { entries: new Map() };
  const list: [string, string][] = [];
  let circle = false;
  for (const [path, child] of module.namedChildren()) {
    const inner = text(child, shown);
    if (shown.get(child) === undefined) circle = true;
    list.push([path, inner]);
    const parts = path.split(".");
    const last = parts.pop() as string;
    let level = root;
    for (const part of parts) {
      const next = level.entries.get(part);
      if (typeof next === "object") level = next;
      else {
        const made: Level = { entries: new Map() };
        level.entries.set(part, made);
        level = made;
      }
    }
    level.entries.set(last, inner);
  }
  const { prints } = module.constructor as typeof Module;
  const own =
    prints === "parameters"
      ? contents(module).parameters.map(
          ([key, p]) =>
            `  (${key}): Parameter containing: [${p.dtype} of size ${p.shape.length === 0 ? "[]" : p.shape.join("x")}]`,
        )
      : [];
  const whole = around(name, module.printRepr(), [...own, ...(prints === "folded" ? folded(list) : lines(root))]);
  if (!circle) shown.set(module, whole);
  return whole;
}
