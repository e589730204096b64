import { statSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { convertWeights, isWeightsFile, type WeightsDType } from "../../formats/index.ts";
import { resolveModel } from "../../hub/index.ts";
import { autoModels, exportOnnx, headOf, onnxParts } from "../../models/index.ts";
import { flag, oneOf, text } from "../../options/index.ts";
import { addCommand, given } from "../command.ts";
import { applyCommon } from "../common.ts";
import { copyBeside, DTYPE, megabytes, restate, warn } from "../model-folder.ts";
import { print } from "../print.ts";
import { UsageError } from "../usage.ts";

const FORMATS = ["onnx", "gguf", "pytorch"] as const;
type Format = (typeof FORMATS)[number];
const ENDINGS: Record<Format, RegExp> = { onnx: /\.onnx$/i, gguf: /\.gguf$/i, pytorch: /\.(bin|pt|pth)$/i };
/** Where the weights lie in a folder. */
const IN_FOLDER = { gguf: "model.gguf", pytorch: "pytorch_model.bin" };

const TABLE = {
  format: oneOf(FORMATS, { argument: "kind", required: true, help: "what to write" }),
  output: text({
    argument: "path",
    required: true,
    help: "a file, or a folder for weights, configuration and tokenizer",
  }),
  ...DTYPE,
  cache: flag({ default: true, help: "ONNX of models that write: with past_key_values" }),
};
interface ExportOptions {
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

export function addExport(cli: Command): void {
  const command = addCommand(cli, "export <dir>", {
    description: "write a model for other programs: onnxruntime and transformers.js, llama.cpp, PyTorch",
    table: TABLE,
    examples: ["shoshin export runs/reviews --format onnx --output runs/reviews-onnx"],
  });
  command.action(async (dir: string) => {
    const options = given(command, TABLE);
    applyCommon(options);
    const { format = "onnx", output = "", cache = true, dtype } = options;
    const report = await exportModel(dir, { format, output, cache, dtype });
    const files = report.files as string[];
    const size = (path: string) => (ENDINGS[format].test(path) ? ` (${megabytes(statSync(path).size)})` : "");
    print(options, report, () => files.map((path) => path + size(path)).join("\n"));
  });
}
