import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { OptionError } from "../../../src/backend/options.ts";
import { noGrad, tensor } from "../../../src/index.ts";
import { bert } from "../../../src/models/bert/index.ts";
import { distilbert } from "../../../src/models/distilbert/index.ts";
import { electra } from "../../../src/models/electra/index.ts";
import { gpt2 } from "../../../src/models/gpt2/index.ts";
import { AutoModel, type Family, type Head } from "../../../src/models/index.ts";
import { llama, mistral, qwen2 } from "../../../src/models/llama/index.ts";
import { marian } from "../../../src/models/marian/index.ts";
import type { ModelClass } from "../../../src/models/pretrained/auto.ts";
import { roberta } from "../../../src/models/roberta/index.ts";
import { t5 } from "../../../src/models/t5/index.ts";
import type { Module } from "../../../src/nn/index.ts";
import { temporaryFolder } from "../../folder.ts";

type Called = Module & { forward(inputs: object): unknown };
const folder = temporaryFolder();

const [layers, heads] = [{ numHiddenLayers: 1 }, { numAttentionHeads: 2 }];
const encoder = { vocabSize: 9, hiddenSize: 4, intermediateSize: 4, maxPositionEmbeddings: 12, ...layers, ...heads };
const t5Config = { vocabSize: 9, dModel: 4, dKv: 2, dFf: 4, numLayers: 1, numHeads: 2, decoderStartTokenId: 0 };
const marianConfig = {
  vocabSize: 9,
  dModel: 4,
  encoderLayers: 1,
  decoderLayers: 1,
  padTokenId: 8,
  decoderStartTokenId: 8,
};
const marianHeads = { encoderAttentionHeads: 2, decoderAttentionHeads: 2, encoderFfnDim: 4, decoderFfnDim: 4 };
const cases: [Family, Record<string, unknown>, Head[]][] = [
  [bert, encoder, ["base", "sequenceClassification", "tokenClassification", "questionAnswering", "maskedLm"]],
  [roberta, encoder, ["base", "maskedLm"]],
  [electra, { ...encoder, embeddingSize: 4 }, ["base", "sequenceClassification", "maskedLm"]],
  [distilbert, { vocabSize: 9, dim: 4, nHeads: 2, nLayers: 1, hiddenDim: 4 }, ["base", "tokenClassification"]],
  [gpt2, { vocabSize: 9, nEmbd: 4, nHead: 2, nLayer: 1, nPositions: 12 }, ["base", "causalLm"]],
  [llama, encoder, ["base", "causalLm", "sequenceClassification"]],
  [qwen2, { ...encoder, numKeyValueHeads: 1 }, ["causalLm"]],
  [mistral, { ...encoder, numKeyValueHeads: 1 }, ["causalLm"]],
  [t5, t5Config, ["seq2seqLm"]],
  [marian, { ...marianConfig, ...marianHeads }, ["seq2seqLm"]],
];
const ids = tensor([[1, 2, 3]], { dtype: "int32" });

describe("what a model is called with", () => {
  const models = cases.flatMap(([family, config, kinds]) =>
    kinds.map((kind) => [family.heads[kind]?.architecture, family, config, kind] as const),
  );
  it.each(models)(
    "%s: other spellings, what is not done here, and no ids are refused",
    (_name, { config, heads }, values, kind) => {
      const model = new (heads[kind] as ModelClass)(config.make(values)).eval() as Called;
      const more = kind === "seq2seqLm" ? { decoderInputIds: ids } : {};
      const call = (inputs: object) => () => noGrad(() => model.forward(inputs));
      expect(call({ inputIds: ids, ...more, attention_mask: ids })).toThrow(/unknown input attention_mask/);
      expect(call({ inputIds: ids, ...more, past_key_values: [] })).toThrow(/past_key_values is not supported/);
      expect(call({ input_ids: ids, ...more })).toThrow(OptionError);
      expect(call({ inputIds: [[1, 2]], ...more })).toThrow(
        /inputIds: expected a tensor|inputIds is missing|expected an object/,
      );
      expect(call({ inputIds: ids.select(0, 0), ...more })).toThrow(/expected \[batch, T\], found \[3\]/);
      expect(call({ inputIds: ids, ...more, attentionMask: undefined })).not.toThrow();
      expect(call({ inputIds: ids, ...more, example: 7 })).toThrow(/unknown input example/);
    },
  );

  it("nothing in place of names is told", async () => {
    await expect(AutoModel.fromPretrained(undefined as never)).rejects.toThrow(/no model is named/);
    const model = new (bert.heads.base as ModelClass)(bert.config.make(encoder));
    expect(() => model.savePretrained(undefined as never)).toThrow(OptionError);
    writeFileSync(join(folder, "file"), "");
    expect(() => model.savePretrained(join(folder, "file"))).toThrow(/is a file/);
    model.savePretrained(join(folder, "model"));
    await expect(AutoModel.fromPretrained(join(folder, "model"), { labels: "x" as never })).rejects.toThrow(
      OptionError,
    );
  });
});
