import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { noGrad, type Tensor, tensor, zeros } from "../../src/index.ts";
import { exportOnnx, type Family, onnxParts, type PreTrainedModel, type Seq2SeqModel } from "../../src/models/index.ts";
import { marian } from "../../src/models/marian/index.ts";
import { mt5, t5 } from "../../src/models/t5/index.ts";
import { temporaryFolder } from "../folder.ts";
import { runFile } from "../onnx/run.ts";
import { attentionMask, fill, inputIds, near, recorded, shown } from "./pretrained/recorded.ts";

const folder = temporaryFolder();

const T5 = recorded("t5").config;
const MARIAN = recorded("marian").config;
/** Every form of head, feed-forward part, table of words and activation. */
const MODELS: [string, Family, Record<string, unknown>][] = [
  ["t5, tied, relu", t5, T5],
  ["t5 1.1, its own head, gated gelu, a longer decoder", t5, { ...recorded("t5-1.1").config, num_decoder_layers: 3 }],
  ["mt5, gated silu", mt5, { ...T5, feed_forward_proj: "gated-silu", tie_word_embeddings: false }],
  ["t5, distances that reach far", t5, { ...T5, relative_attention_max_distance: 128 }],
  ["t5 without layers", t5, { ...T5, num_layers: 0, num_decoder_layers: 0 }],
  ["marian, scaled words", marian, MARIAN],
  [
    "marian, two tables, its own head",
    marian,
    {
      ...{ ...MARIAN, share_encoder_decoder_embeddings: false, decoder_vocab_size: 60, scale_embedding: false },
      ...{ tie_word_embeddings: false, activation_function: "gelu", encoder_attention_heads: 2 },
    },
  ],
];
function make(family: Family, json: Record<string, unknown>): Seq2SeqModel {
  const Model = family.heads.seq2seqLm;
  if (Model === undefined) throw new Error("no seq2seqLm");
  const model = fill(new Model(family.config.parse(json))) as Seq2SeqModel;
  const bias = model.stateDict().get("final_logits_bias");
  bias?.copy_(Float32Array.from({ length: bias.numel }, (_, i) => 0.3 * Math.sin(i)));
  return model;
}
const pastOf = (out: Record<string, Tensor>) =>
  Object.fromEntries(
    Object.entries(out)
      .filter(([name]) => name !== "logits")
      .map(([name, t]) => [name.replace("present", "past_key_values"), t]),
  );

describe.each(MODELS)("ONNX files of %s", (name, family, json) => {
  const model = make(family, json);
  const at = (part: string) => join(folder, `${name}-${part}.onnx`);
  const files = Object.fromEntries(onnxParts(model).map((part) => [part, exportOnnx(model, at(part), { part })]));
  const inputs = { inputIds: inputIds(2, 7, 40), attentionMask: attentionMask() };
  const written = inputIds(2, 9, 40, 11);
  const whole = noGrad(() => model.forward({ ...inputs, decoderInputIds: written }));
  const read = () => runFile(at("encoder_model"), { input_ids: inputs.inputIds, attention_mask: inputs.attentionMask });
  const memory = noGrad(() => read().last_hidden_state);

  it("are called and take and give what Optimum's do", () => {
    const states = (what: string) =>
      Array.from({ length: (json.num_decoder_layers ?? json.decoder_layers) as number }, (_, i) =>
        ["decoder.key", "decoder.value", "encoder.key", "encoder.value"].map((kind) => `${what}.${i}.${kind}`),
      ).flat();
    const text = ["encoder_attention_mask", "input_ids", "encoder_hidden_states"];
    expect(files).toEqual({
      encoder_model: { inputs: ["input_ids", "attention_mask"], outputs: ["last_hidden_state"] },
      decoder_model: { inputs: text, outputs: ["logits", ...states("present")] },
      decoder_model_merged: {
        inputs: [...text, ...states("past_key_values"), "use_cache_branch"],
        outputs: ["logits", ...states("present")],
      },
    });
  });
  it("compute the model's logits, padding included", () => {
    noGrad(() => {
      near(shown(memory), shown(whole.encoderLastHiddenState));
      const text = { encoder_attention_mask: inputs.attentionMask, input_ids: written };
      near(runFile(at("decoder_model"), { ...text, encoder_hidden_states: memory }).logits.data(), [
        ...whole.logits.data(),
      ]);
    });
  });
  it.each([
    ["of no tokens", 0, [1, 2, 3, 4, 5, 6, 7, 8, 9]],
    ["of tokens that are no numbers", 2, [4, 5, 9]],
  ] as const)("write on from a past as from the whole text, with a first past %s", (_, length, cuts) => {
    noGrad(() => {
      const text = { encoder_attention_mask: inputs.attentionMask };
      const one = runFile(at("decoder_model"), {
        ...{ ...text, input_ids: written.slice(1, 0, 1), encoder_hidden_states: memory },
      });
      let past = Object.fromEntries(
        Object.entries(pastOf(one)).map(([key, { shape }]) => {
          return [key, zeros([shape[0], shape[1], length, shape[3]]).add(Number.NaN)];
        }),
      );
      let from = 0;
      for (const to of cuts) {
        const step = runFile(at("decoder_model_merged"), {
          ...{ ...text, input_ids: written.slice(1, from, to) },
          // Only the first step looks at what was read.
          encoder_hidden_states: from === 0 ? memory : memory.mul(Number.NaN),
          ...past,
          use_cache_branch: tensor(Uint8Array.of(from === 0 ? 0 : 1)),
        });
        near(step.logits.data(), [...whole.logits.slice(1, from, to).data()]);
        past = pastOf(step);
        from = to;
      }
    });
  });
  it("without a cache give only logits", () => {
    expect(onnxParts(model, { useCache: false })).toEqual(["encoder_model", "decoder_model"]);
    const { outputs } = exportOnnx(model, at("plain"), { part: "decoder_model", useCache: false });
    expect(outputs).toEqual(["logits"]);
  });
  it("need to be told apart", () => {
    expect(() => exportOnnx(model, at("none"))).toThrow(/no part model/);
  });
});

it("T5's encoder alone is one file", () => {
  const Model = t5.heads.base;
  if (Model === undefined) throw new Error("no encoder");
  const model = fill(new Model(t5.config.parse(T5))) as PreTrainedModel;
  expect(onnxParts(model)).toEqual(["model"]);
  const path = join(folder, "t5-encoder.onnx");
  exportOnnx(model, path);
  const inputs = { inputIds: inputIds(2, 7, 50), attentionMask: attentionMask() };
  noGrad(() => {
    const mine = model.forward(inputs as never) as unknown as { lastHiddenState: Tensor };
    const theirs = runFile(path, { input_ids: inputs.inputIds, attention_mask: inputs.attentionMask });
    near(shown(theirs.last_hidden_state), shown(mine.lastHiddenState));
  });
});
