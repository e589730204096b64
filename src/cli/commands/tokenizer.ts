import type { Command } from "commander";
import { builtinPart, fetchSource, readRecords, textExamples } from "../../data/index.ts";
import { readText } from "../../data/lines.ts";
import { formatOf } from "../../data/records.ts";
import { flag, list, oneOf, text, type Values, whole } from "../../options/index.ts";
import { downloads } from "../../tasks/index.ts";
import { COLUMNS } from "../../tasks/options/data.ts";
import { type OnTokenizerProgress, TOKENIZER_KINDS, type Tokenizer, trainTokenizer } from "../../text/index.ts";
import { addCommand, given } from "../command.ts";
import { applyCommon, type CommonOptions } from "../common.ts";
import { print } from "../print.ts";
import { UsageError } from "../usage.ts";

const TRAIN = {
  data: text({ argument: "source", required: true, help: "a file, a folder, builtin, glue:TASK" }),
  type: oneOf(TOKENIZER_KINDS, { argument: "kind", required: true, help: "what tokens are" }),
  output: text({ argument: "dir", required: true, help: "where tokenizer.json goes" }),
  vocabSize: whole({ from: 1, help: "at most so many tokens; 30000" }),
  minFrequency: whole({ from: 0, help: "leave out what occurs less often" }),
  specialTokens: list(text({ argument: "token", help: "" }), {
    variadic: true,
    help: "in the order of their ids, instead of the usual ones",
  }),
  lowercase: flag({ help: "lower all letters first; WordPiece does unless --no-lowercase" }),
  splitPunctuation: flag({ default: true, help: "words: cut at punctuation, not at spaces only" }),
  textColumn: COLUMNS.textColumn,
};
type TrainOptions = Values<typeof TRAIN> & CommonOptions;

const BLOCK = 2 ** 22;

/** Text files in blocks of whole lines, line ends included (a tokenizer shall know them); of other files the text column. */
async function* textsOf({ data = "", textColumn, quiet }: TrainOptions): AsyncGenerator<string> {
  const source = await fetchSource(data, "rows", downloads({ quiet }));
  const part = source.parts.train ? "train" : source.parts.validation ? "validation" : "test";
  for (const path of source.parts[part] ?? []) {
    if (formatOf(path) === "text") {
      let rest = "";
      for await (const piece of readText(path)) {
        let end = piece.lastIndexOf("\n") + 1;
        // A text without lines is cut at a space, or anywhere.
        if (end === 0 && rest.length > BLOCK) end = Math.max(0, piece.lastIndexOf(" ")) || piece.length;
        if (end > 0) yield rest + piece.slice(0, end);
        rest = end > 0 ? piece.slice(end) : rest + piece;
      }
      if (rest !== "") yield rest;
      continue;
    }
    const { examples } = textExamples(await readRecords(path), { textColumn }, false);
    for (let i = 0; i < examples.length; i++) {
      if (!source.builtin || builtinPart(i) === part) yield examples[i].text;
    }
  }
}

/** Progress on a terminal only: one line that is written over. */
function progressLine(options: CommonOptions): { onProgress?: OnTokenizerProgress; end: () => void } {
  if (options.quiet || !process.stderr.isTTY) return { end: () => {} };
  let shown = 0;
  return {
    onProgress: ({ stage, done, total }) => {
      const now = performance.now();
      if (now - shown < 200) return;
      shown = now;
      const share = total === undefined ? done : `${Math.floor((100 * done) / Math.max(1, total))} %`;
      process.stderr.write(`\r${stage === "count" ? "texts" : "vocabulary"} ${share}   `);
    },
    end: () => process.stderr.write("\r"),
  };
}

export function addTokenizer(cli: Command): void {
  const command = addCommand(cli.command("tokenizer").description("train tokenizers"), "train", {
    description: "train a tokenizer and save it as tokenizer.json, which Hugging Face's libraries read too",
    table: TRAIN,
    examples: ["shoshin tokenizer train --data corpus.txt --type bpe --vocab-size 8000 --output runs/tokenizer"],
  });
  command.action(async () => {
    const options = given(command, TRAIN);
    applyCommon(options);
    const started = performance.now();
    let texts = 0;
    let characters = 0;
    async function* counted(): AsyncGenerator<string> {
      for await (const text of textsOf(options)) {
        texts++;
        characters += text.length;
        yield text;
      }
    }
    const { onProgress, end } = progressLine(options);
    const { type = "bpe", output = "", vocabSize, minFrequency, specialTokens, lowercase, splitPunctuation } = options;
    const settings = {
      ...{ vocabSize, minFrequency, lowercase, splitPunctuation, onProgress },
      specialTokens: specialTokens && [...specialTokens],
    };
    let tokenizer: Tokenizer;
    try {
      tokenizer = await trainTokenizer(type, counted(), settings);
    } catch (error) {
      if (error instanceof RangeError) throw new UsageError(error.message);
      throw error;
    } finally {
      end();
    }
    tokenizer.save(output);
    const seconds = (performance.now() - started) / 1000;
    const { vocabSize: size } = tokenizer;
    print(
      options,
      { type, vocabSize: size, output, texts, characters, seconds },
      () => `${type} tokenizer of ${size} tokens from ${characters} characters in ${seconds.toFixed(1)} s: ${output}`,
    );
  });
}
