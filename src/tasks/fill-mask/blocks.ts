import { philox } from "../../backend/philox.ts";
import { tensor } from "../../tensor/create.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { PreTrainedTokenizer } from "../../text/index.ts";
import { joined } from "../shared/texts.ts";

/** Texts with their special tokens, one after another, as Transformers' run_mlm joins them. */
export const encodeTexts = (tokenizer: PreTrainedTokenizer, texts: readonly string[]): Int32Array =>
  joined(texts.map((text) => tokenizer.encode(text).inputIds));

/** What is hidden, and what stands in its place. */
export interface Masking {
  /** Share of the tokens that are to be guessed, above 0, at most 1. */
  probability: number;
  maskTokenId: number;
  /** Tokens put in at random have ids below it. */
  vocabSize: number;
  /** Tokens that are never hidden. */
  specialIds: ReadonlySet<number>;
}

export interface MaskedBatch {
  /** int32 [batch, T] */
  inputIds: Tensor;
  /** int32 [n]: places, among all batch · T, of the tokens to be guessed. */
  maskedPositions: Tensor;
  /** int32 [n]: what they were. */
  labels: Tensor;
}

/** Of which draw masks are: seed and epoch. */
type Draw = readonly [seed: number, epoch: number];

const MASKS = 0x3a5c1d;
/** The masks of evaluation: always the same, so that runs can be compared. */
const FIXED: Draw = [0, 2 ** 32 - 1];
const words = new Uint32Array(4);

/**
 * Hides tokens of a block as BERT was trained (Devlin et al., 2019, section 3.1): of those to be guessed 80 % become the mask
 * token, 10 % a random one, 10 % stay. What happens to a token is a function of the draw and its place in the stream. One token
 * is to be guessed at least, unless all are special.
 * @param block changed in place
 * @param from its place in the stream
 * @returns the places in the block of the tokens to be guessed
 */
function hide(
  block: Int32Array,
  from: number,
  { probability, maskTokenId, vocabSize, specialIds }: Masking,
  [seed, epoch]: Draw,
): number[] {
  const draw = (i: number) => philox(from + i, epoch, seed >>> 0, MASKS, words, 0);
  let chosen: number[] = [];
  let [least, nearest] = [2 ** 32, -1];
  block.forEach((id, i) => {
    if (specialIds.has(id)) return;
    draw(i);
    if (words[0] < least) [least, nearest] = [words[0], i];
    if (words[0] < probability * 2 ** 32) chosen.push(i);
  });
  if (chosen.length === 0 && nearest >= 0) chosen = [nearest];
  for (const i of chosen) {
    draw(i);
    const kind = words[1] / 2 ** 32;
    if (kind < 0.8) block[i] = maskTokenId;
    else if (kind < 0.9) block[i] = Math.floor((words[2] / 2 ** 32) * vocabSize);
  }
  return chosen;
}

function masked(ids: Int32Array, from: readonly number[], block: number, masking: Masking, draw: Draw): MaskedBatch {
  const inputs = new Int32Array(from.length * block);
  const [positions, labels]: [number[], number[]] = [[], []];
  from.forEach((start, row) => {
    const part = inputs.subarray(row * block, (row + 1) * block);
    part.set(ids.subarray(start, start + block));
    for (const i of hide(part, start, masking, draw)) {
      positions.push(row * block + i);
      labels.push(ids[start + i]);
    }
  });
  const list = (values: number[]) => tensor(Int32Array.from(values));
  return {
    inputIds: tensor(inputs, [from.length, block]),
    maskedPositions: list(positions),
    labels: list(labels),
  };
}

/** Blocks of a stream with new masks in every epoch; the rest that fills no block is left out. */
export class MaskedBlocks {
  readonly #ids: Int32Array;
  readonly #block: number;
  readonly #masking: Masking;
  readonly #seed: number;
  readonly #starts: readonly number[];
  #epoch = 0;

  constructor(ids: Int32Array, { block, masking, seed }: { block: number; masking: Masking; seed: number }) {
    this.#ids = ids;
    this.#block = block;
    this.#masking = masking;
    this.#seed = seed;
    // Special tokens alone teach nothing.
    this.#starts = Array.from({ length: Math.floor(ids.length / block) }, (_, i) => i * block).filter((at) =>
      ids.subarray(at, at + block).some((id) => !masking.specialIds.has(id)),
    );
  }
  get length(): number {
    return this.#starts.length;
  }
  setEpoch(epoch: number): void {
    this.#epoch = epoch;
  }
  batch(indices: Int32Array): MaskedBatch {
    const from = Array.from(indices, (i) => this.#starts[i]);
    return masked(this.#ids, from, this.#block, this.#masking, [this.#seed, this.#epoch]);
  }
}

/** The whole stream in blocks with masks that stay the same; the last batch is the rest, shorter than a block. */
export function* fixedBlocks(
  ids: Int32Array,
  { block, masking, batch }: { block: number; masking: Masking; batch: number },
): Generator<MaskedBatch> {
  const whole = Math.floor(ids.length / block);
  for (let b = 0; b < whole; b += batch) {
    const from = Array.from({ length: Math.min(batch, whole - b) }, (_, i) => (b + i) * block);
    yield masked(ids, from, block, masking, FIXED);
  }
  const rest = ids.length - whole * block;
  if (rest > 0) yield masked(ids, [whole * block], rest, masking, FIXED);
}
