import { describe, it } from "vitest";
import { bert } from "../../../src/models/bert/index.ts";
import { distilbert } from "../../../src/models/distilbert/index.ts";
import { electra } from "../../../src/models/electra/index.ts";
import { roberta } from "../../../src/models/roberta/index.ts";
import { expectEncoderFamily } from "./recorded.ts";

describe("encoders give Transformers' hidden states, logits, losses and ten training steps", () => {
  it("BERT", () => expectEncoderFamily("bert", bert));
  it("RoBERTa", () => expectEncoderFamily("roberta", roberta, { types: false }));
  it("DistilBERT", () => expectEncoderFamily("distilbert", distilbert, { types: false }));
  it("ELECTRA", () => expectEncoderFamily("electra", electra));
});
