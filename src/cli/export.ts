import { copyFileSync, existsSync, mkdirSync, realpathSync, statSync } from "node:fs";
import { join } from "node:path";
import { type Command, Option } from "commander";
import { convertWeights, isWeightsFile, readGgufConfig, type WeightsDType, writeFileAtomic } from "../formats/index.ts";
import { resolveModel } from "../hub/index.ts";
import { autoModels, exportOnnx, headOf, onnxParts, readConfigJson } from "../models/index.ts";
import { AutoTokenizer } from "../text/index.ts";
import { addCommon, applyCommon, type CommonOptions, UsageError } from "./options.ts";

type Print = (options: CommonOptions, json: unknown, text: () => string) => void;

/** What a model's folder holds besides its weights. */
const BESIDE = [
  ...["config.json", "generation_config.json", "chat_template.jinja"],
  ...["tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json"],
  ...["vocab.txt", "vocab.json", "merges.txt", "spiece.model", "sentencepiece.bpe.model", "tokenizer.model"],
  ...["source.spm", "target.spm"],
];

/**
 * Copies configuration and tokenizer; a tokenizer of older files is saved anew, with `always` as tokenizer.json whatever its kind.
 * Returns the names.
 */
async function copyBeside(from: string, to: string, { always = false } = {}): Promise<string[]> {
  mkdirSync(to, { recursive: true });
  if (realpathSync(from) === realpathSync(to)) return [];
  const names = BESIDE.filter((name) => existsSync(join(from, name)));
  for (const name of names) copyFileSync(join(from, name), join(to, name));
  const vocabulary = names.some((name) => name.startsWith("vocab") || name.endsWith(".model"));
  if (!vocabulary || names.includes("tokenizer.json")) return names;
  const tokenizer = await AutoTokenizer.fromPretrained(from);
  tokenizer.savePretrained(to);
  if (always) writeFileAtomic(join(to, "tokenizer.json"), `${JSON.stringify(tokenizer.backend, null, 1)}\n`);
  return BESIDE.filter(
    (name) => names.includes(name) || (/^tokenizer.*json$/.test(name) && existsSync(join(to, name))),
  );
}

const FORMATS = ["onnx", "gguf", "pytorch"] as const;
type Format = (typeof FORMATS)[number];
const ENDINGS: Record<Format, RegExp> = { onnx: /\.onnx$/i, gguf: /\.gguf$/i, pytorch: /\.(bin|pt|pth)$/i };
/** Where the weights lie in a folder. */
const IN_FOLDER = { gguf: "model.gguf", pytorch: "pytorch_model.bin" };

interface ExportOptions extends CommonOptions {
  format: Format;
  output: string;
  cache: boolean;
  dtype?: WeightsDType;
}

/** Writes ONNX to a file, or every graph of the model to a folder, where transformers.js looks for it. */
function exportGraphs(folder: string, { output, cache }: ExportOptions, asFile: boolean) {
  const { model } = autoModels.load(folder, headOf(folder));
  const parts = onnxParts(model, { useCache: cache });
  if (asFile && parts.length > 1)
    throw new UsageError(`--output ${output}: this model is written as ${parts.length} files`, "Name a folder.");
  const written = parts.map((part) => {
    const path = asFile ? output : join(output, "onnx", `${part}.onnx`);
    return { path, part, ...exportOnnx(model, path, { part, useCache: cache }) };
  });
  const [{ inputs, outputs }] = written;
  const graphs = Object.fromEntries(written.map(({ part, inputs, outputs }) => [part, { inputs, outputs }]));
  return { paths: written.map(({ path }) => path), ...(parts.length > 1 ? { graphs } : { inputs, outputs }) };
}

/**
 * What config.json has to say of what was written: the type of the weights, and of T5 that the decoder has as many layers as the
 * encoder, which the file may leave out; transformers.js reads it there.
 */
function restate(folder: string, dtype: WeightsDType | undefined, { onnx = false } = {}): void {
  const path = join(folder, "config.json");
  if (!existsSync(path)) return;
  const json = readConfigJson(folder);
  const stated = { ...json };
  if (onnx && json.num_layers !== undefined && json.num_decoder_layers == null)
    stated.num_decoder_layers = json.num_layers;
  if (dtype !== undefined) {
    const keys = ["torch_dtype", "dtype"].filter((key) => key in json);
    for (const key of keys.length > 0 || dtype === "float32" ? keys : ["dtype"]) stated[key] = dtype;
  }
  if (JSON.stringify(stated) === JSON.stringify(json)) return;
  const kind = autoModels.knows(json) ? autoModels.family(json, path).config : undefined;
  writeFileAtomic(path, kind?.text(stated) ?? `${JSON.stringify(stated, null, 2)}\n`);
}

async function exportModel(model: string, options: ExportOptions): Promise<Record<string, unknown>> {
  const { format, output, dtype } = options;
  const asFile = ENDINGS[format].test(output);
  if (!asFile && (isWeightsFile(output) || /\.onnx$/i.test(output)))
    throw new UsageError(
      `--output ${output}: not a name for --format ${format}`,
      "Name a folder, or a file that ends so.",
    );
  if (format === "onnx" && dtype !== undefined && dtype !== "float32")
    throw new UsageError(`--dtype ${dtype}: ONNX files are written in float32`);
  const folder = await resolveModel(model);
  const weights = (kind: "gguf" | "pytorch") => {
    const path = asFile ? output : join(output, IN_FOLDER[kind]);
    const { tensors, warnings } = convertWeights(folder, path, { dtype });
    warn(warnings);
    return { paths: [path], tensors };
  };
  const { paths, ...facts } = format === "onnx" ? exportGraphs(folder, options, asFile) : weights(format);
  const beside = asFile || format === "gguf" ? [] : await copyBeside(folder, output, { always: format === "onnx" });
  if (!asFile) restate(output, format === "onnx" ? "float32" : dtype, { onnx: format === "onnx" });
  const files = [...paths, ...beside.map((name) => join(output, name))];
  const bytes = paths.reduce((n, path) => n + statSync(path).size, 0);
  return { format, output, files, bytes, ...facts };
}

const warn = (warnings: readonly string[]) => {
  for (const warning of warnings) process.stderr.write(`warning: ${warning}\n`);
};
const megabytes = (bytes: unknown) => `${(Number(bytes) / 1e6).toFixed(1)} MB`;
const dtypeOption = () =>
  new Option("--dtype <type>", "of the weights; their own by default").choices(["float32", "float16", "bfloat16"]);

/** Adds `export` and `convert`. */
export function addExportCommands(cli: Command, print: Print): void {
  addCommon(cli.command("export <dir>"))
    .description("write a model for other programs: onnxruntime and transformers.js, llama.cpp, PyTorch")
    .addOption(new Option("--format <kind>", "what to write").choices([...FORMATS]).makeOptionMandatory())
    .requiredOption("--output <path>", "a file, or a folder for weights, configuration and tokenizer")
    .addOption(dtypeOption())
    .option("--no-cache", "ONNX of models that write: without past_key_values")
    .addHelpText("after", "\nExample:\n  shoshin export runs/reviews --format onnx --output runs/reviews-onnx\n")
    .action(async (dir: string, options: ExportOptions) => {
      applyCommon(options);
      const report = await exportModel(dir, options);
      const files = report.files as string[];
      const size = (path: string) => (ENDINGS[options.format].test(path) ? ` (${megabytes(statSync(path).size)})` : "");
      print(options, report, () => files.map((path) => path + size(path)).join("\n"));
    });

  addCommon(cli.command("convert <in> <out>"))
    .description(
      "weights from one kind of file to another, by the endings: safetensors, bin, pt, npz, gguf; or a folder",
    )
    .addOption(dtypeOption())
    .addHelpText(
      "after",
      "\nExamples:\n  shoshin convert pytorch_model.bin model.safetensors --dtype float16\n  shoshin convert runs/llama llama.gguf\n",
    )
    .action(async (input: string, output: string, options: CommonOptions & { dtype?: WeightsDType }) => {
      applyCommon(options);
      const from = existsSync(input) ? input : await resolveModel(input);
      const toFolder = !isWeightsFile(output);
      const gguf = /\.gguf$/i.test(from);
      if (toFolder && (!(statSync(from).isDirectory() || gguf) || /\.\w+$/.test(output)))
        throw new UsageError(
          `${output}: unknown kind of file`,
          "The ending says what is written: .safetensors, .bin, .pt, .pth, .npz or .gguf; a folder becomes a folder.",
        );
      const path = toFolder ? join(output, "model.safetensors") : output;
      const config = toFolder && gguf ? readGgufConfig(from) : undefined;
      if (config !== undefined) mkdirSync(output, { recursive: true });
      const { tensors, elements, warnings } = convertWeights(from, path, { dtype: options.dtype });
      if (config === undefined) warn(warnings);
      else writeFileAtomic(join(output, "config.json"), autoModels.family(config, from).config.text(config));
      const beside = config !== undefined ? ["config.json"] : toFolder ? await copyBeside(from, output) : [];
      if (toFolder) restate(output, options.dtype);
      const report = {
        ...{ input, output, files: [path, ...beside.map((name) => join(output, name))] },
        ...{ tensors, parameters: elements, bytes: statSync(path).size },
      };
      print(
        options,
        report,
        () => `${path}: ${tensors} tensors, ${elements.toLocaleString("en-US")} numbers, ${megabytes(report.bytes)}`,
      );
    });
}
