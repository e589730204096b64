import { describe, expect, it } from "vitest";
import { noGrad, type Tensor, tensor } from "../../../src/index.ts";
import {
  beamSearchSeq2Seq,
  type Family,
  generateSeq2Seq,
  type PretrainedConfig,
  type Seq2SeqModel,
} from "../../../src/models/index.ts";
import { marian } from "../../../src/models/marian/index.ts";
import { t5 } from "../../../src/models/t5/index.ts";
import { attentionMask, expectTraining, fill, fingerprint, inputIds, near, recorded, shown } from "./recorded.ts";

interface Written {
  push: number;
  options: Record<string, unknown>;
  ids: number[][];
  scores: number[] | null;
}
const camel = (o: Record<string, unknown>) =>
  Object.fromEntries(Object.entries(o).map(([k, v]) => [k.replace(/_([a-z])/g, (_, c) => c.toUpperCase()), v]));

/** Everything that record_decoders.py's `seq2seq_family` recorded. */
function build(name: string, family: Family) {
  const want = recorded(name);
  const config: PretrainedConfig = family.config.parse(want.config);
  const ids = inputIds(2, 7, 50).data();
  ids.fill(config.padTokenId as number, 12);
  const inputs = { inputIds: tensor(ids, [2, 7]), attentionMask: attentionMask() };
  const make = () => {
    const Model = family.heads.seq2seqLm;
    if (Model === undefined) throw new Error("no seq2seqLm");
    const model = fill(new Model(config)) as Seq2SeqModel;
    const bias = model.stateDict().get("final_logits_bias");
    bias?.copy_(Float32Array.from({ length: bias.numel }, (_, i) => 0.3 * Math.sin(i)));
    return model;
  };
  return { want, config, inputs, make };
}

describe.each([
  ["t5", t5],
  ["t5-1.1", t5],
  ["marian", marian],
] as [string, Family][])("%s", (name, family) => {
  const setting = () => build(name, family);
  const labels = tensor(Int32Array.of(5, 9, 30, 2, 44, 7, 7, 12, -100, -100), [2, 5]);

  it("gives Transformers' logits and loss, and the encoder's hidden states", () => {
    const { want, inputs, make } = setting();
    noGrad(() => {
      const { logits, loss, encoderLastHiddenState } = make().forward({ ...inputs, labels });
      near(shown(encoderLastHiddenState), want.hiddenStates.at(-1));
      near([...logits.data().slice(0, 100), ...fingerprint(logits.data())], want.logits);
      near([(loss as Tensor).item()], [want.loss]);
    });
  });
  it("takes ten training steps as Transformers does", () => {
    const { want, inputs, make } = setting();
    const model = make();
    expectTraining(model as never, { ...inputs, labels }, want.training);
  });
  it("writes what Transformers writes, greedily and by beams, with rules", () => {
    const { want, config, inputs, make } = setting();
    const model = make();
    if (family === t5) for (const p of model.parameters()) if (p.ndim > 1) p.detach().copy_(p.detach().mul(3));
    const head = model.stateDict().get("lm_head.weight") as Tensor;
    const row = noGrad(() => head.detach().select(0, config.eosTokenId as number));
    const before = row.data();
    for (const { push, options, ids, scores } of want.written as Written[]) {
      noGrad(() => row.copy_(before.map((x, i) => x + push * Math.cos(i)) as Float32Array));
      const settings = { forcedEosTokenId: null, badWordsIds: [], ...camel(options) };
      const label = JSON.stringify([push, options]);
      if (scores === null) expect(generateSeq2Seq(model, inputs, settings), label).toEqual(ids);
      else {
        const found = beamSearchSeq2Seq(model, inputs, settings);
        expect(
          found.map((f) => f[0].ids),
          label,
        ).toEqual(ids);
        near(
          found.map((f) => f[0].score),
          scores,
        );
      }
    }
  });
});
