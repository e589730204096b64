import { ShoshinError } from "../../backend/errors.ts";
import type { Scores } from "./f1.ts";
import { defineMetric } from "./metric.ts";
import { ratio } from "./values.ts";

/** A run of words that belong together: words `start` to `end` − 1. */
export interface EntitySpan {
  type: string;
  start: number;
  end: number;
}

const TAG = /^([BIESLU])-(.+)$/;
// BILOU's last and unit are IOBES's end and single.
const PREFIXES: Record<string, string> = { L: "E", U: "S" };

/** Whether tags mark entities: `O`, and `B-`, `I-` (IOB2), also `E-`, `S-` (IOBES) or `L-`, `U-` (BILOU), before a type. */
export function areEntityTags(tags: readonly string[]): boolean {
  return tags.some((tag) => TAG.test(tag)) && tags.every((tag) => tag === "O" || TAG.test(tag));
}

function parse(tag: string): [prefix: string, type: string] {
  const match = TAG.exec(tag);
  return match === null ? ["O", ""] : [PREFIXES[match[1]] ?? match[1], match[2]];
}

/**
 * Entities of a sentence's tags, in order, as the CoNLL-2000 script `conlleval` and seqeval (by default) count them: `B` and
 * `S` begin one, and so does any tag after `O`, after `E` or `S`, or of another type; a tag that is none counts as `O`.
 */
export function entitiesOf(tags: readonly string[]): EntitySpan[] {
  const list: EntitySpan[] = [];
  let open: EntitySpan | undefined;
  let before = "O";
  for (let i = 0; i < tags.length; i++) {
    const [prefix, type] = parse(tags[i]);
    const goes = (prefix === "I" || prefix === "E") && (before === "B" || before === "I") && open?.type === type;
    if (prefix === "O") open = undefined;
    else if (goes) (open as EntitySpan).end = i + 1;
    else {
      open = { type, start: i, end: i + 1 };
      list.push(open);
    }
    before = prefix;
  }
  return list;
}

/**
 * Precision, recall and F1 of entities over all sentences: one counts as found if its words and its type are right (Tjong Kim
 * Sang and De Meulder 2003). 0 where there are none.
 * @param predicted tags of each sentence @param target the right ones
 * @throws ShoshinError unless sentences and their lengths agree.
 */
export function entityScores(
  predicted: readonly (readonly string[])[],
  target: readonly (readonly string[])[],
): Scores {
  if (predicted.length !== target.length || predicted.some((tags, i) => tags.length !== target[i].length)) {
    throw new ShoshinError("entityScores: predicted tags and targets differ in length");
  }
  let [called, occurs, hits] = [0, 0, 0];
  predicted.forEach((tags, i) => {
    const key = ({ type, start, end }: EntitySpan) => `${start} ${end} ${type}`;
    const right = new Set(entitiesOf(target[i]).map(key));
    const found = entitiesOf(tags);
    called += found.length;
    occurs += right.size;
    hits += found.filter((entity) => right.has(key(entity))).length;
  });
  return { precision: ratio(hits, called), recall: ratio(hits, occurs), f1: ratio(2 * hits, called + occurs) };
}

/** Of whole entities, where tags mark them. */
export const entities = defineMetric({
  name: ["precision", "recall", "f1"],
  kind: "tags",
  compute({ predicted, targets, names }) {
    if (!areEntityTags(names ?? [...new Set([...predicted, ...targets].flat())])) return undefined;
    return { ...entityScores(predicted, targets) };
  },
});
