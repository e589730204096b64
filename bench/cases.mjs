// What is measured. Each case: name, unit, run() → one measurement, limit() → the machine's limit in the same round.
import { backend, crossEntropy, manualSeed, memory, randn, tensor } from "../dist/index.js";
import * as nn from "../dist/nn/index.js";
import { AdamW, SGD } from "../dist/optim/index.js";
import { attentionCase, gptStep } from "./attention-cases.mjs";
import { generateCase, llama2cCases } from "./generate-cases.mjs";
import { finetuneStep, inference } from "./pretrained-cases.mjs";
import { seconds } from "./seconds.mjs";
import { tokenizerTrain } from "./tokenizer-cases.mjs";

const b = backend();
b.threads = 2;
const native = b.name === "native";

function matmulCase(name, m, k, n, { precision = "float32", ta = false, tb = false } = {}) {
  manualSeed(0);
  const a = randn(ta ? [k, m] : [m, k]);
  const c = randn(tb ? [n, k] : [k, n]);
  const out = randn([m, n]);
  const g = {
    batch: 1,
    m,
    n,
    k,
    lda: ta ? m : k,
    strideA: 0,
    ldb: tb ? k : n,
    strideB: 0,
    ldc: n,
    strideC: 0,
    transA: ta,
    transB: tb,
    accumulate: false,
    activation: "none",
    precision,
  };
  return {
    name,
    unit: "GFLOP/s",
    higherIsBetter: true,
    run: () => (2e-9 * m * n * k) / seconds(() => b.gemm(out, a, c, undefined, undefined, g)),
    limit: native ? () => b.peakGflops(precision, 2, 0.05) : undefined,
    share: (value, limit) => value / limit,
    peer: { op: "matmul", m, k, n, ta, tb, precision },
    end() {
      for (const t of [a, c, out]) t.dispose();
    },
  };
}

const SHAPES = [
  [2048, 768, 768],
  [512, 512, 512],
  [2048, 768, 3072],
  [64, 256, 1024],
];

function memoryCase(kind) {
  const n = 1 << 24;
  const [x, y, out] = [randn([1 << 14, 1024]), randn([1 << 14, 1024]), randn([1 << 14, 1024])];
  const dense = { sizes: [n], strides: [[1], [1]] };
  const [w, bias, mean, rstd] = [
    nn.init.ones_(randn([1024])),
    nn.init.zeros_(randn([1024])),
    randn([1 << 14]),
    randn([1 << 14]),
  ];
  const second = kind === "adamw" ? nn.init.ones_(randn([1 << 14, 1024])) : undefined;
  const settings = {
    lr: 1e-3,
    beta1: 0.9,
    beta2: 0.999,
    eps: 1e-8,
    weightDecay: 0.01,
    l1: 0,
    bias1: 0.1,
    bias2: 0.001,
    decoupled: true,
  };
  const work = {
    add: [3, () => b.binary("add", out, x, y, dense)],
    gelu: [2, () => b.unary("gelu", out, x, n, 0, 0)],
    "layer-norm": [2, () => b.norm(out, mean, rstd, x, w, bias, 1 << 14, 1024, 1e-5)],
    softmax: [2, () => b.softmax(out, x, 1 << 14, 1024, false)],
    adamw: [7, () => b.adam(x.storage, y.storage, out.storage, second.storage, undefined, 0, n, undefined, settings)],
  }[kind];
  const bytes = work[0] * n * 4;
  return {
    name: kind,
    unit: "GB/s",
    higherIsBetter: true,
    run: () => (1e-9 * bytes) / seconds(work[1], 0.3),
    limit: native ? () => b.memoryBandwidth(2) : undefined,
    share: (value, limit) => value / limit,
    peer: { op: "memory", kind, bytes },
    end() {
      for (const t of [x, y, out, w, bias, mean, rstd, second]) t?.dispose();
    },
  };
}

function mlpStep() {
  manualSeed(0);
  const net = new nn.Sequential(
    new nn.Linear(784, 512),
    new nn.ReLU(),
    new nn.Linear(512, 256),
    new nn.ReLU(),
    new nn.Linear(256, 10),
  );
  const optimizer = new SGD(net.parameters(), { lr: 0.01 });
  const x = randn([128, 784]);
  const y = tensor(
    Int32Array.from({ length: 128 }, (_, i) => i % 10),
    [128],
  );
  const step = () => {
    crossEntropy(net.forward(x), y).backward();
    optimizer.step();
    optimizer.zeroGrad();
  };
  for (let i = 0; i < 50; i++) step();
  const floor = 2e-9 * 128 * (784 * 512 * 2 + (512 * 256 + 256 * 10) * 3);
  return {
    name: "mlp-step",
    unit: "ms",
    run: () => 1e3 * seconds(step, 0.5),
    limit: native ? () => b.peakGflops("float32", 2, 0.05) : undefined,
    share: (ms, limit) => floor / (ms / 1e3) / limit,
    peer: { op: "mlp-step" },
    facts: () => {
      const before = memory();
      for (let i = 0; i < 1000; i++) step();
      const after = memory();
      return { "tensors after 1,000 steps": `${before.liveTensors} → ${after.liveTensors}` };
    },
  };
}

function lstmStep() {
  manualSeed(0);
  const [batch, steps, width, vocabulary] = [32, 64, 256, 1000];
  const embedding = new nn.Embedding(vocabulary, width);
  const lstm = new nn.LSTM(width, width, { numLayers: 2, batchFirst: true });
  const head = new nn.Linear(width, vocabulary);
  const optimizer = new AdamW(
    [embedding, lstm, head].flatMap((m) => m.parameters()),
    { lr: 1e-3 },
  );
  const ids = Int32Array.from({ length: batch * (steps + 1) }, (_, i) => (i * 7919) % vocabulary);
  const x = tensor(ids.slice(0, batch * steps), [batch, steps]);
  const y = tensor(ids.slice(batch), [batch * steps]);
  const step = () => {
    const { output } = lstm.forward(embedding.forward(x));
    crossEntropy(head.forward(output).reshape([-1, vocabulary]), y).backward();
    optimizer.step();
    optimizer.zeroGrad();
  };
  for (let i = 0; i < 5; i++) step();
  const floor = 2e-9 * 3 * batch * steps * (4 * 2 * 2 * width * width + width * vocabulary);
  return {
    name: "lstm-step",
    unit: "ms",
    run: () => 1e3 * seconds(step, 1),
    limit: native ? () => b.peakGflops("float32", 2, 0.05) : undefined,
    share: (ms, limit) => floor / (ms / 1e3) / limit,
    peer: { op: "lstm-step" },
  };
}

function rssCase() {
  const net = new nn.Sequential(new nn.Linear(64, 64), new nn.ReLU(), new nn.Linear(64, 4));
  const optimizer = new SGD(net.parameters(), { lr: 0.01 });
  const x = randn([16, 64]);
  const y = tensor(
    Int32Array.from({ length: 16 }, (_, i) => i % 4),
    [16],
  );
  const steps = (n) => {
    for (let i = 0; i < n; i++) {
      crossEntropy(net.forward(x), y).backward();
      optimizer.step();
      optimizer.zeroGrad();
    }
  };
  const rss = [];
  return {
    name: "rss-20000-steps",
    unit: "MB",
    run() {
      if (rss.length === 0) {
        steps(60_000);
        globalThis.gc?.();
        rss.push(process.memoryUsage.rss() / 1e6);
        steps(20_000);
        globalThis.gc?.();
        rss.push(process.memoryUsage.rss() / 1e6);
      }
      return rss[1];
    },
    facts: () => ({ before: `${rss[0].toFixed(1)} MB`, growth: `${(rss[1] - rss[0]).toFixed(1)} MB` }),
  };
}

function opOverhead() {
  const a = randn([16]).requiresGrad_();
  const c = randn([16]);
  return {
    name: "op-overhead",
    unit: "µs/op",
    run() {
      let inside = 0;
      let count = 0;
      const end = performance.now() + 300;
      while (performance.now() < end) {
        const start = performance.now();
        let z = a;
        for (let i = 0; i < 100; i++) z = z.add(c);
        inside += performance.now() - start;
        count += 100;
        z.sum().backward();
      }
      return (1e3 * inside) / count;
    },
    peer: { op: "op-overhead" },
  };
}

export const CASES = {
  peak: async () => [
    { name: "peak-float32", unit: "GFLOP/s", higherIsBetter: true, run: () => b.peakGflops("float32", 2, 0.2) },
    { name: "peak-bf16", unit: "GFLOP/s", higherIsBetter: true, run: () => b.peakGflops("bf16", 2, 0.2) },
    { name: "triad", unit: "GB/s", higherIsBetter: true, run: () => b.memoryBandwidth(2) },
  ],
  matmul: async () => [
    ...SHAPES.map(([m, k, n]) => matmulCase(`f32-${m}x${k}x${n}`, m, k, n)),
    matmulCase("f32-tn-2048x768x768", 2048, 768, 768, { ta: true }),
    matmulCase("f32-nt-2048x768x768", 2048, 768, 768, { tb: true }),
    ...SHAPES.map(([m, k, n]) => matmulCase(`bf16-${m}x${k}x${n}`, m, k, n, { precision: "bf16" })),
  ],
  "memory-bound": async () => ["add", "gelu", "layer-norm", "softmax", "adamw"].map(memoryCase),
  "op-overhead": async () => [opOverhead()],
  "mlp-step": async () => [mlpStep(), rssCase()],
  "lstm-step": async () => [lstmStep()],
  "gpt-step": async () => [gptStep("float32"), gptStep("bf16")],
  inference: async () => inference("minilm"),
  "finetune-step": async () =>
    ["minilm", "bert-base"].flatMap((shape) => ["float32", "bf16"].map((p) => finetuneStep(shape, p))),
  "tokenizer-train": tokenizerTrain,
  attention: async () => [...[512, 1024, 2048, 4096].map((n) => attentionCase(n, false)), attentionCase(2048, true)],
  generate: async () => [generateCase(), ...llama2cCases()],
};
