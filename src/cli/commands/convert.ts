import { existsSync, mkdirSync, statSync } from "node:fs";
import { join } from "node:path";
import type { Command } from "commander";
import { convertWeights, isWeightsFile, readGgufConfig, writeFileAtomic } from "../../formats/index.ts";
import { resolveModel } from "../../hub/index.ts";
import { autoModels } from "../../models/index.ts";
import { addCommand, given } from "../command.ts";
import { applyCommon } from "../common.ts";
import { copyBeside, DTYPE, megabytes, restate, warn } from "../model-folder.ts";
import { print } from "../print.ts";
import { UsageError } from "../usage.ts";

export function addConvert(cli: Command): void {
  const command = addCommand(cli, "convert <in> <out>", {
    description:
      "weights from one kind of file to another, by the endings: safetensors, bin, pt, npz, gguf; or a folder",
    table: DTYPE,
    examples: [
      "shoshin convert pytorch_model.bin model.safetensors --dtype float16",
      "shoshin convert runs/llama llama.gguf",
    ],
  });
  command.action(async (input: string, output: string) => {
    const options = given(command, DTYPE);
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
