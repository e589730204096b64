// Greedy generation, batch 1, of a random model of GPT-2's size, against what reading its weights once a token would take.
import { backend, manualSeed, zeros } from "../dist/index.js";
import { GptForCausalLM, generate } from "../dist/models/index.js";

const b = backend();
const SHAPE = { vocabSize: 50257, nPositions: 1024, nEmbd: 768, nLayer: 12, nHead: 12, nInner: 3072, dropout: 0 };
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

export function generateCase() {
  manualSeed(0);
  const model = new GptForCausalLM(SHAPE);
  // All but the positions, of which a token reads one row.
  const read = 4e-9 * (model.parameters().reduce((n, p) => n + p.numel, 0) - SHAPE.nPositions * SHAPE.nEmbd);
  return {
    name: "generate",
    unit: "tokens/s",
    higherIsBetter: true,
    run() {
      let [count, start, last] = [0, 0, 0];
      const onToken = () => {
        last = performance.now();
        // The first token waits for the prompt.
        if (count++ === 0) start = last;
      };
      generate(model, [PROMPT], { maxNewTokens: NEW + 1, temperature: 0, onToken });
      return (1e3 * NEW) / (last - start);
    },
    limit: readBandwidth,
    share: (rate, limit) => (rate * read) / limit,
    peer: { op: "generate", prompt: PROMPT, new: NEW },
  };
}
