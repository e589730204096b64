// Fine-tuning steps of BERT's shape: forward, backward and AdamW on 16 texts of 128 tokens.
import { backend, manualSeed, setPrecision, tensor } from "../dist/index.js";
import { autoModels } from "../dist/models/index.js";
import { AdamW } from "../dist/optim/index.js";
import { seconds } from "./seconds.mjs";

const b = backend();
const native = b.name === "native";

export const SHAPES = {
  minilm: { hidden_size: 384, num_hidden_layers: 6, num_attention_heads: 12, intermediate_size: 1536 },
  "bert-base": { hidden_size: 768, num_hidden_layers: 12, num_attention_heads: 12, intermediate_size: 3072 },
};

/** A classifier with random weights; dropout as published, 0.1. */
export function classifier(shape) {
  manualSeed(0);
  const json = { model_type: "bert", vocab_size: 30522, ...SHAPES[shape] };
  const family = autoModels.family(json, shape);
  return new family.heads.sequenceClassification(family.config.parse(json));
}
export const texts = (batch, length) =>
  tensor(
    Int32Array.from({ length: batch * length }, (_, i) => 1000 + ((i * 7919) % 29000)),
    [batch, length],
  );

export function finetuneStep(shape, precision) {
  const [batch, length] = [16, 128];
  let step;
  // Made when it is first timed: two large models need not lie side by side.
  const make = () => {
    const model = classifier(shape).train();
    const optimizer = new AdamW(model.parameters(), { lr: 2e-5, weightDecay: 0.01 });
    const [inputIds, labels] = [texts(batch, length), tensor(Int32Array.from({ length: batch }, (_, i) => i % 2))];
    step = () => {
      model.forward({ inputIds, labels }).loss.backward();
      optimizer.step();
      optimizer.zeroGrad();
    };
    step();
  };
  const { hidden_size: d, num_hidden_layers: layers, intermediate_size: inner } = SHAPES[shape];
  const work = 3 * 2e-9 * batch * length * layers * (4 * d * d + 2 * d * inner + 2 * length * d);
  return {
    name: `${shape}-${precision === "bf16" ? "bf16" : "f32"}`,
    unit: "ms",
    run() {
      setPrecision(precision);
      if (step === undefined) make();
      const time = 1e3 * seconds(step, 2);
      setPrecision("float32");
      return time;
    },
    limit: native ? () => b.peakGflops(precision, 2, 0.05) : undefined,
    share: (ms, limit) => work / (ms / 1e3) / limit,
    peer: { op: "finetune-step", precision, batch, length, shape: SHAPES[shape] },
  };
}
