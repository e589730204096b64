// Greedy generation, batch 1, of a random model of GPT-2's size, against what reading its weights once a token would take.
import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { backend, manualSeed, zeros } from "../dist/index.js";
import { GPT2LMHeadModel, generate, gpt2Config, llamaFromLlama2c } from "../dist/models/index.js";

const b = backend();
const SHAPE = { vocabSize: 50257, nPositions: 1024, nEmbd: 768, nLayer: 12, nHead: 12, nInner: 3072 };
const PROMPT = Array.from({ length: 16 }, (_, i) => (i * 7919) % SHAPE.vocabSize);
const NEW = 32;

/** GB/s of reading alone, on two threads: the sum of an array far larger than any cache. */
function readBandwidth() {
  const n = 1 << 26;
  const [x, out] = [zeros([n]), zeros([1])];
  let best = 0;
  for (let i = 0; i < 5; i++) {
    const start = performance.now();
    b.reduce("sum", out, x, 1, n, 1, false);
    best = Math.max(best, (4e-6 * n) / (performance.now() - start));
  }
  for (const t of [x, out]) t.dispose();
  return best;
}

/** Tokens a second after the first, which waits for the prompt. */
function speed(model, prompt, count) {
  let [done, start, last] = [0, 0, 0];
  const onToken = () => {
    last = performance.now();
    if (done++ === 0) start = last;
  };
  generate(model, [prompt], { maxNewTokens: count + 1, temperature: 0, eosTokenId: null, onToken });
  return (1e3 * count) / (last - start);
}

/** The llama2.c model of 260,000 parameters: what a token costs besides its arithmetic. None where its file is missing. */
export function llama2cCases() {
  const data = process.env.SHOSHIN_DATA ?? fileURLToPath(new URL("../../shared/data", import.meta.url));
  const path = join(data, "pretrained_llama2c_aidreams260K/aidreams260K.bin");
  if (!existsSync(path)) return [];
  const model = llamaFromLlama2c(path);
  return [{ name: "generate-llama2c", unit: "tokens/s", higherIsBetter: true, run: () => speed(model, [1], 120) }];
}

export function generateCase() {
  manualSeed(0);
  const model = new GPT2LMHeadModel(gpt2Config.make(SHAPE));
  // All but the positions, of which a token reads one row.
  const read = 4e-9 * (model.parameters().reduce((n, p) => n + p.numel, 0) - SHAPE.nPositions * SHAPE.nEmbd);
  return {
    name: "generate",
    unit: "tokens/s",
    higherIsBetter: true,
    run: () => speed(model, PROMPT, NEW),
    limit: readBandwidth,
    share: (rate, limit) => (rate * read) / limit,
    peer: { op: "generate", prompt: PROMPT, new: NEW },
  };
}
