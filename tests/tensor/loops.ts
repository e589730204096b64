import { noGrad, randn, type Tensor, tensor } from "../../src/index.ts";
import { GPT2LMHeadModel, generate, gpt2Config } from "../../src/models/index.ts";
import * as nn from "../../src/nn/index.ts";
import { AdamW, SGD } from "../../src/optim/index.ts";

/** One turn of a loop that users write, without a call that has to do with memory. */
type Turn = (i: number) => void | Promise<void>;

const network = () => new nn.Sequential(new nn.Linear(32, 16), new nn.ReLU(), new nn.Linear(16, 4));
const labels = (n: number) => tensor(Int32Array.from({ length: n }, (_, i) => i % 4));
const batch = () => randn([8, 32]);

/** The ten commonest; each leaves at least 4 KB a turn that nobody needs. */
export const LOOPS: [string, () => Turn][] = [
  [
    "training by hand, data made in it",
    () => {
      const net = network();
      const optimizer = new AdamW(net.parameters(), { lr: 1e-3 });
      return () => {
        const loss = nn.crossEntropy(net.forward(randn([32, 32])), labels(32));
        loss.backward();
        optimizer.step();
        optimizer.zeroGrad();
        loss.item();
      };
    },
  ],
  [
    "evaluation in noGrad",
    () => {
      const net = network();
      return () => {
        const x = randn([32, 32]);
        noGrad(() => net.forward(x).softmax(1)).toArray();
      };
    },
  ],
  [
    "evaluation without noGrad",
    () => {
      const net = network();
      const x = randn([32, 32]);
      return () => void net.forward(x).argmax(1).toArray();
    },
  ],
  [
    "arithmetic outside a graph",
    () => {
      const x = randn([64, 32]);
      let mean: Tensor | undefined;
      return () => {
        const y = x.mul(2).add(1).exp();
        mean = mean === undefined ? y.mean() : mean.mul(0.9).add(y.mean().mul(0.1));
      };
    },
  ],
  [
    "losses kept in an array",
    () => {
      const net = network();
      const optimizer = new SGD(net.parameters(), { lr: 1e-2 });
      const losses: Tensor[] = [];
      return (i) => {
        const loss = nn.crossEntropy(net.forward(randn([32, 32])), labels(32));
        loss.backward();
        optimizer.step();
        optimizer.zeroGrad();
        losses.push(loss);
        if (i % 1000 === 999 && !(losses[i - 500].item() > 0 && losses[0].item() > 0))
          throw new Error("a loss is lost");
      };
    },
  ],
  [
    "errors thrown and caught between forward and backward",
    () => {
      const net = network();
      const optimizer = new SGD(net.parameters(), { lr: 1e-2 });
      return (i) => {
        try {
          const loss = nn.crossEntropy(net.forward(randn([32, 32])), labels(32));
          if (i % 3 === 0) throw new Error("a bad batch");
          loss.backward();
          // The wrong shape, in the middle of a graph.
          if (i % 3 === 1) net.forward(net.forward(batch()));
          optimizer.step();
        } catch {
          optimizer.zeroGrad();
        }
      };
    },
  ],
  [
    "two tasks in turns, awaits between forward and backward",
    () => {
      const task = () => {
        const net = network();
        const optimizer = new AdamW(net.parameters(), { lr: 1e-3 });
        return async () => {
          const x = randn([16, 32]);
          await null;
          const loss = nn.crossEntropy(net.forward(x), labels(16));
          await null;
          loss.backward();
          await null;
          optimizer.step();
          optimizer.zeroGrad();
          await null;
          if (!Number.isFinite(loss.item())) throw new Error("no loss");
        };
      };
      const [a, b] = [task(), task()];
      return async () => void (await Promise.all([a(), b()]));
    },
  ],
  [
    "several models at once",
    () => {
      const [teacher, student, judge] = [network(), network(), network()];
      const optimizer = new AdamW(student.parameters(), { lr: 1e-3 });
      return () => {
        const x = randn([16, 32]);
        const wanted = teacher.forward(x).detach();
        const loss = student.forward(x).sub(wanted).square().mean();
        loss.backward();
        optimizer.step();
        optimizer.zeroGrad();
        judge.forward(x).mean().item();
      };
    },
  ],
  [
    "generation",
    () => {
      const sizes = { vocabSize: 40, nPositions: 16, nEmbd: 16, nLayer: 1, nHead: 2 };
      const model = new GPT2LMHeadModel(gpt2Config.make(sizes));
      model.eval();
      return (i) => {
        generate(model, [[1 + (i % 30), 2]], { maxNewTokens: 1 });
        model.forward({ inputIds: tensor(Int32Array.from([1, 2, 3, 4]), [1, 4]) }).logits.argmax(-1);
      };
    },
  ],
  [
    "a server that awaits between requests",
    () => {
      const net = network();
      const answer = async (rows: number) => {
        const x = randn([rows, 32]);
        await null;
        const y = net.forward(x).softmax(1);
        await null;
        return y.toArray();
      };
      return async (i) => void (await Promise.all([answer(16), answer(16 + (i % 5))]));
    },
  ],
];
