import { describe, expect, it } from "vitest";
import { manualSeed, memory, noGrad, tensor } from "../../src/index.ts";
import {
  beamSearch,
  type CausalLm,
  GPT2LMHeadModel,
  generate,
  gpt2Config,
  RnnForCausalLM,
} from "../../src/models/index.ts";
import { logSoftmax } from "../../src/ops/index.ts";

const VOCAB = 5;
const MODELS: [string, () => CausalLm][] = [
  [
    "gpt",
    () =>
      new GPT2LMHeadModel(
        gpt2Config.make({ vocabSize: VOCAB, nPositions: 8, nEmbd: 8, nLayer: 2, nHead: 2, nInner: 16 }),
      ),
  ],
  [
    "lstm",
    () =>
      new RnnForCausalLM({
        ...{ modelType: "lstm", vocabSize: VOCAB, embeddingSize: 6 },
        ...{ hiddenSize: 8, numHiddenLayers: 2, dropout: 0.1, tieWordEmbeddings: false },
      } as never),
  ],
];

/** Every continuation that ends with `eos` or is `length` long, with its score, from whole texts without a cache. */
function everything(model: CausalLm, prompt: number[], length: number, eos: number, penalty: number) {
  const found: { ids: number[]; score: number }[] = [];
  const grow = (ids: number[], sum: number) => {
    if (ids.length === length || ids[ids.length - 1] === eos) {
      found.push({ ids, score: sum / ids.length ** penalty });
      return;
    }
    const all = [...prompt, ...ids];
    const row = noGrad(() => {
      const { logits } = model.next(tensor(Int32Array.from(all), [1, all.length]));
      return logSoftmax(logits.select(1, all.length - 1), -1).data();
    });
    for (let id = 0; id < VOCAB; id++) grow([...ids, id], sum + row[id]);
  };
  grow([], 0);
  return found.sort((a, b) => b.score - a.score);
}

describe.each(MODELS)("beamSearch with %s", (_name, make) => {
  manualSeed(5);
  const model = make();
  // Far from uniform, so that beams differ.
  for (const p of model.parameters()) if (p.ndim > 1) p.detach().copy_(p.detach().mul(8));
  model.eval();

  it("finds the best of all texts when nothing is cut off", () => {
    for (const lengthPenalty of [0, 1, 2.5]) {
      const want = everything(model, [1, 3], 3, 2, lengthPenalty).slice(0, 5);
      const got = beamSearch(model, [1, 3], { numBeams: 125, lengthPenalty, maxNewTokens: 3, eosTokenIds: [2] });
      want.forEach((w, i) => {
        expect(got[i].ids).toEqual(w.ids);
        expect(got[i].score).toBeCloseTo(w.score, 4);
      });
    }
  });
  it("with one beam is greedy", () => {
    const [{ ids }] = beamSearch(model, [4], { numBeams: 1, maxNewTokens: 6 });
    expect(ids).toEqual(generate(model, [[4]], { temperature: 0, maxNewTokens: 6 })[0]);
  });
  it("leaves no tensors and the model as it was; never gives what is suppressed", () => {
    model.train();
    const before = memory().liveTensors;
    const found = beamSearch(model, [1], { numBeams: 3, maxNewTokens: 5, suppressTokens: [0, 4] });
    expect(memory().liveTensors).toBe(before);
    expect(model.training).toBe(true);
    model.eval();
    expect(found.flatMap((h) => h.ids).some((id) => id === 0 || id === 4)).toBe(false);
    expect(found.map((h) => h.score)).toEqual(found.map((h) => h.score).sort((a, b) => b - a));
  });
  it("refuses what cannot be", () => {
    expect(() => beamSearch(model, [])).toThrow(/prompt is empty/);
    expect(() => beamSearch(model, [VOCAB])).toThrow(/outside the vocabulary/);
    expect(() => beamSearch(model, [1], { numBeams: 0 })).toThrow(/numBeams is 0/);
    if (Number.isFinite(model.maxPositions)) {
      expect(() => beamSearch(model, [1], { maxNewTokens: 9 })).toThrow(/the model has 8 positions/);
    }
  });
});

/*
import torch, transformers
config = transformers.GPT2Config(vocab_size=7, n_positions=16, n_embd=8, n_layer=1, n_head=2, n_inner=16)
model = transformers.GPT2LMHeadModel(config).eval()
for k, (name, p) in enumerate(sorted(model.named_parameters())):
    shift = 1 if name.endswith("weight") and p.ndim == 1 else 0
    p.data = (shift + 0.5 * torch.cos(0.74 * torch.arange(p.numel(), dtype=torch.float64) + k)).float().view(p.shape)
out = model.generate(torch.tensor([[1, 3]]), attention_mask=torch.ones(1, 2), num_beams=3, num_return_sequences=3,
                     max_new_tokens=6, early_stopping=True, eos_token_id=4, pad_token_id=6,
                     return_dict_in_generate=True, output_scores=True)
print(out.sequences[:, 2:].tolist(), out.sequences_scores.tolist())   # transformers 4.57.3, torch 2.13
*/
it("with earlyStopping, open texts of the last step count as ended, as in Transformers", () => {
  const model = new GPT2LMHeadModel(
    gpt2Config.make({ vocabSize: 7, nPositions: 16, nEmbd: 8, nLayer: 1, nHead: 2, nInner: 16 }),
  ).eval();
  const named = [...model.namedParameters()].sort(([a], [b]) => (a < b ? -1 : 1));
  for (const [k, [name, p]] of named.entries()) {
    const shift = name.endsWith("weight") && p.ndim === 1 ? 1 : 0;
    p.detach().copy_(Float32Array.from({ length: p.numel }, (_, i) => shift + 0.5 * Math.cos(0.74 * i + k)));
  }
  const found = beamSearch(model, [1, 3], { numBeams: 3, eosTokenIds: [4], earlyStopping: true, maxNewTokens: 6 });
  expect(found.map((h) => h.ids)).toEqual([
    [6, 0, 0, 0, 0, 4],
    [6, 0, 0, 0, 0, 5],
    [6, 0, 0, 1, 0, 4],
  ]);
  const want = [-0.9040313363075256, -0.911217987537384, -0.9439530372619629];
  found.forEach((h, i) => {
    expect(h.score).toBeCloseTo(want[i], 5);
  });
});
