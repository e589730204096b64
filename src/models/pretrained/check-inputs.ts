import { OptionError } from "../../backend/options.ts";
import { ShapeError } from "../../tensor/shape.ts";
import { Tensor } from "../../tensor/tensor.ts";

const plain = (name: string) => name.toLowerCase().replaceAll("_", "");
const byPlainName = <T>(entries: readonly (readonly [string, T])[]) => new Map(entries.map(([k, v]) => [plain(k), v]));

const NAMES = [
  ...["inputIds", "attentionMask", "tokenTypeIds", "positionIds", "labels", "startPositions", "endPositions"],
  ...["maskedPositions", "decoderInputIds", "decoderAttentionMask"],
];
const KNOWN = new Set(NAMES);
const MEANT = byPlainName(NAMES.map((name) => [name, name] as const));

/** What Transformers' models take besides, and these do not. */
const REFUSED = byPlainName([
  ["outputHiddenStates", "It is an option of models without a head: forward(inputs, { outputHiddenStates: true })."],
  ["outputAttentions", "Attention never writes its weights down here."],
  ["inputsEmbeds", "Give inputIds."],
  ["decoderInputsEmbeds", "Give decoderInputIds."],
  ["headMask", "All heads count here."],
  ["pastKeyValues", "generate keeps keys and values by itself."],
  ["encoderOutputs", "Give inputIds; generate reads them once by itself."],
]);

/**
 * Holds what a model is called with against what it reads. Columns that no model knows are let through: a collate function may leave
 * some in the batch.
 * @throws OptionError for names of another spelling (`attention_mask` would be no mask at all), for those that Transformers knows
 * and this does not, and without `inputIds`; ShapeError where these are not [batch, T].
 */
export function checkInputs<T extends { inputIds: Tensor }>(where: string, inputs: T): T {
  if (inputs === null || typeof inputs !== "object" || inputs instanceof Tensor)
    throw new OptionError(`${where}: expected an object of inputs`, "Call it as forward({ inputIds, attentionMask }).");
  for (const name of Object.keys(inputs)) {
    if (KNOWN.has(name) || (inputs as Record<string, unknown>)[name] === undefined) continue;
    const key = plain(name);
    const meant = MEANT.get(key);
    if (meant !== undefined) throw new OptionError(`${where}: unknown input ${name}`, `Did you mean ${meant}?`);
    if (REFUSED.has(key)) throw new OptionError(`${where}: ${name} is not supported`, REFUSED.get(key));
  }
  const { inputIds } = inputs;
  if (!(inputIds instanceof Tensor))
    throw new OptionError(`${where}: inputIds is no tensor`, "tensor([[…]], { dtype: 'int32' }), as [batch, T].");
  if (inputIds.ndim !== 2) throw new ShapeError(`${where}: inputIds: expected [batch, T], found [${inputIds.shape}]`);
  return inputs;
}
