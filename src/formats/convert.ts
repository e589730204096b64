import "../backend/dispose.ts";
import { basename, dirname, existsSync, join, readFileSync, statSync } from "#platform";
import { checkOptions, type Known } from "../backend/options.ts";
import { asFloats, DTYPE_BYTES, type SafetensorsDType, type TensorSource } from "./dtype.ts";
import { GgufError, writeGguf } from "./gguf.ts";
import { ggufLosses } from "./gguf-config.ts";
import {
  ggufArchitecture,
  ggufHeads,
  ggufModelValues,
  ggufTokenizerValues,
  ggufWarnings,
  type TokenizerJson,
} from "./gguf-header.ts";
import { GgufWeights, ggufTensors } from "./gguf-names.ts";
import { ggufRope, ggufRopeValues } from "./gguf-rope.ts";
import type { WeightsDType } from "./module-weights.ts";
import { writeNpz } from "./npy.ts";
import { writeSafetensors } from "./safetensors.ts";
import { writePyTorch } from "./torch-write.ts";
import { openWeights } from "./weights.ts";
import { WeightsError, type WeightsFile } from "./weights-file.ts";

type Json = Record<string, unknown>;

const FLOATS: Readonly<Record<WeightsDType, "F32" | "F16" | "BF16">> = {
  float32: "F32",
  float16: "F16",
  bfloat16: "BF16",
};
const WHOLE = new Set(["I64", "I32", "I16", "I8", "U64", "U32", "U16", "U8", "BOOL", "C64"]);

export interface ConvertOptions {
  /** Type of floating-point weights; left out: each one's own, and float32 where the target has no such type. */
  dtype?: WeightsDType;
}
const KNOWN: Known<ConvertOptions> = { dtype: true };
export interface ConvertReport {
  output: string;
  tensors: number;
  /** Elements of all tensors. */
  elements: number;
  /** What programs that read the file will compute in another way than the model does. */
  warnings: string[];
}

/** Types that the kinds of files do not know and that become float32 there, unless another is asked for. */
const LACKS = {
  safetensors: /^$/,
  torch: /^(F4|F6_\w+)$/,
  npz: /^(BF16|F8_\w+|F4|F6_\w+)$/,
  gguf: /^(F8_\w+|F4|F6_\w+|C64)$/,
} as const;

/**
 * A file's tensors for a writer, each read when its turn comes. A type is kept where the target has it, float8 too; whole
 * numbers, truth values and complex numbers keep theirs whatever `dtype` says.
 */
function sources(
  file: WeightsFile,
  dtype: WeightsDType | undefined,
  target: keyof typeof LACKS,
): Map<string, TensorSource> {
  return new Map(
    file.names().map((name) => {
      const info = file.info(name);
      const own = Object.hasOwn(DTYPE_BYTES, info.dtype) ? (info.dtype as SafetensorsDType) : "F32";
      const kept = WHOLE.has(own) || (dtype === undefined && own === info.dtype && !LACKS[target].test(own));
      const type = kept ? own : dtype === undefined ? "F32" : FLOATS[dtype];
      const raw = kept && !["F32", "F16", "BF16"].includes(type);
      const data = () => (raw ? file.read(name).data : asFloats(file.read(name)));
      return [name, { shape: info.shape, dtype: type, data }];
    }),
  );
}

function readObject(path: string): Json {
  try {
    return JSON.parse(readFileSync(path, "utf8")) as Json;
  } catch (error) {
    throw new WeightsError(`${path}: not JSON: ${(error as Error).message}`, "The file is damaged.");
  }
}

/** Writes a GGUF file of weights whose folder says what they are: config.json, and tokenizer.json for the tokens. */
function writeGgufModel(output: string, file: WeightsFile, folder: string, dtype: WeightsDType | undefined): string[] {
  const path = join(folder, "config.json");
  if (!existsSync(path)) {
    throw new GgufError(
      `${path}: no such file; a GGUF file states what kind of model it holds`,
      "Name the model's folder, or put config.json beside the weights.",
    );
  }
  const config = readObject(path);
  const architecture = ggufArchitecture(config);
  // Vectors stay float32 and matrices are all of one type, that of the file's first matrix unless another is asked for.
  const tensors = sources(file, dtype, "gguf");
  const [first] = [...tensors.values()].filter((t) => t.shape.length > 1);
  const type = dtype === undefined ? first?.dtype : FLOATS[dtype];
  const kind = type === "F16" || type === "BF16" ? type : "F32";
  const values = ggufModelValues(config, basename(folder) || architecture, kind);
  const named = ggufTensors(architecture, tensors, ggufHeads(config), kind);
  const rope = architecture === "gpt2" ? [] : ggufRopeValues(architecture, ggufRope(config)).tensors;
  // llama.cpp looks for them before the layers.
  const all = new Map([...rope, ...named]);
  const tokenizer = join(folder, "tokenizer.json");
  if (existsSync(tokenizer)) {
    const json = readObject(tokenizer) as unknown as TokenizerJson;
    const settings = join(folder, "tokenizer_config.json");
    const { chat_template: template, add_bos_token, add_eos_token } = existsSync(settings) ? readObject(settings) : {};
    // A list of several that end a text: GGUF has room for one.
    const idOf = (value: unknown): number | undefined =>
      [value].flat().find((id): id is number => typeof id === "number");
    const ids = {
      bosTokenId: idOf(config.bos_token_id),
      eosTokenId: idOf(config.eos_token_id),
      padTokenId: idOf(config.pad_token_id),
      unkTokenId: json.model.vocab[json.model.unk_token ?? ""],
      chatTemplate: typeof template === "string" ? template : undefined,
      addBosToken: typeof add_bos_token === "boolean" ? add_bos_token : undefined,
      addEosToken: typeof add_eos_token === "boolean" ? add_eos_token : undefined,
    };
    for (const [key, value] of ggufTokenizerValues(json, Number(config.vocab_size), ids)) values.set(key, value);
  }
  writeGguf(output, values, all);
  return ggufWarnings(config, all.has("output.weight"));
}

/** Kinds of weights files that are written, by their endings. */
type Write = (output: string, file: WeightsFile, folder: string, options: ConvertOptions) => string[] | void;
const WRITE: readonly [RegExp, Write][] = [
  [
    /\.safetensors$/i,
    (output, file, _, { dtype }) => writeSafetensors(output, sources(file, dtype, "safetensors"), { format: "pt" }),
  ],
  [/\.(bin|pth?|th|ckpt)$/i, (output, file, _, { dtype }) => writePyTorch(output, sources(file, dtype, "torch"))],
  [/\.npz$/i, (output, file, _, { dtype }) => writeNpz(output, sources(file, dtype, "npz"))],
  [/\.gguf$/i, (output, file, folder, { dtype }) => writeGgufModel(output, file, folder, dtype)],
];

/** Whether a path names a kind of weights file that {@link convertWeights} writes. */
export const isWeightsFile = (path: string): boolean => WRITE.some(([ending]) => ending.test(path));

/**
 * Writes the weights of a file or of a model's folder as another kind of file, by its ending: .safetensors, .bin, .pt, .pth, .th
 * or .ckpt (PyTorch), .npz, .gguf. Names are Hugging Face's on every side; GGUF needs the model's config.json in the folder, or beside
 * the file, and takes tokenizer.json from there too. One tensor is held at a time.
 * @throws WeightsError for another ending; the formats' own errors for damaged files and for what a format cannot hold.
 */
export function convertWeights(input: string, output: string, options: ConvertOptions = {}): ConvertReport {
  checkOptions("convertWeights", options, KNOWN);
  if (options.dtype !== undefined && !Object.hasOwn(FLOATS, options.dtype)) {
    throw new WeightsError(
      `convertWeights: dtype is ${options.dtype}`,
      `There are: ${Object.keys(FLOATS).join(", ")}.`,
    );
  }
  const write = WRITE.find(([ending]) => ending.test(output))?.[1];
  if (write === undefined) {
    throw new WeightsError(
      `${output}: unknown kind of file`,
      "Weights are written as .safetensors, .bin, .pt, .pth, .th, .ckpt, .npz and .gguf.",
    );
  }
  using file = openWeights(input);
  const folder = statSync(input).isDirectory() ? input : dirname(input);
  const warnings = [...(write(output, file, folder, options) ?? [])];
  if (file instanceof GgufWeights && !/\.gguf$/i.test(output)) warnings.push(...ggufLosses(file.file));
  const elements = file.names().reduce((n, name) => n + file.info(name).shape.reduce((m, s) => m * s, 1), 0);
  return { output, tensors: file.names().length, elements, warnings };
}
