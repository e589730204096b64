// Fine-tuning steps of BERT's shape: forward, backward and AdamW on 16 texts of 128 tokens; and inference of a bare encoder.
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { backend, manualSeed, noGrad, setPrecision, tensor } from "../dist/index.js";
import { autoModels, exportOnnx } from "../dist/models/index.js";
import { AdamW } from "../dist/optim/index.js";
import { seconds } from "./seconds.mjs";

const b = backend();
const native = b.name === "native";

export const SHAPES = {
  minilm: { hidden_size: 384, num_hidden_layers: 6, num_attention_heads: 12, intermediate_size: 1536 },
  "bert-base": { hidden_size: 768, num_hidden_layers: 12, num_attention_heads: 12, intermediate_size: 3072 },
};

function build(shape, head) {
  manualSeed(0);
  const json = { model_type: "bert", vocab_size: 30522, ...SHAPES[shape] };
  const family = autoModels.family(json, shape);
  return new family.heads[head](family.config.parse(json));
}
/** A classifier with random weights; dropout as published, 0.1. */
export const classifier = (shape) => build(shape, "sequenceClassification");
export const texts = (batch, length) =>
  tensor(
    Int32Array.from({ length: batch * length }, (_, i) => 1000 + ((i * 7919) % 29000)),
    [batch, length],
  );

export function finetuneStep(shape, precision) {
  const [batch, length] = [16, 128];
  let step;
  // Made when it is first timed: two large models need not lie side by side.
  const make = () => {
    const model = classifier(shape).train();
    const optimizer = new AdamW(model.parameters(), { lr: 2e-5, weightDecay: 0.01 });
    const [inputIds, labels] = [texts(batch, length), tensor(Int32Array.from({ length: batch }, (_, i) => i % 2))];
    step = () => {
      model.forward({ inputIds, labels }).loss.backward();
      optimizer.step();
      optimizer.zeroGrad();
    };
    step();
  };
  const { hidden_size: d, num_hidden_layers: layers, intermediate_size: inner } = SHAPES[shape];
  const work = 3 * 2e-9 * batch * length * layers * (4 * d * d + 2 * d * inner + 2 * length * d);
  return {
    name: `${shape}-${precision === "bf16" ? "bf16" : "f32"}`,
    unit: "ms",
    run() {
      setPrecision(precision);
      if (step === undefined) make();
      const time = 1e3 * seconds(step, 2);
      setPrecision("float32");
      return time;
    },
    limit: native ? () => b.peakGflops(precision, 2, 0.05) : undefined,
    share: (ms, limit) => work / (ms / 1e3) / limit,
    peer: { op: "finetune-step", precision, batch, length, shape: SHAPES[shape] },
  };
}

/** onnxruntime-node where it is installed: in this folder, or the one that SHOSHIN_PEERS names. It is no dependency. */
function findOnnxRuntime() {
  const folder = process.env.SHOSHIN_PEERS ?? process.cwd();
  try {
    const require = createRequire(join(folder, "package.json"));
    return { ort: require("onnxruntime-node"), version: require("onnxruntime-node/package.json").version };
  } catch (error) {
    console.error(
      `onnxruntime-node left out: ${String(error.message).split("\n")[0]} (SHOSHIN_PEERS names a folder that has it)`,
    );
    return undefined;
  }
}

/** The forward of a bare encoder on texts of one length; onnxruntime runs the file that exportOnnx writes of it. */
export function inference(shape) {
  const found = findOnnxRuntime();
  const folder = mkdtempSync(join(tmpdir(), "shoshin-onnx-"));
  const model = build(shape, "base").eval();
  let session;
  const onnxRuntime = (batch, length) => ({
    name: "onnxruntime-node",
    version: found.version,
    async ask() {
      if (session === undefined) {
        const path = join(folder, "model.onnx");
        exportOnnx(model, path);
        session = await found.ort.InferenceSession.create(path, { intraOpNumThreads: 2, interOpNumThreads: 1 });
      }
      const int64 = (values) => new found.ort.Tensor("int64", BigInt64Array.from(values, BigInt), [batch, length]);
      const ids = texts(batch, length).data();
      const feed = {
        input_ids: int64(ids),
        attention_mask: int64(ids.map(() => 1)),
        token_type_ids: int64(ids.map(() => 0)),
      };
      const step = async () => (await session.run(feed)).last_hidden_state.data[0];
      await step();
      let count = 0;
      const start = performance.now();
      while (performance.now() - start < 1000) {
        await step();
        count++;
      }
      return (performance.now() - start) / count;
    },
  });
  const { hidden_size: d, num_hidden_layers: layers, intermediate_size: inner } = SHAPES[shape];
  return [
    [1, 32],
    [32, 128],
  ].map(([batch, length], i, all) => {
    const inputIds = texts(batch, length);
    const attentionMask = tensor(new Int32Array(batch * length).fill(1), [batch, length]);
    const tokenTypeIds = tensor(new Int32Array(batch * length), [batch, length]);
    const step = () => {
      const y = noGrad(() => model.forward({ inputIds, attentionMask, tokenTypeIds }).lastHiddenState);
      y.data();
      y.dispose();
    };
    const work = 2e-9 * batch * length * layers * (4 * d * d + 2 * d * inner + 2 * length * d);
    return {
      name: `${shape}-${batch}x${length}`,
      unit: "ms",
      run: () => 1e3 * seconds(step, 1),
      limit: native ? () => b.peakGflops("float32", 2, 0.05) : undefined,
      share: (ms, limit) => work / (ms / 1e3) / limit,
      peer: { op: "inference", batch, length, shape: SHAPES[shape] },
      morePeers: found === undefined ? [] : [onnxRuntime(batch, length)],
      end: i === all.length - 1 ? () => rmSync(folder, { recursive: true }) : undefined,
    };
  });
}
