import { checkOptions, type Known, OptionError } from "../../backend/options.ts";
import { ShapeError } from "../../tensor/shape.ts";
import { Tensor } from "../../tensor/tensor.ts";
import type { LabelledDecoderInputs } from "./decoder.ts";
import type { EncoderInputs, MaskedLmInputs, QuestionAnsweringInputs } from "./inputs.ts";
import type { Seq2SeqInputs } from "./seq2seq.ts";

type Names = Readonly<Record<string, true>>;

export const ENCODER_INPUTS: Known<EncoderInputs> = {
  inputIds: true,
  attentionMask: true,
  tokenTypeIds: true,
  positionIds: true,
};
export const LABELLED_INPUTS: Names = { ...ENCODER_INPUTS, labels: true };
export const MASKED_LM_INPUTS: Known<MaskedLmInputs> = { ...ENCODER_INPUTS, maskedPositions: true, labels: true };
export const QUESTION_INPUTS: Known<QuestionAnsweringInputs> = {
  ...ENCODER_INPUTS,
  startPositions: true,
  endPositions: true,
};
export const LABELLED_DECODER_INPUTS: Known<LabelledDecoderInputs> = {
  inputIds: true,
  attentionMask: true,
  positionIds: true,
  labels: true,
};
const { labels: _, ...decoderInputs } = LABELLED_DECODER_INPUTS;
export const DECODER_INPUTS: Names = decoderInputs;
/** What is read where positions and kinds of texts are the model's own affair: T5, Marian. */
export const TEXT_INPUTS: Names = { inputIds: true, attentionMask: true };
export const SEQ2SEQ_INPUTS: Known<Seq2SeqInputs> = {
  inputIds: true,
  attentionMask: true,
  decoderInputIds: true,
  decoderAttentionMask: true,
  labels: true,
};

const STATES =
  "Give it beside the inputs, to a model without a head: model.forward(inputs, { outputHiddenStates: true }).";
/** What Transformers' models also take. */
const NOT_TAKEN = {
  inputsEmbeds: "Models read inputIds.",
  decoderInputsEmbeds: "Models read decoderInputIds.",
  encoderOutputs: "encode(inputs) and next(ids, state) read a text once.",
  pastKeyValues: "next(ids, past) goes on from what was read.",
  useCache: "next(ids, past) goes on from what was read.",
  cachePosition: "next(ids, past) goes on from what was read.",
  headMask: "All heads count.",
  outputAttentions: "Weights of attention are not given back by models.",
  outputHiddenStates: STATES,
  returnDict: "What comes back is always an object.",
  logitsToKeep: "Logits of all tokens are computed; generate computes the last ones alone.",
  numItemsInBatch: "Multiply the loss, or give computeLoss to the Trainer.",
  nextSentenceLabel: "There is no head for next sentences.",
  pixelValues: "Models read texts.",
};

/** As config.json has it, where the class has such a name: minified code has other ones. */
function nameOf(model: object): string {
  const kind = model.constructor as { architecture?: string; name: string };
  return kind.architecture ?? kind.name;
}

/**
 * Refuses inputs that a model does not know, and what is no tensor. Costs nothing that counts: once per call.
 * @param needed which of them must be there
 * @throws OptionError that names the input and the nearest one that is known
 */
export function checkInputs(
  model: object,
  inputs: unknown,
  known: Names,
  needed: readonly string[] = ["inputIds"],
  method = "forward",
): void {
  const where = () => `${nameOf(model)}.${method}`;
  const show = () => `${method}({ ${needed.join(", ")}${Object.keys(known).length > needed.length ? ", …" : ""} })`;
  if (inputs === undefined || inputs instanceof Tensor) {
    const found = inputs === undefined ? "nothing" : "a tensor";
    throw new OptionError(`${where()}: expected an object of inputs, found ${found}`, `Call ${show()}.`);
  }
  if (inputs === null || typeof inputs !== "object" || Array.isArray(inputs))
    checkOptions(where(), inputs, known, NOT_TAKEN, "input");
  const given = inputs as Readonly<Record<string, unknown>>;
  for (const name in given) {
    const value = given[name];
    if (value === undefined) continue;
    if (known[name] !== true) checkOptions(where(), inputs, known, NOT_TAKEN, "input");
    if (!(value instanceof Tensor)) {
      throw new OptionError(
        `${where()}: ${name}: expected a tensor, found ${value === null ? "null" : Array.isArray(value) ? "an array" : typeof value}`,
        Array.isArray(value) ? `tensor(${name}, { dtype: "int32" }) makes one.` : undefined,
      );
    }
  }
  for (const name of needed)
    if (given[name] === undefined) throw new OptionError(`${where()}: ${name} is missing`, `Call ${show()}.`);
  const ids = given.inputIds;
  if (ids instanceof Tensor && ids.ndim !== 2)
    throw new ShapeError(`${where()}: inputIds: expected [batch, T], found [${ids.shape.join(", ")}]`);
}

/** Refuses what a model without a head does not know besides its inputs. */
export function checkOutputs(model: object, options: unknown): void {
  if (options === undefined) return;
  const { outputHiddenStates: _, ...others } = NOT_TAKEN;
  checkOptions(`${nameOf(model)}.forward`, options, { outputHiddenStates: true }, others);
}

/**
 * Names that a model's `forward` takes; undefined where a class that is not ours has a `forward` of its own, which may take more.
 */
export function inputNamesOf(model: object): Names | undefined {
  for (let at = Object.getPrototypeOf(model); at !== null && at !== Object.prototype; at = Object.getPrototypeOf(at)) {
    if (Object.hasOwn(at.constructor, "inputNames")) return at.constructor.inputNames as Names;
    if (Object.hasOwn(at, "forward")) return undefined;
  }
  return undefined;
}

/** Those of a batch's tensors that a model takes: a tokenizer may give more, as tokenTypeIds. */
export function takenInputs<T extends object>(model: object, batch: T): T {
  const names = inputNamesOf(model);
  if (names === undefined) return batch;
  return Object.fromEntries(Object.entries(batch).filter(([name]) => names[name] === true)) as T;
}
