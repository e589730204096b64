/// <reference lib="esnext.disposable" preserve="true" />
import "../backend/dispose.ts";
import { asFloats, type TakeFloats, type TensorData, type TensorSource } from "./dtype.ts";
import { GgufError, GgufFile } from "./gguf.ts";
import { ROPE_TENSORS } from "./gguf-rope.ts";
import type { WeightsFile } from "./weights-file.ts";

/** Architectures of llama.cpp whose parameters have Hugging Face names here; Mistral's files are `llama` too. */
export type GgufArchitecture = "llama" | "qwen2" | "gpt2";

/** Hugging Face's parameter names and llama.cpp's; N is the layer's number. `T`: stored transposed, `Q`, `K`: rows reordered. */
type Row = readonly [hf: string, gguf: string, change?: "T" | "Q" | "K"];
const LLAMA: readonly Row[] = [
  ["model.embed_tokens.weight", "token_embd.weight"],
  ["model.norm.weight", "output_norm.weight"],
  ["lm_head.weight", "output.weight"],
  ["model.layers.N.input_layernorm.weight", "blk.N.attn_norm.weight"],
  ["model.layers.N.self_attn.q_proj.weight", "blk.N.attn_q.weight", "Q"],
  ["model.layers.N.self_attn.q_proj.bias", "blk.N.attn_q.bias", "Q"],
  ["model.layers.N.self_attn.k_proj.weight", "blk.N.attn_k.weight", "K"],
  ["model.layers.N.self_attn.k_proj.bias", "blk.N.attn_k.bias", "K"],
  ["model.layers.N.self_attn.v_proj.weight", "blk.N.attn_v.weight"],
  ["model.layers.N.self_attn.v_proj.bias", "blk.N.attn_v.bias"],
  ["model.layers.N.self_attn.o_proj.weight", "blk.N.attn_output.weight"],
  ["model.layers.N.self_attn.o_proj.bias", "blk.N.attn_output.bias"],
  ["model.layers.N.post_attention_layernorm.weight", "blk.N.ffn_norm.weight"],
  ["model.layers.N.mlp.gate_proj.weight", "blk.N.ffn_gate.weight"],
  ["model.layers.N.mlp.up_proj.weight", "blk.N.ffn_up.weight"],
  ["model.layers.N.mlp.down_proj.weight", "blk.N.ffn_down.weight"],
  ["model.layers.N.mlp.gate_proj.bias", "blk.N.ffn_gate.bias"],
  ["model.layers.N.mlp.up_proj.bias", "blk.N.ffn_up.bias"],
  ["model.layers.N.mlp.down_proj.bias", "blk.N.ffn_down.bias"],
];
const GPT2: readonly Row[] = [
  ["transformer.wte.weight", "token_embd.weight"],
  ["transformer.wpe.weight", "position_embd.weight"],
  ["transformer.ln_f.weight", "output_norm.weight"],
  ["transformer.ln_f.bias", "output_norm.bias"],
  ["lm_head.weight", "output.weight"],
  ["transformer.h.N.ln_1.weight", "blk.N.attn_norm.weight"],
  ["transformer.h.N.ln_1.bias", "blk.N.attn_norm.bias"],
  ["transformer.h.N.attn.c_attn.weight", "blk.N.attn_qkv.weight", "T"],
  ["transformer.h.N.attn.c_attn.bias", "blk.N.attn_qkv.bias"],
  ["transformer.h.N.attn.c_proj.weight", "blk.N.attn_output.weight", "T"],
  ["transformer.h.N.attn.c_proj.bias", "blk.N.attn_output.bias"],
  ["transformer.h.N.ln_2.weight", "blk.N.ffn_norm.weight"],
  ["transformer.h.N.ln_2.bias", "blk.N.ffn_norm.bias"],
  ["transformer.h.N.mlp.c_fc.weight", "blk.N.ffn_up.weight", "T"],
  ["transformer.h.N.mlp.c_fc.bias", "blk.N.ffn_up.bias"],
  ["transformer.h.N.mlp.c_proj.weight", "blk.N.ffn_down.weight", "T"],
  ["transformer.h.N.mlp.c_proj.bias", "blk.N.ffn_down.bias"],
];
const TABLES: Readonly<Record<GgufArchitecture, readonly Row[]>> = {
  llama: LLAMA,
  // Its rotary embedding turns halves, as Hugging Face's does: nothing is reordered.
  qwen2: LLAMA.map(([hf, gguf]) => [hf, gguf]),
  gpt2: GPT2,
};

/** Buffers that Hugging Face's files may hold and llama.cpp computes. */
const COMPUTED = /(\.attn\.(masked_)?bias|rotary_emb\.inv_freq)$/;

function find(architecture: GgufArchitecture, name: string, side: 0 | 1): { name: string; change: Row[2] } | undefined {
  const layer = /\.(\d+)\./.exec(name)?.[1];
  const pattern = layer === undefined ? name : name.replace(`.${layer}.`, ".N.");
  const row = TABLES[architecture].find((r) => r[side] === pattern);
  if (row === undefined) return undefined;
  return {
    name: layer === undefined ? (row[1 - side] as string) : (row[1 - side] as string).replace("N", layer),
    change: row[2],
  };
}

/** A name as the language model has it; a bare model's lack `transformer.` or `model.`. */
function fullName(architecture: GgufArchitecture, name: string): string {
  if (architecture === "gpt2") return /^(wte|wpe|ln_f|h)\./.test(name) ? `transformer.${name}` : name;
  return /^(embed_tokens|norm|layers)\./.test(name) ? `model.${name}` : name;
}

/** llama.cpp's name of a Hugging Face parameter (with or without the prefix of the language model); undefined if it has none. */
export const toGgufName = (architecture: GgufArchitecture, name: string): string | undefined =>
  find(architecture, fullName(architecture, name), 0)?.name;

/** Hugging Face's name of a parameter of llama.cpp; undefined if it has none. */
export function fromGgufName(architecture: GgufArchitecture, name: string): string | undefined {
  return find(architecture, name, 1)?.name;
}

/** How many heads the queries and the keys have. */
export interface GgufHeads {
  numAttentionHeads: number;
  numKeyValueHeads: number;
}

type Values = TensorData["data"];
/** Rows of another order: row i of the result is row `from(i)`. */
function reorder(values: Values, rows: number, from: (row: number) => number): Values {
  const out = values.slice() as Float32Array;
  const width = values.length / rows;
  for (let i = 0; i < rows; i++)
    out.set((values as Float32Array).subarray(from(i) * width, (from(i) + 1) * width), i * width);
  return out;
}
/**
 * The rows of a query or key projection as llama.cpp turns them, pairs of neighbours, from Hugging Face's halves: in each head of
 * 2d rows, row 2i + j of the result is row j·d + i. `back` undoes it. (convert_hf_to_gguf.py, `LlamaModel.permute`.)
 */
export function permuteHeads(values: Values, rows: number, heads: number, back = false): Values {
  const half = rows / heads / 2;
  if (!Number.isInteger(half) || values.length % rows !== 0)
    throw new GgufError(`${rows} rows are not divisible among ${heads} heads of even size`);
  return reorder(values, rows, (row) => {
    const within = row % (2 * half);
    const other = back ? 2 * (within % half) + Math.floor(within / half) : (within % 2) * half + Math.floor(within / 2);
    return row - within + other;
  });
}
function transpose(values: Values, rows: number, columns: number): Values {
  const out = values.slice();
  for (let i = 0; i < rows; i++) for (let j = 0; j < columns; j++) out[j * rows + i] = values[i * columns + j];
  return out;
}

/**
 * A model's parameters under llama.cpp's names and in its layout: GPT-2's Conv1D weights transposed, the rows of Llama's queries
 * and keys reordered. Vectors stay float32, which llama.cpp expects; matrices become `dtype` (F32). Buffers are left out.
 * @throws GgufError naming a parameter that the architecture does not have.
 */
export function ggufTensors(
  architecture: GgufArchitecture,
  tensors: ReadonlyMap<string, TensorSource>,
  heads: GgufHeads,
  dtype: "F32" | "F16" | "BF16" = "F32",
): Map<string, TensorSource> {
  const out = new Map<string, TensorSource>();
  for (const [name, source] of tensors) {
    const found = find(architecture, fullName(architecture, name), 0);
    if (found === undefined) {
      if (COMPUTED.test(name)) continue;
      throw new GgufError(`${name}: llama.cpp's ${architecture} has no such parameter`);
    }
    const shape = found.change === "T" ? [...source.shape].reverse() : source.shape;
    const { data } = source;
    out.set(found.name, {
      shape,
      dtype: shape.length < 2 ? "F32" : dtype,
      data: () => changed(typeof data === "function" ? data() : data, source.shape, found.change, heads, false),
    });
  }
  return out;
}

function changed(values: Values, shape: readonly number[], change: Row[2], heads: GgufHeads, back: boolean): Values {
  if (change === undefined) return values;
  if (change === "T") return transpose(values, shape[0], shape[1]);
  return permuteHeads(values, shape[0], change === "Q" ? heads.numAttentionHeads : heads.numKeyValueHeads, back);
}

/** A GGUF file of a known architecture under Hugging Face's parameter names and in its layout. */
export class GgufWeights implements WeightsFile {
  readonly path: string;
  readonly metadata: Readonly<Record<string, string>>;
  readonly file: GgufFile;
  readonly architecture: GgufArchitecture;
  readonly #names = new Map<string, { inner: string; change: Row[2] }>();
  readonly #heads: GgufHeads;

  /** Throws {@link GgufError}, also for an architecture that has no Hugging Face names here. */
  static open(path: string): GgufWeights {
    const file = GgufFile.open(path);
    try {
      return new GgufWeights(file);
    } catch (error) {
      file.close();
      throw error;
    }
  }
  private constructor(file: GgufFile) {
    const architecture = file.metadata["general.architecture"];
    if (!Object.hasOwn(TABLES, architecture ?? "")) {
      const known = Object.keys(TABLES).join(", ");
      throw new GgufError(`${file.path}: the architecture ${architecture} is unknown`, `Known are ${known}.`);
    }
    this.file = file;
    this.path = file.path;
    this.metadata = file.metadata;
    this.architecture = architecture as GgufArchitecture;
    const number = (key: string, otherwise: number): number => {
      const value = file.values.get(`${architecture}.${key}`)?.value;
      return typeof value === "number" ? value : otherwise;
    };
    const numAttentionHeads = number("attention.head_count", 1);
    this.#heads = { numAttentionHeads, numKeyValueHeads: number("attention.head_count_kv", numAttentionHeads) };
    for (const inner of file.names()) {
      const found = find(this.architecture, inner, 1);
      if (found !== undefined) this.#names.set(found.name, { inner, change: found.change });
      // Factors of frequencies: a matter of the configuration, see gguf-config.ts.
      else if (!ROPE_TENSORS.includes(inner))
        throw new GgufError(`${file.path}: ${inner} is no parameter of ${architecture}`);
    }
  }
  #of(name: string): { inner: string; change: Row[2] } {
    const found = this.#names.get(name);
    if (found === undefined) throw new GgufError(`${this.path}: no tensor ${name}`);
    return found;
  }
  names(): string[] {
    return [...this.#names.keys()];
  }
  has(name: string): boolean {
    return this.#names.has(name);
  }
  info(name: string): { dtype: string; shape: readonly number[] } {
    const { inner, change } = this.#of(name);
    const { dtype, shape } = this.file.info(inner);
    return { dtype, shape: change === "T" ? [...shape].reverse() : shape };
  }
  read(name: string): TensorData {
    const { inner, change } = this.#of(name);
    const { dtype, shape, data } = this.file.read(inner);
    return { dtype, shape: this.info(name).shape, data: changed(data, shape, change, this.#heads, true) };
  }
  readFloats(name: string, take: TakeFloats): void {
    const { inner, change } = this.#of(name);
    if (change === undefined) this.file.readFloats(inner, take);
    else take(asFloats(this.read(name)), 0);
  }
  close(): void {
    this.file.close();
  }
  [Symbol.dispose](): void {
    this.close();
  }
}
