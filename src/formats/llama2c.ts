import { closeSync, fstatSync, readSync } from "#platform";
import { ShoshinError } from "../backend/errors.ts";
import { openFile } from "./bytes.ts";

/** A file of llama2.c is damaged or of another kind. */
export class Llama2cError extends ShoshinError {}

/** Sizes in the header of llama2.c's files, with its names in camelCase. */
export interface Llama2cHeader {
  dim: number;
  hiddenDim: number;
  nLayers: number;
  nHeads: number;
  nKvHeads: number;
  vocabSize: number;
  maxSeqLen: number;
  /** The output layer is the table of tokens. */
  sharedClassifier: boolean;
}

export interface Llama2cModel extends Llama2cHeader {
  /** By llama2.c's names: `tok_embeddings`, `rms_att_weight`, `wq` … with all layers one after another. */
  tensors: Map<string, { shape: number[]; data: Float32Array }>;
}

const HEADER = 28;

/**
 * A model in llama2.c's first format (Karpathy, "version 0"): seven int32 numbers, then float32 weights; a negative vocabulary
 * marks an output layer of its own.
 * @throws Llama2cError unless the sizes agree with one another and with the length of the file.
 */
export function readLlama2c(path: string): Llama2cModel {
  const fd = openFile(path);
  try {
    const { size } = fstatSync(fd);
    if (size < HEADER) throw new Llama2cError(`${path}: ${size} bytes; a model of llama2.c has a header of ${HEADER}`);
    const bytes = new Uint8Array(HEADER);
    readSync(fd, bytes, 0, HEADER, 0);
    const view = new DataView(bytes.buffer);
    const [dim, hiddenDim, nLayers, nHeads, nKvHeads, vocab, maxSeqLen] = Array.from({ length: 7 }, (_, i) =>
      view.getInt32(4 * i, true),
    );
    const vocabSize = Math.abs(vocab);
    const counts = [dim, hiddenDim, nLayers, nHeads, nKvHeads, vocabSize, maxSeqLen];
    const whole =
      counts.every((n) => n > 0 && n < 1 << 24) &&
      dim % nHeads === 0 &&
      nHeads % nKvHeads === 0 &&
      (dim / nHeads) % 2 === 0;
    if (!whole) {
      throw new Llama2cError(
        `${path}: sizes that cannot be in the header: ${counts.join(", ")}`,
        "The file is no model of llama2.c in its first format.",
      );
    }
    const head = dim / nHeads;
    const kv = head * nKvHeads;
    const shapes: [string, number[]][] = [
      ["tok_embeddings", [vocabSize, dim]],
      ["rms_att_weight", [nLayers, dim]],
      ["wq", [nLayers, dim, dim]],
      ["wk", [nLayers, kv, dim]],
      ["wv", [nLayers, kv, dim]],
      ["wo", [nLayers, dim, dim]],
      ["rms_ffn_weight", [nLayers, dim]],
      ["w1", [nLayers, hiddenDim, dim]],
      ["w2", [nLayers, dim, hiddenDim]],
      ["w3", [nLayers, hiddenDim, dim]],
      ["rms_final_weight", [dim]],
      // Tables of angles, which follow from the sizes.
      ["freq_cis_real", [maxSeqLen, head / 2]],
      ["freq_cis_imag", [maxSeqLen, head / 2]],
      ...(vocab < 0 ? [["wcls", [vocabSize, dim]] as [string, number[]]] : []),
    ];
    const numel = (shape: readonly number[]) => shape.reduce((p, n) => p * n, 1);
    const want = HEADER + 4 * shapes.reduce((sum, [, shape]) => sum + numel(shape), 0);
    if (want !== size) {
      throw new Llama2cError(
        `${path}: its header asks for ${want} bytes, the file has ${size}`,
        "It is cut off, or in a later format of llama2.c.",
      );
    }
    let at = HEADER;
    const tensors = new Map(
      shapes.map(([name, shape]) => {
        const data = new Float32Array(numel(shape));
        const into = new Uint8Array(data.buffer);
        for (let done = 0; done < into.length; ) {
          const count = readSync(fd, into, done, into.length - done, at + done);
          if (count === 0) throw new Llama2cError(`${path}: ends within ${name}`);
          done += count;
        }
        at += into.length;
        return [name, { shape, data }];
      }),
    );
    return { dim, hiddenDim, nLayers, nHeads, nKvHeads, vocabSize, maxSeqLen, sharedClassifier: vocab > 0, tensors };
  } finally {
    closeSync(fd);
  }
}
