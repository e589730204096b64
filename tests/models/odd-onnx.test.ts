import { join } from "node:path";
import { describe, it } from "vitest";
import { noGrad, type Tensor, tensor, zeros } from "../../src/index.ts";
import { gpt2 } from "../../src/models/gpt2/index.ts";
import { type CausalLmModel, exportOnnx, type Family, type PreTrainedModel } from "../../src/models/index.ts";
import { llama, mistral, qwen2 } from "../../src/models/llama/index.ts";
import { temporaryFolder } from "../folder.ts";
import { runFile } from "../onnx/run.ts";
import { fill, near, recorded } from "./pretrained/recorded.ts";

const folder = temporaryFolder();

const FAMILIES: [string, Family][] = [
  ["llama", llama],
  ["qwen2", qwen2],
  ["mistral", mistral],
  ["gpt2", gpt2],
];
const CASES = FAMILIES.flatMap(([name, family]) =>
  (recorded(`odd-${name}`) as { name: string; v5: Record<string, unknown> }[])
    .filter(({ name }) => name !== "no layers")
    .map((c) => [name, c.name, family, c.v5] as const),
);
const range = (from: number, to: number) =>
  tensor(
    Int32Array.from({ length: 2 * (to - from) }, (_, i) => from + (i % (to - from))),
    [2, to - from],
  );

/** All scalings of positions, windows, activations: what is recorded of Transformers goes into ONNX files too. */
describe("odd configurations as ONNX files compute what the model does", () => {
  it.each(CASES)("%s: %s", (name, label, family, json) => {
    const Model = family.heads.causalLm as NonNullable<Family["heads"]["causalLm"]>;
    const model = fill(new Model(family.config.parse(json))) as unknown as CausalLmModel & PreTrainedModel;
    const path = join(folder, `${name} ${label.replace(/\W+/g, "-")}.onnx`);
    const { inputs } = exportOnnx(model, path);
    const pasts = inputs.filter((input) => input.startsWith("past_key_values."));
    const ids = tensor(
      Int32Array.from({ length: 20 }, (_, i) => ((i * 7 + 5) % 20) + 4),
      [2, 10],
    );
    noGrad(() => {
      let { logits, past } = model.next(ids.slice(1, 0, 5));
      const empty = zeros([2, past[0].shape[1], 0, past[0].shape[3]]);
      let theirs: Record<string, Tensor> = {};
      for (const [from, to] of [
        [0, 5],
        [5, 9],
        [9, 10],
      ]) {
        if (from > 0) ({ logits, past } = model.next(ids.slice(1, from, to), past));
        theirs = runFile(path, {
          input_ids: ids.slice(1, from, to),
          attention_mask: tensor(new Int32Array(2 * to).fill(1), [2, to]),
          position_ids: range(from, to),
          ...Object.fromEntries(
            pasts.map((input) => [input, theirs[input.replace("past_key_values", "present")] ?? empty]),
          ),
        });
        near(theirs.logits.data(), [...logits.data()], 2e-5);
      }
    });
  });
});
