import { DataError } from "../../data/lines.ts";
import { BYTE_CHARACTERS } from "./bpe.ts";
import type { PostProcessorJson, TemplatePartJson } from "./schema.ts";

/** A text as tokens; the lists are equally long. */
export interface Encoding {
  ids: number[];
  tokens: string[];
  /**
   * Where each token lies in its text, from and to, in UTF-16 units: `text.slice(from, to)`. (Python counts code points: the
   * numbers differ after characters such as emoji.) Tokens that were added, as `[CLS]`, have `[0, 0]`.
   */
  offsets: [number, number][];
  /** The number of the text, 0 or 1, as the model shall see it (BERT's segments). */
  typeIds: number[];
  /** 1 for tokens that were added around the texts. */
  specialTokensMask: number[];
  /** Which text a token is of, 0 or 1; null for tokens that were added. */
  sequenceIds: (number | null)[];
}

/** The tokens of one text, before anything is put around it. */
export type Sequence = Pick<Encoding, "ids" | "tokens" | "offsets">;

/** A part of a template: a text, or tokens. */
type Slot = { sequence: 0 | 1; type: number } | { sequence?: undefined; ids: number[]; type: number };

const SPACES = new RegExp(`^[${BYTE_CHARACTERS[32]}\\p{White_Space}]+`, "u");
const SPACES_AFTER = new RegExp(`[${BYTE_CHARACTERS[32]}\\p{White_Space}]+$`, "u");

/** Offsets without the spaces at either end, as ByteLevel's `trim_offsets` has it. */
function trimmed({ ids, tokens, offsets }: Sequence, addPrefixSpace: boolean): Sequence {
  const shorter = offsets.map(([from, to], i): [number, number] => {
    let leading = SPACES.exec(tokens[i])?.[0].length ?? 0;
    const trailing = SPACES_AFTER.exec(tokens[i])?.[0].length ?? 0;
    // A single space at the very beginning is the one that was put there, with the range of the character after it.
    if (addPrefixSpace && leading === 1 && (i === 0 || from === 0)) {
      if (tokens[i].length === 1) return [from, from];
      leading = 0;
    }
    const start = Math.min(from + leading, to);
    return [start, to >= trailing ? Math.max(to - trailing, start) : to];
  });
  return { ids, tokens, offsets: shorter };
}

/** What is put around one text or two. */
export class PostProcessor {
  readonly #single: Slot[] = [{ sequence: 0, type: 0 }];
  readonly #pair: Slot[] = [
    { sequence: 0, type: 0 },
    { sequence: 1, type: 1 },
  ];
  /** For each ByteLevel that trims: whether a space was put before the text. */
  readonly #trims: boolean[] = [];

  /** @throws DataError for templates that name a text twice or an unknown special token */
  constructor(json: PostProcessorJson | null, source: string) {
    let templates = 0;
    const steps = json === null ? [] : json.type === "Sequence" ? json.processors : [json];
    for (const step of steps) {
      if (step.type === "ByteLevel" || step.type === "RobertaProcessing") {
        if (step.trim_offsets) this.#trims.push(step.add_prefix_space);
        if (step.type === "ByteLevel") continue;
      }
      if (++templates > 1)
        throw new DataError(`${source}: post_processor: more than one template`, "One puts tokens around the texts.");
      if (step.type === "TemplateProcessing") {
        const read = (name: "single" | "pair", count: number) =>
          readTemplate(step[name], step.special_tokens, count, `${source}: post_processor.${name}`);
        this.#single = read("single", 1);
        this.#pair = read("pair", 2);
      } else {
        const [cls, sep] = [step.cls[1], step.sep[1]];
        const bert = step.type === "BertProcessing";
        const ids = (list: number[], type: number): Slot => ({ ids: list, type });
        this.#single = [ids([cls], 0), { sequence: 0, type: 0 }, ids([sep], 0)];
        const second = bert ? 1 : 0;
        this.#pair = [
          ...this.#single,
          ...(bert ? [] : [ids([sep], 0)]),
          { sequence: 1, type: second },
          ids([sep], second),
        ];
      }
    }
  }

  /** Ids that are put around the texts. */
  get specialIds(): number[] {
    return [...this.#single, ...this.#pair].flatMap((slot) => (slot.sequence === undefined ? slot.ids : []));
  }

  /** How many tokens are put around one text, or two. */
  added(pair: boolean): number {
    return (pair ? this.#pair : this.#single).reduce(
      (n, slot) => n + (slot.sequence === undefined ? slot.ids.length : 0),
      0,
    );
  }

  /** @param token the name of a special token */
  process(texts: readonly Sequence[], addSpecialTokens: boolean, token: (id: number) => string): Encoding {
    const out: Encoding = { ids: [], tokens: [], offsets: [], typeIds: [], specialTokensMask: [], sequenceIds: [] };
    for (const slot of texts.length > 1 ? this.#pair : this.#single) {
      const { sequence, type } = slot;
      if (sequence === undefined && !addSpecialTokens) continue;
      const part: Sequence =
        sequence === undefined
          ? { ids: slot.ids, tokens: slot.ids.map(token), offsets: slot.ids.map(() => [0, 0]) }
          : this.#trims.reduce(trimmed, texts[sequence]);
      for (let i = 0; i < part.ids.length; i++) {
        out.ids.push(part.ids[i]);
        out.tokens.push(part.tokens[i]);
        out.offsets.push(part.offsets[i]);
        out.typeIds.push(type);
        out.specialTokensMask.push(sequence === undefined ? 1 : 0);
        out.sequenceIds.push(sequence ?? null);
      }
    }
    return out;
  }
}

function readTemplate(
  parts: readonly TemplatePartJson[],
  specials: Readonly<Record<string, { ids: number[] }>>,
  count: number,
  where: string,
): Slot[] {
  const slots = parts.map((part): Slot => {
    if ("Sequence" in part) return { sequence: part.Sequence.id === "A" ? 0 : 1, type: part.Sequence.type_id };
    const { id, type_id } = part.SpecialToken;
    if (!Object.hasOwn(specials, id))
      throw new DataError(`${where}: ${JSON.stringify(id)} is not among post_processor.special_tokens`);
    return { ids: specials[id].ids, type: type_id };
  });
  const order = slots.flatMap(({ sequence }) => sequence ?? []).join();
  if (order !== (count === 1 ? "0" : "0,1"))
    throw new DataError(
      `${where}: expected ${count === 1 ? "the sequence A once" : "the sequences A and B, each once"}`,
    );
  return slots;
}
