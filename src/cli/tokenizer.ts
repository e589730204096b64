import { type Command, Option } from "commander";
import { knownOptions } from "../backend/options.ts";
import { COLUMNS } from "../data/columns.ts";
import { builtinPart, fetchSource, readRecords, textExamples } from "../data/index.ts";
import { readText } from "../data/lines.ts";
import { formatOf } from "../data/records.ts";
import { downloads } from "../tasks/downloads.ts";
import {
  type OnTokenizerProgress,
  TOKENIZER_KINDS,
  Tokenizer,
  type TokenizerKind,
  trainTokenizer,
} from "../text/index.ts";
import { addCommon, applyCommon, type CommonOptions, UsageError, whole } from "./options.ts";

interface TrainOptions extends CommonOptions {
  data: string;
  type: TokenizerKind;
  vocabSize?: number;
  output: string;
  minFrequency?: number;
  specialTokens?: string[];
  lowercase?: boolean;
  splitPunctuation: boolean;
  textColumn?: string;
}

const BLOCK = 2 ** 22;

/** Text files in blocks of whole lines, line ends included (a tokenizer shall know them); of other files the text column. */
async function* textsOf(options: TrainOptions): AsyncGenerator<string> {
  const source = await fetchSource(options.data, "rows", downloads(options));
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
    const { examples } = textExamples(await readRecords(path), knownOptions(options, COLUMNS), false);
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

type Print = (options: CommonOptions, json: unknown, text: () => string) => void;

/** Adds `tokenizer train` and `tokenize`. */
export function addTokenizerCommands(cli: Command, print: Print): void {
  const train = cli.command("tokenizer").description("train tokenizers").command("train").exitOverride();
  addCommon(train)
    .description("train a tokenizer and save it as tokenizer.json, which Hugging Face's libraries read too")
    .requiredOption("--data <source>", "a file, a folder, builtin, glue:TASK")
    .addOption(new Option("--type <kind>", "what tokens are").choices([...TOKENIZER_KINDS]).makeOptionMandatory())
    .requiredOption("--output <dir>", "where tokenizer.json goes")
    .option("--vocab-size <n>", "at most so many tokens (30000)", whole)
    .option("--min-frequency <n>", "leave out what occurs less often", whole)
    .option("--special-tokens <token...>", "in the order of their ids, instead of the usual ones")
    .option("--lowercase", "lower all letters first (WordPiece: unless --no-lowercase)")
    .option("--no-lowercase", "keep capitals and accents")
    .option("--no-split-punctuation", "words: cut at spaces only")
    .option("--text-column <name>")
    .addHelpText(
      "after",
      "\nExample:\n  shoshin tokenizer train --data corpus.txt --type bpe --vocab-size 8000 --output runs/tokenizer\n",
    )
    .action(async (options: TrainOptions) => {
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
      const { type, vocabSize, minFrequency, specialTokens, lowercase, splitPunctuation } = options;
      const settings = { vocabSize, minFrequency, specialTokens, lowercase, splitPunctuation, onProgress };
      let tokenizer: Tokenizer;
      try {
        tokenizer = await trainTokenizer(type, counted(), settings);
      } catch (error) {
        if (error instanceof RangeError) throw new UsageError(error.message);
        throw error;
      } finally {
        end();
      }
      tokenizer.save(options.output);
      const seconds = (performance.now() - started) / 1000;
      const { vocabSize: size } = tokenizer;
      print(
        options,
        { type, vocabSize: size, output: options.output, texts, characters, seconds },
        () =>
          `${type} tokenizer of ${size} tokens from ${characters} characters in ${seconds.toFixed(1)} s: ${options.output}`,
      );
    });

  addCommon(cli.command("tokenize <dir> <text>"))
    .description("cut a text into the tokens of a saved tokenizer: id, token, position")
    .option("--no-special-tokens", "without [CLS] and the like")
    .addHelpText("after", '\nExample:\n  shoshin tokenize runs/tokenizer "A film to see twice."\n')
    .action((dir: string, text: string, options: CommonOptions & { specialTokens: boolean }) => {
      applyCommon(options);
      const encoding = Tokenizer.fromFile(dir).encode(text, { addSpecialTokens: options.specialTokens });
      print(options, encoding, () =>
        encoding.ids
          .map((id, i) => `${id}\t${JSON.stringify(encoding.tokens[i])}\t${encoding.offsets[i].join("–")}`)
          .join("\n"),
      );
    });
}
