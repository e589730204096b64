import { describe, it } from "vitest";
import { bert } from "../../../src/models/bert/index.ts";
import { expectEncoderFamily } from "./recorded.ts";

describe("BERT", () => {
  it("gives Transformers' hidden states, logits, losses and ten training steps", () =>
    expectEncoderFamily("bert", bert));
});
