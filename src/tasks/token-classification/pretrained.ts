import { maximum, pushAll } from "../../backend/arrays.ts";
import { ArrayDataset, DataLoader } from "../../data/index.ts";
import { autoModels, configLabels, type PreTrainedModel, type TokenClassifier } from "../../models/index.ts";
import { takenInputs } from "../../models/pretrained/check-inputs.ts";
import { crossEntropy } from "../../nn/index.ts";
import { tensor } from "../../tensor/create.ts";
import { noGrad } from "../../tensor/no-grad.ts";
import { AutoTokenizer, type PreTrainedTokenizer } from "../../text/index.ts";
import { Isolation } from "../../train/run/isolation.ts";
import { settingsOf } from "../folder.ts";
import { type Checkpoint, labelsFor, planFineTuning } from "../pretrained/fine-tuning.ts";
import { lengthFor } from "../pretrained/length.ts";
import { PretrainedTexts } from "../pretrained/texts.ts";
import type { Lessons } from "../reading.ts";
import type { ModelOptions, Opened, Plan } from "../task.ts";
import { type Sentence, type TagsAbout, tagIds, tagsOf } from "./data.ts";
import { openedTagger, scoreTags, spansOf, type Tagged } from "./predictor.ts";

/** A token whose label does not count. */
const IGNORED = -100;

/** Words of a sentence, or of a part of a long one, as a model reads them. */
interface Piece {
  inputIds: number[];
  tokenTypeIds?: number[];
  /** Which token a word begins with; −1 for a word that the tokenizer leaves nothing of. */
  first: number[];
  /** Per token; only the first of a word counts. */
  labels: Int32Array;
}

/** A model and its tokenizer: the first token of a word is tagged (Devlin et al., 2019, section 5.3). */
class PretrainedTagger {
  readonly model: TokenClassifier;
  readonly #tokenizer: PreTrainedTokenizer;
  readonly #texts: PretrainedTexts;
  readonly #maxLength: number;
  /** The tag of words that have no token. */
  readonly #otherwise: number;

  constructor(model: TokenClassifier, tokenizer: PreTrainedTokenizer, maxLength: number, names: readonly string[]) {
    this.model = model;
    this.#tokenizer = tokenizer;
    this.#texts = new PretrainedTexts(tokenizer, maxLength);
    this.#maxLength = maxLength;
    this.#otherwise = Math.max(0, names.indexOf("O"));
  }

  /** The pieces of a sentence, as few as the length allows; a single word that is too long is cut. */
  encode(tokens: readonly string[], labels?: Int32Array): Piece[] {
    const { text, words } = spansOf(tokens);
    const cut = tokens.length === 1 ? { truncation: true, maxLength: this.#maxLength } : { truncation: false };
    const encoded = this.#tokenizer.encode(text, { ...cut, returnOffsetsMapping: true, returnSpecialTokensMask: true });
    const { inputIds, tokenTypeIds, offsetMapping = [], specialTokensMask = [] } = encoded;
    if (inputIds.length > this.#maxLength) {
      const half = Math.ceil(tokens.length / 2);
      return [
        ...this.encode(tokens.slice(0, half), labels?.subarray(0, half)),
        ...this.encode(tokens.slice(half), labels?.subarray(half)),
      ];
    }
    const first = new Array<number>(words.length).fill(-1);
    const own = new Int32Array(inputIds.length).fill(IGNORED);
    let word = 0;
    for (let t = 0; t < inputIds.length; t++) {
      if (specialTokensMask[t] === 1) continue;
      const [, end] = offsetMapping[t];
      // A token may begin with the space before its word.
      while (word < words.length && words[word].end < end) word++;
      if (word === words.length || end <= words[word].start || first[word] >= 0) continue;
      first[word] = t;
      if (labels !== undefined) own[t] = labels[word];
    }
    return [{ inputIds, tokenTypeIds, first, labels: own }];
  }
  collate = (pieces: readonly Piece[]) => {
    const batch = this.#texts.collate(pieces);
    const [rows, longest] = batch.inputIds.shape;
    const labels = new Int32Array(rows * longest).fill(IGNORED);
    pieces.forEach((piece, i) => {
      labels.set(piece.labels, i * longest + this.#texts.before(piece.inputIds.length, longest));
    });
    return { ...batch, labels: tensor(labels, [rows, longest]) };
  };

  tag = async (
    sentences: readonly { tokens: readonly string[] }[],
    labels?: readonly Int32Array[],
  ): Promise<Tagged> => {
    const pieces = sentences.flatMap(({ tokens }, s) =>
      this.encode(tokens, labels?.[s]).map((piece) => ({ piece, s })),
    );
    const order = [...pieces.keys()].sort(
      (a, b) => pieces[a].piece.inputIds.length - pieces[b].piece.inputIds.length || a - b,
    );
    const out: { best: number[]; scores: number[] }[] = new Array(pieces.length);
    let [loss, at] = [0, 0];
    const own = Isolation.here();
    const sorted = new ArrayDataset(order.map((i) => pieces[i].piece));
    for await (const { labels, ...batch } of new DataLoader(sorted, { batchSize: 32, collate: this.collate })) {
      const judge = () => {
        const logits = this.model.forward(takenInputs(this.model, batch)).logits;
        const sum = crossEntropy(logits.flatten(0, 1), labels.flatten(0, 1), { reduction: "sum" });
        return { probabilities: logits.softmax(), sum };
      };
      const { probabilities, sum } = own.precisely(() => noGrad(judge));
      const [rows, longest, classes] = probabilities.shape;
      const data = probabilities.data();
      loss += sum.item();
      probabilities.dispose();
      sum.dispose();
      for (let b = 0; b < rows; b++) {
        const index = order[at++];
        const { piece } = pieces[index];
        const shift = this.#texts.before(piece.inputIds.length, longest);
        const tags = piece.first.map((t) => {
          if (t < 0) return { id: this.#otherwise, score: 1 };
          const row = data.subarray((b * longest + shift + t) * classes, (b * longest + shift + t + 1) * classes);
          const id = row.indexOf(maximum(row));
          return { id, score: row[id] };
        });
        out[index] = { best: tags.map((t) => t.id), scores: tags.map((t) => t.score) };
      }
    }
    const result: Tagged = { best: sentences.map(() => []), scores: sentences.map(() => []), loss };
    pieces.forEach(({ s }, i) => {
      pushAll(result.best[s], out[i].best);
      pushAll(result.scores[s], out[i].scores);
    });
    return result;
  };
}

/** A pretrained model that learns to tag words. Options as those of Transformers' run_ner. */
export async function tune(options: ModelOptions, data: Lessons<Sentence, TagsAbout>, folder: string): Promise<Plan> {
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  const [train, validation] = [data.train.examples, data.validation.examples];
  const found = tagsOf(data, options);
  const names = labelsFor(configLabels(autoModels.config(folder)), found.names);
  const metric = found.entities ? "f1" : "accuracy";
  const checkpoint: Checkpoint = { head: "tokenClassification", folder, tokenizer, labels: names, metric };
  return planFineTuning(checkpoint, options, (model, maxLength) => {
    const tagger = new PretrainedTagger(model, tokenizer, maxLength, names);
    const [trainIds, heldIds] = [tagIds(train, names), tagIds(validation, names)];
    const examples = train.flatMap(({ tokens }, s) => tagger.encode(tokens, trainIds[s]));
    return {
      examples,
      classes: Int32Array.from(examples.flatMap((e) => [...e.labels.filter((id) => id !== IGNORED)])),
      collate: tagger.collate,
      evaluate: validation.length > 0 ? () => scoreTags(tagger.tag, validation, heldIds, names) : undefined,
    };
  });
}

/** A tagger that was fine-tuned here, or any of Hugging Face's with its tokenizer. */
export async function openPretrained(folder: string): Promise<Opened<Sentence, TagsAbout>> {
  const here = Isolation.here();
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  const { model }: { model: PreTrainedModel } = here.within(() => autoModels.load(folder, "tokenClassification"));
  const settings = settingsOf(folder);
  const names = configLabels(model.config);
  const maxLength = lengthFor(model.config, tokenizer.modelMaxLength, settings.maxLength ?? 512);
  const tagger = new PretrainedTagger(model as TokenClassifier, tokenizer, maxLength, names);
  return openedTagger(model, tagger.tag, names, settings);
}
