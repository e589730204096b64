/**
 * A BERT checkpoint fine-tuned from plain library calls, as one would write it with Hugging Face Transformers: data preparation,
 * model, training, evaluation, saving. The data are the reviews that ship with the package; the checkpoint is a folder or a
 * model of the hub with BERT's, RoBERTa's, DistilBERT's or ELECTRA's architecture.
 * Run in the repository: npm run build && node --experimental-strip-types examples/bert.ts FOLDER (Node 22), or read along.
 */
import { fileURLToPath } from "node:url";
import { manualSeed, noGrad } from "shoshin";
import { ArrayDataset, DataLoader, readTsv } from "shoshin/data";
import { resolveModel } from "shoshin/hub";
import { AutoModelForSequenceClassification } from "shoshin/models";
import { AutoTokenizer, dataCollatorWithPadding } from "shoshin/text";
import { accuracy, f1Score, Trainer } from "shoshin/train";

const file = fileURLToPath(new URL("../assets/reviews/en.tsv", import.meta.url));
const reviews = [...(await readTsv(file))];

export async function main(name: string, outputDir = "runs/bert", epochs = 3) {
  const folder = await resolveModel(name);
  const tokenizer = await AutoTokenizer.fromPretrained(folder);
  const labels = ["negative", "positive"];
  manualSeed(0);
  const model = await AutoModelForSequenceClassification.fromPretrained(folder, { labels });

  // Data: texts become token ids, cut at 64 and padded to the longest of their batch.
  const data = reviews.map(({ text, label }) => ({
    ...tokenizer.encode(text, { truncation: true, maxLength: 64 }),
    label: labels.indexOf(label),
  }));
  const train = new ArrayDataset(data.filter((_, i) => i % 5 !== 4));
  const test = new ArrayDataset(data.filter((_, i) => i % 5 === 4));
  const collate = dataCollatorWithPadding(tokenizer);

  // Training, with what a person expects around it.
  const trainer = new Trainer({
    model,
    trainDataset: train,
    collate,
    args: {
      outputDir,
      overwriteOutputDir: true,
      numTrainEpochs: epochs,
      perDeviceTrainBatchSize: 32,
      learningRate: 5e-5,
      weightDecay: 0.01,
    },
  });
  const { loss } = await trainer.train();

  // Evaluation.
  model.eval();
  const [predicted, targets]: [number[], number[]] = [[], []];
  for await (const { labels, ...inputs } of new DataLoader(test, { batchSize: 32, collate })) {
    predicted.push(...noGrad(() => model.forward(inputs).logits.argmax(1)).data());
    targets.push(...(labels?.data() ?? []));
  }
  const share = accuracy(predicted, targets);
  const { f1 } = f1Score(predicted, targets, 2, "binary");
  console.log(`test accuracy ${share.toFixed(3)}, F1 ${f1.toFixed(3)} on ${test.length} reviews`);

  // The folder opens in Python: AutoModelForSequenceClassification.from_pretrained(outputDir).
  model.savePretrained(outputDir);
  tokenizer.savePretrained(outputDir);
  return { loss, accuracy: share };
}

if (process.argv[1]?.endsWith("bert.ts")) {
  if (process.argv[2] === undefined) throw new Error("name a checkpoint: node examples/bert.ts FOLDER or OWNER/NAME");
  await main(process.argv[2]);
}
