import { GPT2LMHeadModel } from "../../models/index.ts";
import { crossEntropy } from "../../nn/index.ts";
import { noGrad } from "../../tensor/no-grad.ts";
import { type Metrics, measure } from "../../train/index.ts";
import { CarriedState } from "./carried-state.ts";
import type { Model } from "./models.ts";
import { blocksOf, StreamWindows } from "./windows.ts";

/** Sizes of a text, for the units that a loss is given in. */
export interface Units {
  words: number;
  characters: number;
}
export function unitsOf(lines: readonly string[]): Units {
  let [words, characters] = [0, 0];
  for (const line of lines) {
    words += line.split(/\s+/).filter((w) => w !== "").length + 1;
    characters += [...line].length + 1;
  }
  return { words, characters };
}

/**
 * Loss of a stream, every token predicted once: `loss` per token in nats; `perplexity` per word with an end of sentence for
 * each line (per character for models of characters); `tokenPerplexity`; `bitsPerCharacter`, line ends counted.
 */
export async function scoreStream(
  model: Model,
  ids: Int32Array,
  units: Units,
  options: { streams: number; block: number; start: number; characters: boolean },
): Promise<Metrics> {
  const wasTraining = model.training;
  const carried = new CarriedState();
  model.eval();
  let total = 0;
  try {
    if (model instanceof GPT2LMHeadModel) {
      const block = Math.min(options.block, model.maxPositions);
      for (const { x, y } of blocksOf(ids, { block, start: options.start, batch: 32 })) {
        const sum = noGrad(() =>
          crossEntropy(model.forward({ inputIds: x }).logits.flatten(0, 1), y, { reduction: "sum" }),
        );
        total += sum.item();
        for (const t of [x, y, sum]) t.dispose();
      }
    } else {
      const windows = new StreamWindows(ids, options);
      for (let w = 0; w < windows.windows; w++) {
        const { x, y } = windows.window(w);
        const { sum, state } = noGrad(() => {
          const out = model.forward(x, carried.of());
          return { sum: crossEntropy(out.logits, y, { reduction: "sum" }), state: out.state };
        });
        total += sum.item();
        carried.keep(state);
        for (const t of [x, y, sum]) t.dispose();
      }
    }
  } finally {
    carried.reset();
    model.train(wasTraining);
  }
  const tokens = ids.length;
  const { characters, words } = units;
  const input = { total, tokens, units: options.characters ? characters : words, characters };
  return { loss: total / tokens, ...measure("tokens", input) };
}
