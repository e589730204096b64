import { inspect } from "node:util";
import { ones, zeros } from "shoshin";
import { ArrayDataset, DataLoader, DatasetDict, Table, TensorDataset } from "shoshin/data";
import * as nn from "shoshin/nn";
import { AdamW } from "shoshin/optim";
import { KeyedVectors, PreTrainedTokenizer, trainTokenizer } from "shoshin/text";
import { Trainer } from "shoshin/train";
import { expect, it } from "vitest";

it("console.log shows what an object is, not its insides", () => {
  const data = new TensorDataset(ones([6, 2]), zeros([6, 1]));
  expect(inspect(data)).toBe("TensorDataset(length=6, x=[6,2], y=[6,1])");
  expect(`${new DataLoader(data, { batchSize: 4 })}`).toBe("DataLoader(batches=2, examples=6)");
  const rows = new ArrayDataset([{ text: "a", label: 1 }]);
  expect(inspect(rows)).toBe('ArrayDataset(length=1, columns=["text","label"])');
  expect(inspect(new DatasetDict("glue", { train: rows }))).toBe(
    'DatasetDict("glue", {\n  train: ArrayDataset(length=1, columns=["text","label"])\n})',
  );
  expect(inspect(new Table(["a", "b"], [["1", "2"]]))).toBe('Table(length=1, columns=["a","b"])');
  expect(inspect(new KeyedVectors(["a"], new Float32Array(3), 3))).toBe("KeyedVectors(words=1, vectorSize=3)");

  const model = new nn.Linear(2, 1);
  const optimizer = new AdamW(model.parameters(), { lr: 0.01 });
  expect(inspect(optimizer)).toMatch(/^AdamW \(\nParameter Group 0\n {4}amsgrad: false\n {4}betas: \[0.9, 0.999\]\n/);
  expect(inspect(optimizer)).toContain("    lr: 0.01\n");
  const trainer = new Trainer({
    model,
    loss: nn.mseLoss,
    trainDataset: data,
    args: { learningRate: 0.5, quiet: true },
  });
  expect(inspect(trainer)).toMatch(/^Trainer\(optimizer="\w+", .*learningRate=0.5/);
  expect(inspect(trainer).length).toBeLessThan(1500);
});

it("and so do tokenizers", async () => {
  const tokenizer = await trainTokenizer("word", ["a b c a b"], { vocabSize: 10 });
  expect(inspect(tokenizer)).toMatch(/^Tokenizer\(kind="word", vocabSize=\d+\)$/);
  expect(inspect(new PreTrainedTokenizer(tokenizer))).toMatch(
    /^PreTrainedTokenizer\(vocabSize=\d+, modelMaxLength=Infinity, /,
  );
});
