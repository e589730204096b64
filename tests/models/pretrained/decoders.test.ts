import { describe, expect, it } from "vitest";
import { noGrad, tensor } from "../../../src/index.ts";
import type { CausalLm } from "../../../src/models/causal-lm.ts";
import { gpt2 } from "../../../src/models/gpt2/index.ts";
import { type Family, generate, type Head } from "../../../src/models/index.ts";
import { llama, mistral, qwen2 } from "../../../src/models/llama/index.ts";
import { attentionMask, expectTraining, fill, fingerprint, inputIds, near, recorded, shown } from "./recorded.ts";

/** The second text's last two tokens are padding, 0. */
const inputs = () => {
  const ids = inputIds(2, 7, 50).data();
  ids.fill(0, 12);
  return { inputIds: tensor(ids, [2, 7]), attentionMask: attentionMask() };
};

function expectDecoderFamily(name: string, family: Family): void {
  const want = recorded(name);
  const config = family.config.parse(want.config);
  const make = (head: Head) => {
    const Model = family.heads[head];
    if (Model === undefined) throw new Error(`no ${head}`);
    return fill(new Model(config));
  };
  noGrad(() => {
    const out = make("base").forward(inputs(), { outputHiddenStates: true });
    expect(out.hiddenStates).toHaveLength(want.hiddenStates.length);
    for (const [i, h] of want.hiddenStates.entries()) near(shown(out.hiddenStates[i]), h);
  });
  const labels = tensor(
    inputs()
      .inputIds.data()
      .map((id, i) => (i >= 12 ? -100 : id)),
    [2, 7],
  );
  noGrad(() => {
    const out = make("causalLm").forward({ ...inputs(), labels });
    near(fingerprint(shown(out.logits)), want.causalLm.logits);
    near([out.loss.item()], [want.causalLm.loss]);
  });
  noGrad(() => {
    const out = make("sequenceClassification").forward({ ...inputs(), labels: tensor(Int32Array.of(2, 0)) });
    near(out.logits.data(), want.sequenceClassification.logits);
    near([out.loss.item()], [want.sequenceClassification.loss]);
  });
  if (want.tokenClassification) {
    noGrad(() => {
      const tags = tensor(Int32Array.of(0, 1, 2, -100, 1, 0, 2, 2, 1, 0, 0, 1, -100, -100), [2, 7]);
      const out = make("tokenClassification").forward({ ...inputs(), labels: tags });
      near(shown(out.logits), want.tokenClassification.logits);
      near([out.loss.item()], [want.tokenClassification.loss]);
    });
  }
  expectTraining(make("causalLm"), { ...inputs(), labels }, want.training);
  const model = make("causalLm");
  for (const p of model.parameters()) if (p.ndim > 1) p.detach().copy_(p.detach().mul(3));
  // Texts of four and two tokens, together.
  const prompts = [
    [5, 9, 13, 40],
    [7, 21],
  ];
  const written = generate(model as unknown as CausalLm, prompts, { maxNewTokens: 9, eosTokenId: null });
  expect(written).toEqual(want.greedy);
}

const FAMILIES: [string, Family][] = [
  ["gpt2", gpt2],
  ["gpt2-scaled", gpt2],
  ["llama", llama],
  ["llama3", llama],
  ["llama-linear", llama],
  ["qwen2", qwen2],
  ["mistral", mistral],
];

describe.each(FAMILIES)("%s", (name, family) => {
  it("gives Transformers' hidden states, logits, losses, ten training steps, and what it writes after padded prompts", () =>
    expectDecoderFamily(name, family));
});
