import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { OnnxError, OnnxGraph } from "../../src/formats/index.ts";
import { noGrad, type Tensor, tensor, zeros } from "../../src/index.ts";
import { bert } from "../../src/models/bert/index.ts";
import { distilbert } from "../../src/models/distilbert/index.ts";
import { electra } from "../../src/models/electra/index.ts";
import { gpt2 } from "../../src/models/gpt2/index.ts";
import {
  type CausalLmModel,
  exportOnnx,
  type Family,
  type Head,
  type PreTrainedModel,
} from "../../src/models/index.ts";
import { llama, mistral, qwen2 } from "../../src/models/llama/index.ts";
import { roberta, xlmRoberta } from "../../src/models/roberta/index.ts";
import { temporaryFolder } from "../folder.ts";
import { runFile } from "../onnx/run.ts";
import { attentionMask, encoderInputs, fill, inputIds, near, recorded, shown } from "./pretrained/recorded.ts";

const folder = temporaryFolder();

const HEADS: Head[] = ["base", "sequenceClassification", "tokenClassification", "questionAnswering", "maskedLm"];
const make = (family: Family, head: Head, json: Record<string, unknown>) => {
  const Model = family.heads[head];
  if (Model === undefined) throw new Error(`no ${head}`);
  return fill(new Model(family.config.parse(json)));
};

describe("an encoder's ONNX file computes what the encoder does, padding included", () => {
  const cases: [string, Family, boolean][] = [
    ["bert", bert, true],
    ["roberta", roberta, false],
    ["distilbert", distilbert, false],
    ["electra", electra, true],
  ];
  it.each(cases.flatMap(([name, family, types]) => HEADS.map((head) => [name, head, family, types] as const)))(
    "%s %s",
    (name, head, family, types) => {
      const model = make(family, head, recorded(name).config);
      const path = join(folder, `${name}-${head}.onnx`);
      const { outputs } = exportOnnx(model, path);
      const batches = [encoderInputs(types), { inputIds: inputIds(3, 5, 50), attentionMask: undefined }];
      noGrad(() => {
        for (const batch of batches) {
          const mine = model.forward(batch as never) as unknown as Record<string, Tensor>;
          const theirs = runFile(path, {
            input_ids: batch.inputIds,
            attention_mask: batch.attentionMask ?? tensor(new Int32Array(15).fill(1), [3, 5]),
            ...(types
              ? { token_type_ids: ("tokenTypeIds" in batch && batch.tokenTypeIds) || zeros([3, 5], { dtype: "int32" }) }
              : {}),
          });
          for (const output of outputs) {
            const key = output.replace(/_(.)/g, (_, c) => c.toUpperCase());
            expect(theirs[output].shape).toEqual(mine[key].shape);
            const rows = (t: Tensor) =>
              batch.attentionMask && head !== "sequenceClassification" ? shown(t) : [...t.data()];
            near(rows(theirs[output]), rows(mine[key]));
          }
        }
      });
    },
  );
  it("names inputs and outputs as Optimum does", () => {
    expect(exportOnnx(make(bert, "base", recorded("bert").config), join(folder, "a.onnx"))).toEqual({
      inputs: ["input_ids", "attention_mask", "token_type_ids"],
      outputs: ["last_hidden_state"],
    });
    expect(exportOnnx(make(roberta, "questionAnswering", recorded("roberta").config), join(folder, "b.onnx"))).toEqual({
      inputs: ["input_ids", "attention_mask"],
      outputs: ["start_logits", "end_logits"],
    });
    const xlm = exportOnnx(make(xlmRoberta, "maskedLm", recorded("roberta").config), join(folder, "c.onnx"));
    expect(xlm.outputs).toEqual(["logits"]);
  });
});

const LLAMA = {
  ...{ vocab_size: 50, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 2, num_attention_heads: 4 },
  ...{ num_key_value_heads: 2, max_position_embeddings: 32 },
};
const DECODERS: [string, Family, Record<string, unknown>][] = [
  ["gpt2", gpt2, { vocab_size: 50, n_positions: 32, n_embd: 32, n_layer: 2, n_head: 4 }],
  [
    "gpt2, scores scaled by layer",
    gpt2,
    { vocab_size: 50, n_embd: 32, n_layer: 2, n_head: 4, scale_attn_by_inverse_layer_idx: true },
  ],
  ["llama", llama, LLAMA],
  ["qwen2, tied", qwen2, { ...LLAMA, tie_word_embeddings: true }],
  ["mistral, window of 3", mistral, { ...LLAMA, sliding_window: 3, head_dim: 8 }],
];
const upTo = (batch: number, from: number, to: number) =>
  tensor(
    Int32Array.from({ length: batch * (to - from) }, (_, i) => from + (i % (to - from))),
    [batch, to - from],
  );

describe("a decoder's ONNX file computes what the decoder does", () => {
  it.each(DECODERS)("%s, from an empty past and onwards", (name, family, json) => {
    const model = make(family, "causalLm", json) as unknown as CausalLmModel;
    const path = join(folder, `${name}.onnx`);
    const { inputs, outputs } = exportOnnx(model, path);
    const pasts = inputs.filter((input) => input.startsWith("past_key_values."));
    expect(pasts.slice(0, 2)).toEqual(["past_key_values.0.key", "past_key_values.0.value"]);
    expect(outputs.slice(0, 2)).toEqual(["logits", "present.0.key"]);
    noGrad(() => {
      const ids = inputIds(2, 7, 50);
      const whole = model.forward({ inputIds: ids }).logits;
      const step = (from: number, to: number, past: Record<string, Tensor>) =>
        runFile(path, {
          input_ids: ids.slice(1, from, to),
          attention_mask: tensor(new Int32Array(2 * to).fill(1), [2, to]),
          position_ids: upTo(2, from, to),
          ...past,
        });
      const past = model.next(ids.slice(1, 0, 1)).past[0];
      const empty = zeros([2, past.shape[1], 0, past.shape[3]]);
      const first = step(0, 4, Object.fromEntries(pasts.map((input) => [input, empty])));
      near(first.logits.data(), [...whole.slice(1, 0, 4).data()]);
      const kept = Object.fromEntries(
        pasts.map((input) => [input, first[input.replace("past_key_values", "present")]]),
      );
      near(step(4, 7, kept).logits.data(), [...whole.slice(1, 4, 7).data()]);
    });
  });
  it.each(DECODERS)("%s, without a past and with padding", (name, family, json) => {
    for (const head of ["causalLm", "base"] as const) {
      const model = make(family, head, json);
      const path = join(folder, `${name}-${head}-plain.onnx`);
      const { inputs } = exportOnnx(model, path, { useCache: false });
      expect(inputs).toEqual(["input_ids", "attention_mask", "position_ids"]);
      noGrad(() => {
        const batch = { inputIds: inputIds(2, 7, 50), attentionMask: attentionMask() };
        const mine = model.forward(batch as never) as unknown as Record<string, Tensor>;
        const theirs = runFile(path, {
          input_ids: batch.inputIds,
          attention_mask: batch.attentionMask,
          position_ids: upTo(2, 0, 7),
        });
        if (head === "base") near(shown(theirs.last_hidden_state), shown(mine.lastHiddenState));
        else near(shown(theirs.logits), shown(mine.logits));
      });
    }
  });
});

describe("what has no ONNX form is refused", () => {
  it("a decoder with a head of labels", () => {
    const model = make(gpt2, "sequenceClassification", DECODERS[0][2]) as PreTrainedModel;
    expect(() => exportOnnx(model, join(folder, "none.onnx"))).toThrow(OnnxError);
    expect(() => exportOnnx(model, join(folder, "none.onnx"))).toThrow(
      /GPT2ForSequenceClassification has no ONNX form/,
    );
  });
  it("more than 2 GiB, before a weight is read", () => {
    const graph = new OnnxGraph("large");
    const data = () => {
      throw new Error("read");
    };
    graph.output("y", graph.initializer("w", { shape: [1 << 15, 1 << 15], dtype: "F32", data }), "F32", []);
    expect(() => graph.write(join(folder, "large.onnx"))).toThrow(/takes 4.0 GiB, and an ONNX file holds 2/);
  });
});
