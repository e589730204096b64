// The GPT of four layers, and attention alone.
import {
  backend,
  crossEntropy,
  manualSeed,
  memory,
  randn,
  scaledDotProductAttention,
  setPrecision,
  tensor,
} from "../dist/index.js";
import { GPT2LMHeadModel, gpt2Config } from "../dist/models/index.js";
import { AdamW } from "../dist/optim/index.js";
import { seconds } from "./seconds.mjs";

const b = backend();
const native = b.name === "native";

export function gptStep(precision) {
  manualSeed(0);
  const [batch, steps, width, vocabulary, layers] = [16, 128, 256, 1024, 4];
  const model = new GPT2LMHeadModel(
    gpt2Config.make({
      ...{ vocabSize: vocabulary, nPositions: steps, nEmbd: width, nLayer: layers, nHead: 4 },
      ...{ residPdrop: 0, embdPdrop: 0, attnPdrop: 0 },
    }),
  );
  const optimizer = new AdamW(model.parameters(), { lr: 1e-3 });
  const ids = Int32Array.from({ length: batch * (steps + 1) }, (_, i) => (i * 7919) % vocabulary);
  const x = tensor(ids.slice(0, batch * steps), [batch, steps]);
  const y = tensor(ids.slice(batch), [batch * steps]);
  const step = () => {
    crossEntropy(model.forward({ inputIds: x }).logits.flatten(0, 1), y).backward();
    optimizer.step();
    optimizer.zeroGrad();
  };
  // Multiplies by weights, and two by the whole matrix of attention, three times for the gradients.
  const tokens = batch * steps;
  const work = 3 * 2e-9 * tokens * (layers * (12 * width * width + 2 * steps * width) + width * vocabulary);
  return {
    name: precision === "bf16" ? "bf16" : "f32",
    unit: "ms",
    run: () => {
      setPrecision(precision);
      const time = 1e3 * seconds(step, 1.5);
      setPrecision("float32");
      return time;
    },
    limit: native ? () => b.peakGflops(precision, 2, 0.05) : undefined,
    share: (ms, limit) => work / (ms / 1e3) / limit,
    peer: { op: "gpt-step", precision },
  };
}

export function attentionCase(length, isCausal) {
  manualSeed(0);
  const [heads, size] = [8, 64];
  const [q, k, v] = [0, 1, 2].map(() => randn([1, heads, length, size]).requiresGrad_());
  const gradient = randn([1, heads, length, size]);
  const step = () => {
    scaledDotProductAttention(q, k, v, { isCausal }).backward({ gradient });
    for (const t of [q, k, v]) t.zeroGrad();
  };
  const work = 2e-9 * 7 * heads * length * length * size * (isCausal ? 0.5 : 1);
  let peak = 0;
  return {
    name: `attention-${isCausal ? "causal-" : ""}${length}`,
    unit: "ms",
    run: () => {
      step();
      const before = memory().liveBytes;
      peak = memory().peakBytes - before;
      return 1e3 * seconds(step, 0.5);
    },
    facts: () => ({ tensors: `${(peak / 1e6).toFixed(1)} MB` }),
    limit: native ? () => b.peakGflops("float32", 2, 0.05) : undefined,
    share: (ms, limit) => work / (ms / 1e3) / limit,
    peer: { op: "attention", heads, size, length, causal: isCausal },
  };
}
