// Runs in a page: ours and the peers in alternation. window.measure(rounds) → [{ case, ours, peers, share }].
import * as jax from "@jax-js/jax";
import { setThreadsCount, setWasmPaths } from "@tensorflow/tfjs-backend-wasm";
import tfPlain from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm.wasm?url";
import tfSimd from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-simd.wasm?url";
import tfThreads from "@tensorflow/tfjs-backend-wasm/dist/tfjs-backend-wasm-threaded-simd.wasm?url";
import * as tf from "@tensorflow/tfjs-core";
import "@tensorflow/tfjs-core/dist/register_all_gradients";
import { crossEntropy, manualSeed, randn, ready, tensor } from "shoshin";
import * as nn from "shoshin/nn";
import { SGD } from "shoshin/optim";

const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];

/** Milliseconds of one call, over enough calls to fill the budget. */
async function time(step, budget = 250) {
  await step();
  let count = 0;
  const start = performance.now();
  for (;;) {
    await step();
    count++;
    const spent = performance.now() - start;
    if (spent > budget) return spent / count;
  }
}

async function peers() {
  const list = {};
  setWasmPaths({
    "tfjs-backend-wasm.wasm": tfPlain,
    "tfjs-backend-wasm-simd.wasm": tfSimd,
    "tfjs-backend-wasm-threaded-simd.wasm": tfThreads,
  });
  if (globalThis.crossOriginIsolated) setThreadsCount(2);
  await tf.setBackend("wasm");
  await tf.ready();
  list["TensorFlow.js"] = {
    matmul(m, k, n) {
      const [a, b] = [tf.randomNormal([m, k]), tf.randomNormal([k, n])];
      return () => tf.matMul(a, b).dispose();
    },
    mlp() {
      const shapes = [[784, 512], [512], [512, 256], [256], [256, 10], [10]];
      const p = shapes.map((s) => tf.variable(tf.randomNormal(s, 0, 0.05)));
      const x = tf.randomNormal([128, 784]);
      const y = tf.oneHot(
        tf.tensor1d(
          Array.from({ length: 128 }, (_, i) => i % 10),
          "int32",
        ),
        10,
      );
      const optimizer = tf.train.sgd(0.01);
      return () =>
        optimizer.minimize(() => {
          const h1 = tf.relu(tf.add(tf.matMul(x, p[0]), p[1]));
          const h2 = tf.relu(tf.add(tf.matMul(h1, p[2]), p[3]));
          return tf.losses.softmaxCrossEntropy(y, tf.add(tf.matMul(h2, p[4]), p[5]));
        });
    },
  };
  await jax.init("wasm");
  jax.defaultDevice("wasm");
  const { numpy: np, random, nn: jnn, jit, valueAndGrad, blockUntilReady } = jax;
  const noise = (seed, shape) => random.normal(random.key(seed), shape);
  list["jax-js"] = {
    matmul(m, k, n) {
      const [a, b] = [noise(0, [m, k]), noise(1, [k, n])];
      return async () => (await blockUntilReady(np.matmul(a.ref, b.ref))).dispose();
    },
    mlp() {
      const shapes = [[784, 512], [512], [512, 256], [256], [256, 10], [10]];
      let p = shapes.map((s, i) => noise(i, s).mul(0.05));
      const x = noise(9, [128, 784]);
      const y = np
        .array(Float32Array.from({ length: 1280 }, (_, i) => (i % 10 === Math.floor(i / 10) % 10 ? 1 : 0)))
        .reshape([128, 10]);
      const loss = ([w1, b1, w2, b2, w3, b3], x, y) => {
        const h1 = jnn.relu(np.matmul(x, w1).add(b1));
        const h2 = jnn.relu(np.matmul(h1, w2).add(b2));
        return jnn
          .logSoftmax(np.matmul(h2, w3).add(b3))
          .mul(y)
          .sum()
          .mul(-1 / 128);
      };
      const step = jit((p, x, y) => {
        const [value, g] = valueAndGrad(loss)(
          p.map((t) => t.ref),
          x,
          y,
        );
        value.dispose();
        return p.map((t, i) => t.sub(g[i].mul(0.01)));
      });
      return async () => {
        p = step(p, x.ref, y.ref);
        await blockUntilReady(p.map((t) => t.ref));
        for (const t of p) t.dispose();
      };
    },
  };
  return list;
}

function ours(b) {
  return {
    matmul(m, k, n) {
      const [a, c, out] = [randn([m, k]), randn([k, n]), randn([m, n])];
      const g = { batch: 1, m, n, k, lda: k, strideA: 0, ldb: n, strideB: 0, ldc: n, strideC: 0 };
      const settings = {
        ...g,
        transA: false,
        transB: false,
        accumulate: false,
        activation: "none",
        precision: "float32",
      };
      return () => b.gemm(out, a, c, undefined, undefined, settings);
    },
    mlp() {
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
      return () => {
        crossEntropy(net.forward(x), y).backward();
        optimizer.step();
        optimizer.zeroGrad();
      };
    },
  };
}

globalThis.measure = async (rounds) => {
  const b = await ready();
  const all = { ours: ours(b), ...(await peers()) };
  const results = [];
  const run = async (name, make, value) => {
    const steps = {};
    for (const [who, library] of Object.entries(all)) {
      try {
        steps[who] = make(library);
        await steps[who]();
      } catch (error) {
        results.push({ case: name, failed: who, why: String(error) });
        delete steps[who];
      }
    }
    const seen = Object.fromEntries(Object.keys(steps).map((who) => [who, []]));
    const peaks = [];
    for (let round = 0; round < rounds; round++) {
      peaks.push(b.peakGflops("float32", b.threads, 0.05));
      for (const [who, step] of Object.entries(steps)) seen[who].push(value(await time(step)));
    }
    const medians = Object.fromEntries(Object.entries(seen).map(([who, list]) => [who, median(list)]));
    results.push({ case: name, ...medians, peak: median(peaks) });
  };
  for (const [m, k, n] of [
    [512, 512, 512],
    [2048, 768, 768],
  ])
    await run(
      `${m}x${k}x${n} GFLOP/s`,
      (l) => l.matmul(m, k, n),
      (ms) => (2e-6 * m * n * k) / ms,
    );
  await run(
    "mlp-step ms",
    (l) => l.mlp(),
    (ms) => ms,
  );
  return { isolated: globalThis.crossOriginIsolated, instructionSet: b.instructionSet, threads: b.threads, results };
};
document.title = "ready";
