/**
 * A feed-forward network from plain library calls, as one would write it in PyTorch: data preparation, model, training,
 * evaluation. The data is made here: points of two interleaved spirals, which no straight line separates.
 * Run in the repository: npm run build && node --experimental-strip-types examples/feed-forward.ts (Node 22), or read along.
 */
import { manualSeed, noGrad, type Tensor, tensor } from "shoshin";
import { ArrayDataset, DataLoader } from "shoshin/data";
import * as nn from "shoshin/nn";
import { AdamW, getScheduler } from "shoshin/optim";
import { accuracy } from "shoshin/train";

interface Point {
  x: [number, number];
  label: number;
}

/** Data: 1,000 points, a fifth of them kept for the test. */
const points: Point[] = Array.from({ length: 1000 }, (_, i) => {
  const label = i % 2;
  const t = 0.5 + ((3 * (i * 0.618034 * 2 * Math.PI)) % (3 * Math.PI));
  const angle = t + label * Math.PI;
  return { x: [(t * Math.cos(angle)) / 10, (t * Math.sin(angle)) / 10], label };
});
const train = new ArrayDataset(points.filter((_, i) => i % 5 !== 4 && i % 5 !== 3));
const test = points.filter((_, i) => i % 5 === 4 || i % 5 === 3);
const collate = (list: readonly Point[]) => ({
  x: tensor(list.map((p) => p.x)),
  y: tensor(
    Int32Array.from(list, (p) => p.label),
    [list.length],
  ),
});

/** Model: two hidden layers of rectified units. */
class Net extends nn.Module {
  hidden1 = new nn.Linear(2, 64);
  hidden2 = new nn.Linear(64, 64);
  dropout = new nn.Dropout(0.1);
  output = new nn.Linear(64, 2);

  forward(x: Tensor): Tensor {
    const h = this.hidden1.forward(x).relu();
    return this.output.forward(this.dropout.forward(this.hidden2.forward(h).relu()));
  }
}

export async function main(epochs = 60): Promise<number> {
  manualSeed(0);
  const net = new Net();
  console.log(nn.summary(net, { batchSize: 32 }));

  // Training.
  const loader = new DataLoader(train, { batchSize: 32, shuffle: true, seed: 0, collate });
  const optimizer = new AdamW(net.parameters(), { lr: 0.01 });
  const scheduler = getScheduler("cosine", optimizer, { numTrainingSteps: epochs * loader.length });
  for (let epoch = 1; epoch <= epochs; epoch++) {
    let sum = 0;
    for await (const { x, y } of loader) {
      const loss = nn.crossEntropy(net.forward(x), y);
      loss.backward();
      optimizer.step();
      optimizer.zeroGrad();
      scheduler.step();
      sum += loss.item();
    }
    if (epoch % 10 === 0) console.log(`epoch ${epoch}  loss ${(sum / loader.length).toFixed(4)}`);
  }

  // Evaluation.
  net.eval();
  const { x, y } = collate(test);
  const predicted = noGrad(() => net.forward(x).argmax(1)).data();
  const share = accuracy(predicted, y.data());
  console.log(`test accuracy ${share.toFixed(3)} on ${test.length} points`);
  return share;
}

if (process.argv[1]?.endsWith("feed-forward.ts")) await main();
