import { ArrayDataset, DataLoader, type SentencePair } from "../../data/index.ts";
import {
  generateSeq2Seq,
  type HeadOutput,
  type PreTrainedModel,
  type Seq2SeqGenerationOptions,
  type Seq2SeqInputs,
  type Seq2SeqLm,
  shiftTokensRight,
} from "../../models/index.ts";
import { crossEntropy } from "../../nn/index.ts";
import { noGrad } from "../../tensor/no-grad.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { dataCollatorForSeq2Seq, type PreTrainedTokenizer } from "../../text/index.ts";
import { type BleuTokenizer, type Metrics, measure } from "../../train/index.ts";
import { Isolation } from "../../train/run/isolation.ts";
import { TaskError } from "../error.ts";
import type { TranslationOptions } from "../predict-options.ts";
import { checkBatchSize } from "../predict-options.ts";
import type { Lessons } from "../reading.ts";
import type { CourseLessons } from "../task.ts";

/** A model that reads one text and writes another, as training takes it. */
export type TranslationModel = Seq2SeqLm & { forward(inputs: Seq2SeqInputs): Pick<HeadOutput, "logits"> };

/** The same as it is opened to learn. */
export type LearnedTranslator = TranslationModel & PreTrainedModel;

/** A pair as the model takes it. */
export interface PairTokens {
  inputIds: number[];
  attentionMask: number[];
  labels: number[];
}
export interface PairBatch {
  inputIds: Tensor;
  attentionMask: Tensor;
  labels: Tensor;
}

export interface TranslatorOptions {
  /** Longest text in tokens, read or written. */
  maxLength: number;
  /** What stands before every text that is read. */
  prefix?: string;
  targetLanguage?: string;
  /** How texts are written while it learns: what the model's folder says costs too much there. */
  defaults?: Seq2SeqGenerationOptions;
}

/** Texts that are written together. */
const TOGETHER = 32;
/** Pairs that are measured together. */
const MEASURED = 64;

/** How BLEU cuts texts of a language, as sacreBLEU's authors advise: Chinese by characters, what has no spaces too. */
function cutOf(language: string | undefined, texts: readonly string[]): BleuTokenizer {
  const code = language?.toLowerCase().slice(0, 2);
  if (code === "zh") return "zh";
  if (code === "ja" || code === "th" || code === "lo" || code === "km" || code === "my") return "char";
  const sample = texts.slice(0, 200).join("");
  const han = sample.match(/\p{Script=Han}/gu)?.length ?? 0;
  if (/\p{Script=Hiragana}|\p{Script=Katakana}|\p{Script=Thai}/u.test(sample)) return "char";
  return 2 * han > (sample.match(/\p{L}/gu)?.length ?? 0) ? "zh" : "13a";
}

/** A model that translates and its tokenizer. */
export class Translator {
  readonly model: TranslationModel;
  readonly tokenizer: PreTrainedTokenizer;
  readonly #o: TranslatorOptions;
  readonly #collate: ReturnType<typeof dataCollatorForSeq2Seq>;
  readonly collate: (examples: readonly PairTokens[]) => PairBatch;

  /** @throws TaskError where the tokenizer has more tokens than the model. */
  constructor(model: TranslationModel, tokenizer: PreTrainedTokenizer, options: TranslatorOptions) {
    if (tokenizer.vocabSize > model.vocabSize) {
      throw new TaskError(
        `the tokenizer has ${tokenizer.vocabSize} tokens, the model ${model.vocabSize}`,
        "Both must come from the same training.",
      );
    }
    this.model = model;
    this.tokenizer = tokenizer;
    this.#o = { ...options, maxLength: Math.min(options.maxLength, model.maxPositions) };
    this.#collate = dataCollatorForSeq2Seq(tokenizer);
    this.collate = (examples) => this.#collate(examples) as PairBatch;
  }

  #read(text: string) {
    const { inputIds, attentionMask } = this.tokenizer.encode((this.#o.prefix ?? "") + text, {
      truncation: true,
      maxLength: this.#o.maxLength,
    });
    return { inputIds, attentionMask };
  }
  encode(pairs: readonly SentencePair[]): PairTokens[] {
    const { maxLength } = this.#o;
    return pairs.map(({ source, target }) => {
      const labels = this.tokenizer.encode(target, { truncation: true, maxLength, asTarget: true }).inputIds;
      return { ...this.#read(source), labels };
    });
  }

  /** Mean cross-entropy of the written tokens. */
  loss({ inputIds, attentionMask, labels }: PairBatch, labelSmoothing = 0, reduction: "mean" | "sum" = "mean"): Tensor {
    const decoderInputIds = shiftTokensRight(labels, this.model.config);
    const { logits } = this.model.forward({ inputIds, attentionMask, decoderInputIds });
    return crossEntropy(logits.flatten(0, 1), labels.flatten(), { labelSmoothing, reduction });
  }

  /**
   * Loss per token of what was to be written; BLEU and chrF, 0 to 100, of what is written, as sacreBLEU counts them.
   * @param encoded what {@link encode} makes of the pairs
   */
  async score(
    pairs: readonly SentencePair[],
    encoded: readonly PairTokens[],
    options: Seq2SeqGenerationOptions = {},
  ): Promise<Metrics> {
    const sorted = [...encoded].sort((a, b) => a.inputIds.length - b.inputIds.length);
    let [total, tokens] = [0, 0];
    const own = Isolation.here();
    for await (const batch of new DataLoader(new ArrayDataset(sorted), {
      batchSize: MEASURED,
      collate: this.collate,
    })) {
      const sum = own.precisely(() => noGrad(() => this.loss(batch, 0, "sum")));
      total += sum.item();
      for (const used of [sum, ...Object.values(batch)]) used.dispose();
    }
    for (const { labels } of encoded) tokens += labels.length;
    const written = own.precisely(() => this.#write(encoded, options));
    const references = pairs.map((pair) => pair.target);
    const tokenize = cutOf(this.#o.targetLanguage, references);
    return { loss: total / tokens, ...measure("texts", { written, references, tokenize }) };
  }

  /**
   * The text of each; with `numReturnSequences` n, n of each one behind another.
   * @throws OptionError, GenerationError for settings out of range.
   */
  translate(texts: readonly string[], options: TranslationOptions = {}): string[] {
    return this.#write(
      texts.map((text) => this.#read(text)),
      options,
    );
  }

  #write(
    read: readonly Pick<PairTokens, "inputIds" | "attentionMask">[],
    { batchSize = TOGETHER, ...options }: TranslationOptions,
  ): string[] {
    checkBatchSize(batchSize);
    const { model, tokenizer } = this;
    const own = { ...model.generationConfig?.defaults, ...this.#o.defaults };
    const n = options.numReturnSequences ?? own.numReturnSequences ?? 1;
    const { maxNewTokens: given, maxLength } = options;
    const stated = own.maxNewTokens ?? (own.maxLength ?? Number.POSITIVE_INFINITY) - 1;
    const out: string[] = [];
    const order = [...read.keys()].sort((a, b) => read[a].inputIds.length - read[b].inputIds.length);
    for (let at = 0; at < order.length; at += batchSize) {
      const which = order.slice(at, at + batchSize);
      const { inputIds, attentionMask } = this.#collate(
        which.map((i) => ({ inputIds: read[i].inputIds, attentionMask: read[i].attentionMask })),
      );
      // A text that does not end is cut where no translation goes.
      const most = Math.min(model.maxPositions, stated, 3 * inputIds.shape[1] + 20);
      const length = given === undefined && maxLength === undefined ? { maxNewTokens: most } : {};
      const ids = generateSeq2Seq(
        model,
        { inputIds, attentionMask },
        { ...length, ...this.#o.defaults, tokenizer, ...options },
      );
      ids.forEach((row, i) => {
        // A model may have more rows than the tokenizer has tokens.
        out[which[Math.floor(i / n)] * n + (i % n)] = tokenizer
          .decode(row.filter((id) => id < tokenizer.vocabSize))
          .trim();
      });
      inputIds.dispose();
      attentionMask.dispose();
    }
    return out;
  }
}

/** What a model learns from and is measured on, and how many tokens it learns from. */
export function lessonsOf(
  translator: Translator,
  { train, validation }: Lessons<SentencePair>,
  labelSmoothing: number,
): { lessons: CourseLessons<ArrayDataset<PairTokens>, PairBatch>; tokens: number } {
  const [examples, held] = [translator.encode(train.examples), translator.encode(validation.examples)];
  const lengths = examples.map((e) => e.inputIds.length + e.labels.length);
  return {
    lessons: {
      ...{ trainDataset: new ArrayDataset(examples), lengths, collate: translator.collate },
      computeLoss: (batch) => translator.loss(batch, labelSmoothing),
      evaluate: held.length > 0 ? () => translator.score(validation.examples, held) : undefined,
    },
    tokens: lengths.reduce((sum, length) => sum + length, 0),
  };
}
