import { DataError, fetchSource, type Part } from "../../data/index.ts";
import { downloads } from "../downloads.ts";
import { namesModel } from "../folder.ts";
import type { How, Reader } from "../reading.ts";
import { areBlank, cutEnd, readPartLines } from "../shared/texts.ts";
import { type ChatExample, readChats } from "./chats.ts";
import { PRESETS } from "./options.ts";

/** A line of text, or a conversation. */
export type Sample = string | ChatExample;

/** What was found in a source. */
export interface LanguageAbout {
  kind: "lines" | "conversations";
  /** Whether it is a published corpus that has been cut into words. */
  words: boolean;
}

/** Files of the corpora that the literature measures words on. */
const WORD_CORPORA = /(^|[/\\])(ptb\.(train|valid|test)\.txt|wiki\.(train|valid|test)\.tokens)(\.gz)?$/;

const isLine = (sample: Sample) => typeof sample === "string";
const isChat = (sample: Sample) => typeof sample !== "string";

/**
 * Lines of text in order, whose end is held out; or conversations, rows of `messages`, `conversations`, or `prompt` and
 * `completion`. Pretrained models take both: what the first row is. Presets read lines.
 */
export const languageReader: Reader<Sample, LanguageAbout> = {
  called: "texts",
  async find(name, options) {
    const source = await fetchSource(name, "rows", downloads(options));
    const files = Object.values(source.parts).flat();
    const words = /(^|[/\\:])(ptb|wikitext)/i.test(name) || files.some((file) => WORD_CORPORA.test(file));
    const preset =
      "model" in options && options.model !== undefined && !namesModel(options.model, Object.keys(PRESETS));
    const reads =
      (part: Part) =>
      async ({ like }: How<LanguageAbout>): Promise<{ examples: Sample[]; about: LanguageAbout }> => {
        const wanted = preset ? "lines" : like?.kind;
        if (wanted !== "lines") {
          const examples = await readChats(source.parts[part] ?? []);
          if (examples !== undefined) return { examples, about: { kind: "conversations", words } };
          if (wanted === "conversations") throw new DataError(`${name}: no conversations`);
        }
        const examples = await readPartLines(source, part, options.textColumn);
        return { examples: areBlank(examples) ? [] : examples, about: { kind: "lines", words } };
      };
    const parts = Object.keys(source.parts) as Part[];
    return { files: source.parts, parts: Object.fromEntries(parts.map((part) => [part, reads(part)])) };
  },
  split(samples, share) {
    const lines = linesOf(samples);
    if (lines.length > 0) return cutEnd(lines, share);
    const cut = Math.max(1, samples.length - Math.floor(samples.length * share));
    return { train: samples.slice(0, cut), held: samples.slice(cut) };
  },
};

/** What of samples is text. */
export const linesOf = (samples: readonly Sample[]): string[] => samples.filter(isLine);

/** What of samples is conversation. */
export const chatsOf = (samples: readonly Sample[]): ChatExample[] => samples.filter(isChat);
