/**
 * An LSTM that reads texts, from plain library calls, as one would write it in TensorFlow with Keras: data preparation, model,
 * training, evaluation. The data are the reviews that ship with the package.
 * Run in the repository: npm run build && node --experimental-strip-types examples/lstm.ts (Node 22), or read along.
 */
import { fileURLToPath } from "node:url";
import { manualSeed, noGrad, type Tensor, tensor } from "shoshin";
import { ArrayDataset, DataLoader, padSequences, readTsv } from "shoshin/data";
import * as nn from "shoshin/nn";
import { AdamW } from "shoshin/optim";
import { trainTokenizer } from "shoshin/text";
import { accuracy, classScores } from "shoshin/train";

// Data: texts become token ids, batches are filled up with zeros to the longest text in them.
const file = fileURLToPath(new URL("../assets/reviews/en.tsv", import.meta.url));
const table = await readTsv(file);
const reviews = [...table].map((row) => ({ text: row.text, label: row.label === "positive" ? 1 : 0 }));
const [train, test] = [reviews.filter((_, i) => i % 5 !== 4), reviews.filter((_, i) => i % 5 === 4)];
const tokenizer = await trainTokenizer(
  "wordpiece",
  train.map((r) => r.text),
  { vocabSize: 4000 },
);
const collate = (list: readonly (typeof reviews)[number][]) => {
  const ids = list.map((r) => tokenizer.encode(r.text).ids);
  return {
    ids: padSequences(ids, { padId: 0 }),
    lengths: ids.map((text) => text.length),
    labels: tensor(Int32Array.from(list, (r) => r.label)),
  };
};

/** Model: Embedding → LSTM (its last state) → Dense, as `keras.Sequential([Embedding, LSTM, Dense])`. */
class Classifier extends nn.Module {
  embedding = new nn.Embedding(tokenizer.vocabSize, 64, { paddingIdx: 0 });
  lstm = new nn.LSTM(64, 64, { batchFirst: true });
  dropout = new nn.Dropout(0.5);
  dense = new nn.Linear(64, 2);

  /** ids [batch, T] → logits [batch, 2]; steps past a text's length have no influence. */
  forward(ids: Tensor, lengths: number[]): Tensor {
    const x = this.dropout.forward(this.embedding.forward(ids));
    const [h] = this.lstm.forward(x, undefined, { lengths }).state;
    return this.dense.forward(this.dropout.forward(h.select(0, 0)));
  }
}

export async function main(epochs = 12): Promise<number> {
  manualSeed(0);
  const model = new Classifier();
  nn.init.normal_(model.embedding.weight, 0, 0.1);
  console.log(nn.summary(model, { batchSize: 32 }));

  // Training: model.fit(…, epochs) written out.
  const optimizer = new AdamW(model.parameters(), { lr: 3e-3, weightDecay: 0.01 });
  const loader = new DataLoader(new ArrayDataset(train), { batchSize: 32, shuffle: true, seed: 0, collate });
  for (let epoch = 1; epoch <= epochs; epoch++) {
    let sum = 0;
    for await (const { ids, lengths, labels } of loader) {
      const loss = nn.crossEntropy(model.forward(ids, lengths), labels);
      loss.backward();
      optimizer.step();
      optimizer.zeroGrad();
      sum += loss.item();
    }
    if (epoch % 4 === 0) console.log(`epoch ${epoch}  loss ${(sum / loader.length).toFixed(4)}`);
  }

  // Evaluation.
  model.eval();
  const { ids, lengths, labels } = collate(test);
  const predicted = noGrad(() => model.forward(ids, lengths).argmax(1)).data();
  const share = accuracy(predicted, labels.data());
  const { f1 } = classScores(predicted, labels.data(), 2)[1];
  console.log(`test accuracy ${share.toFixed(3)}, F1 ${f1.toFixed(3)} on ${test.length} reviews`);
  return share;
}

if (process.argv[1]?.endsWith("lstm.ts")) await main();
