import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { manualSeed, noGrad, type Tensor, tensor, zeros } from "../../../src/index.ts";
import type { LmState } from "../../../src/models/causal-lm.ts";
import {
  AutoModelForCausalLM,
  type CausalLmModel,
  GPT2ForSequenceClassification,
  GPT2LMHeadModel,
  generate,
  gpt2Config,
  LlamaForCausalLM,
  llamaConfig,
  MistralForCausalLM,
  mistralConfig,
  qwen2Config,
} from "../../../src/models/index.ts";
import { folderIn, temporaryFolder } from "../../folder.ts";

const root = temporaryFolder();

const VOCAB = 13;
const SHAPE = { vocabSize: VOCAB, padTokenId: 0 };
type Make = (heads: number, layers: number, window: number) => CausalLmModel;
const llamaShape = (heads: number, layers: number) => ({
  ...{ ...SHAPE, hiddenSize: 4 * heads, intermediateSize: 10, numHiddenLayers: layers, numAttentionHeads: heads },
  ...{ numKeyValueHeads: 1, maxPositionEmbeddings: 40 },
});
const MODELS: [string, Make][] = [
  [
    "gpt2",
    (heads, layers) =>
      new GPT2LMHeadModel(
        gpt2Config.make({ ...SHAPE, nPositions: 40, nEmbd: 4 * heads, nLayer: layers, nHead: heads }),
      ),
  ],
  ["llama", (heads, layers) => new LlamaForCausalLM(llamaConfig.make(llamaShape(heads, layers)))],
  [
    "mistral",
    (heads, layers, slidingWindow) =>
      new MistralForCausalLM(mistralConfig.make({ ...llamaShape(heads, layers), slidingWindow })),
  ],
];
/** Far from uniform. */
function loud<M extends CausalLmModel>(model: M): M {
  for (const p of model.parameters()) if (p.ndim > 1) p.detach().copy_(p.detach().mul(15));
  return model.eval() as M;
}
const close = (got: Tensor, want: Tensor) => {
  const [a, b] = [got.data(), want.data()];
  expect(a.length).toBe(b.length);
  for (let i = 0; i < a.length; i++) expect(Math.abs(a[i] - b[i])).toBeLessThan(2e-5 * (1 + Math.abs(b[i])));
};

describe.each(MODELS)("%s", (_name, make) => {
  it("gives the same logits through its cache in any pieces, padded on the left or not, as all at once", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 3 }),
        fc.integer({ min: 1, max: 6 }),
        fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 1, maxLength: 3 }),
        fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 }),
        fc.integer({ min: 0, max: 1000 }),
        (heads, layers, window, lengths, cuts, seed) => {
          manualSeed(seed);
          const model = loud(make(heads, layers, window));
          const longest = Math.max(...lengths);
          const batch = lengths.length;
          const texts = lengths.map((n, b) => Array.from({ length: n }, (_, i) => 1 + ((i * 5 + b + seed) % 12)));
          const pad = (row: number[], fill: number) => [...Array(longest - row.length).fill(fill), ...row];
          const ids = tensor(Int32Array.from(texts.flatMap((t) => pad(t, 0))), [batch, longest]);
          const padding = lengths.map((n) => longest - n);
          const rows: Tensor[] = [];
          let past: LmState | undefined;
          for (let at = 0, c = 0; at < longest; c++) {
            const end = Math.min(longest, at + cuts[c % cuts.length]);
            const [before, from] = [past, at];
            const out = noGrad(() => model.next(ids.slice(1, from, end), before, padding));
            past = out.past;
            for (let i = 0; i < end - at; i++) rows.push(out.logits.select(1, i));
            at = end;
          }
          texts.forEach((text, b) => {
            const alone = noGrad(
              () => model.forward({ inputIds: tensor(Int32Array.from(text), [1, text.length]) }).logits,
            );
            text.forEach((_, i) => {
              const got = rows[longest - text.length + i].slice(0, b, b + 1);
              close(got, alone.select(1, i));
            });
          });
        },
      ),
      { numRuns: 25 },
    );
  });
  it("names tokens outside the vocabulary, too many of them, and masks of another shape", () => {
    const model = make(2, 1, 4);
    const ids = (values: number[]) => tensor(Int32Array.from(values), [1, values.length]);
    expect(() => model.forward({ inputIds: ids([1, VOCAB]) })).toThrow(/13/);
    expect(() => model.forward({ inputIds: ids(Array(41).fill(1)) })).toThrow(/41 tokens, but the model has 40/);
    expect(() => model.next(ids(Array(41).fill(1)))).toThrow(/41 tokens, but the model has 40/);
    expect(() => model.forward({ inputIds: ids([1, 2]), attentionMask: ids([1]) })).toThrow(
      /attentionMask: expected \[1, 2\], found \[1, 1\]/,
    );
  });
  it("stays finite where a mask hides everything", () => {
    const model = make(2, 2, 4);
    const inputIds = tensor(Int32Array.of(1, 2, 3, 4), [2, 2]);
    const attentionMask = tensor(Int32Array.of(1, 1, 0, 0), [2, 2]);
    const { loss } = model.forward({ inputIds, attentionMask, labels: inputIds });
    (loss as Tensor).backward();
    for (const p of model.parameters()) {
      if (p.grad) expect([...p.grad.data()].every(Number.isFinite)).toBe(true);
    }
  });
  it("comes back from a folder with the same logits, the shared table once in the file", async () => {
    const folder = folderIn(root);
    const model = loud(make(2, 2, 3));
    model.savePretrained(folder);
    const again = await AutoModelForCausalLM.fromPretrained(folder);
    expect(again.constructor).toBe(model.constructor);
    const inputIds = tensor(Int32Array.of(1, 5, 9, 2), [1, 4]);
    noGrad(() => close(again.forward({ inputIds }).logits, model.forward({ inputIds }).logits));
  });
});

it("a classifier of several texts must know what is padding", () => {
  const model = new GPT2ForSequenceClassification(
    gpt2Config.make({ vocabSize: VOCAB, nPositions: 8, nEmbd: 8, nLayer: 1, nHead: 2 }),
  ).eval();
  const inputIds = tensor(Int32Array.of(1, 2, 3, 4, 5, 5), [2, 3]);
  expect(() => model.forward({ inputIds })).toThrow(/nothing says what is padding/);
  const attentionMask = tensor(Int32Array.of(1, 1, 1, 1, 0, 0), [2, 3]);
  noGrad(() => {
    const { logits } = model.forward({ inputIds, attentionMask });
    const alone = model.forward({ inputIds: tensor(Int32Array.of(4), [1, 1]) }).logits;
    close(logits.slice(0, 1, 2), alone);
  });
});

const HEADS = { hidden_size: 16, num_attention_heads: 4 };
it.each([
  [{ rope_scaling: { rope_type: "yam", factor: 2 } }, /rope_scaling: the type "yam" is not known here/],
  [{ rope_parameters: { rope_type: "Yarn", factor: 2 } }, /rope_parameters: the type "Yarn" is not known here/],
  [{ rope_parameters: { rope_type: "linear", factr: 2 } }, /rope_parameters: the key factr is not known/],
  [{ rope_parameters: { mrope_section: [1, 1, 2] } }, /mrope_section is not supported/],
  [{ rope_parameters: { full_attention: { rope_type: "default" } } }, /full_attention is not supported/],
  [{ rope_parameters: [1] }, /rope_parameters: found \[1\]; expected an object/],
  [{ rope_parameters: { rope_theta: 0 } }, /rope_theta: found 0/],
  [{ rope_scaling: { type: "linear" } }, /rope_scaling\.factor/],
  [{ rope_scaling: { type: "linear", factor: 0 } }, /rope_scaling\.factor: found 0/],
  [{ rope_scaling: { type: "yarn", original_max_position_embeddings: 4 } }, /rope_scaling\.factor: found nothing/],
  [{ rope_scaling: { rope_type: "llama3", factor: 8 } }, /rope_scaling\.low_freq_factor/],
  [
    { ...HEADS, rope_scaling: { rope_type: "longrope", short_factor: [1], long_factor: [1, 2] } },
    /short_factor has 1 entries; heads of 4 have 2 pairs/,
  ],
  [
    { ...HEADS, partial_rotary_factor: 0.5, rope_scaling: { rope_type: "linear", factor: 2 } },
    /partial_rotary_factor 0.5 turns 2 elements of a head of 4/,
  ],
  [{ num_attention_heads: 4, num_key_value_heads: 3 }, /num_key_value_heads 3 does not divide/],
  [{ hidden_size: 12, num_attention_heads: 4 }, /the size of a head is 3/],
  [{ hidden_size: 10, num_attention_heads: 4 }, /num_attention_heads 4 does not divide hidden_size 10/],
  [{ hidden_act: "prelu" }, /hidden_act/],
  [{ quantization_config: { bits: 4 } }, /quantization_config/],
  [{ per_layer_config: { 0: { intermediate_size: 8 } } }, /per_layer_config/],
])("refuses Llama's %j", (json, message) => {
  expect(() => llamaConfig.parse(json)).toThrow(message);
});

it("refuses layer types of Qwen2 that slide without a window", () => {
  const json = { ...HEADS, num_hidden_layers: 1, num_key_value_heads: 4, layer_types: ["sliding_attention"] };
  expect(() => qwen2Config.parse(json)).toThrow(/use_sliding_window is false/);
  expect(() => qwen2Config.parse({ ...json, layer_types: ["chunked_attention"] })).toThrow(/layer_types/);
});

describe("layouts of rotary positions", () => {
  const yarn = { rope_type: "yarn", factor: 4, original_max_position_embeddings: 8 };
  it("are read into one", () => {
    const want = { ropeTheta: 500, ropeScaling: yarn };
    const old = { ...HEADS, rope_theta: 500, rope_scaling: { type: "yarn", ...yarn, rope_type: undefined } };
    expect(llamaConfig.parse(JSON.parse(JSON.stringify(old)))).toMatchObject(want);
    expect(llamaConfig.parse({ ...HEADS, rope_parameters: { ...yarn, rope_theta: 500 } })).toMatchObject(want);
    // As `standardize_rope_params`: older keys win, the file's own first length wins, and it is the whole length where nothing is said.
    const both = { ...old, rope_parameters: { rope_type: "linear", factor: 2, rope_theta: 7 } };
    expect(llamaConfig.parse(JSON.parse(JSON.stringify(both)))).toMatchObject(want);
    const { ropeScaling } = llamaConfig.parse({
      ...{ ...HEADS, original_max_position_embeddings: 6 },
      rope_parameters: yarn,
    });
    expect(ropeScaling).toMatchObject({ original_max_position_embeddings: 6 });
    const bare = llamaConfig.parse({ ...HEADS, rope_parameters: { rope_type: "yarn", factor: 2 } });
    expect(bare.ropeScaling).toMatchObject({ original_max_position_embeddings: 2048 });
    expect(bare.ropeTheta).toBe(10000);
  });
  it("are written both, which versions 4 and 5 of Transformers read alike", () => {
    const json = llamaConfig.toJson(llamaConfig.parse({ ...HEADS, rope_parameters: { ...yarn, rope_theta: 500 } }));
    expect(json).toMatchObject({ rope_theta: 500, rope_scaling: yarn, rope_parameters: { ...yarn, rope_theta: 500 } });
    expect(llamaConfig.toJson(llamaConfig.make({ hiddenSize: 16, numAttentionHeads: 4 }))).toMatchObject({
      ...{ rope_theta: 10000, rope_scaling: null },
      rope_parameters: { rope_theta: 10000, rope_type: "default" },
    });
    const long = { rope_type: "longrope", short_factor: [1, 2], long_factor: [3, 4] };
    const config = llamaConfig.parse({ ...HEADS, original_max_position_embeddings: 512, rope_scaling: long });
    const factor = Math.sqrt(1 + Math.log(4) / Math.log(512));
    expect(llamaConfig.toJson(config)).toMatchObject({
      original_max_position_embeddings: 512,
      rope_scaling: { ...long, original_max_position_embeddings: 512, attention_factor: factor },
    });
  });
  it("can be changed by the keys of either", () => {
    const config = llamaConfig.parse({ ...HEADS, rope_parameters: { ...yarn, rope_theta: 500 } });
    const linear = { rope_type: "linear", factor: 3 };
    expect(llamaConfig.make({ ...config, ropeScaling: { type: "linear", factor: 3 } as never })).toMatchObject({
      ...{ ropeTheta: 500, ropeScaling: linear },
    });
    expect(llamaConfig.make({ ...config, ropeParameters: { ...linear, rope_theta: 9 } })).toMatchObject({
      ...{ ropeTheta: 9, ropeScaling: linear },
    });
  });
});

it("a base that grows with the text has no end; scaled positions reach as far as their factor", () => {
  const positions = (rope: object) =>
    new LlamaForCausalLM(
      llamaConfig.parse({
        ...{ ...HEADS, vocab_size: 8, intermediate_size: 8, num_hidden_layers: 1, max_position_embeddings: 6 },
        rope_parameters: rope,
      }),
    );
  expect(positions({ rope_type: "default" }).maxPositions).toBe(6);
  expect(positions({ rope_type: "linear", factor: 2.5 }).maxPositions).toBe(15);
  const dynamic = positions({ rope_type: "dynamic", factor: 2 }).eval();
  expect(dynamic.maxPositions).toBe(Number.POSITIVE_INFINITY);
  // Texts go on past what was trained, alone and together.
  const [one] = generate(dynamic, [[1, 2, 3]], { temperature: 0, maxNewTokens: 12, eosTokenId: null } as never);
  expect(one).toHaveLength(12);
  expect(() => positions({ rope_type: "default" }).forward({ inputIds: zeros([1, 7], { dtype: "int32" }) })).toThrow(
    /7 tokens, but the model has 6 positions/,
  );
});
