import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, test } from "vitest";
import { ShoshinError } from "../../src/backend/errors.ts";
import { OptionError } from "../../src/backend/options.ts";
import { type AnyDataset, ArrayDataset } from "../../src/data/index.ts";
import { getRngState, manualSeed, type Tensor, tensor } from "../../src/index.ts";
import {
  AutoModelForSequenceClassification,
  BertForSequenceClassification,
  BertForTokenClassification,
  bertConfig,
} from "../../src/models/index.ts";
import * as nn from "../../src/nn/index.ts";
import { AdamW, getScheduler, LRScheduler, ReduceLROnPlateau, SGD } from "../../src/optim/index.ts";
import {
  type GivenArguments,
  type LossInfo,
  loadWeights,
  Trainer,
  type TrainerCallbacks,
  type TrainerOptions,
} from "../../src/train/index.ts";
import { temporaryFolder } from "../folder.ts";

const home = temporaryFolder();
let made = 0;
const folder = () => join(home, `run-${made++}`);

const data = new ArrayDataset(
  Array.from({ length: 10 }, (_, i) => ({ x: [Math.sin(i), Math.cos(i)], y: [Math.sin(2 * i)] })),
);
type Batch = { x: Tensor; y: Tensor };
const ARGS: GivenArguments = { quiet: true, perDeviceTrainBatchSize: 3, numTrainEpochs: 2, seed: 11 };
function net() {
  manualSeed(2);
  return new nn.Sequential(new nn.Linear(2, 4), new nn.Tanh(), new nn.Linear(4, 1));
}
const make = (options: object = {}, args: object = {}, model = net()) =>
  new Trainer({ model, trainDataset: data, loss: nn.mseLoss, ...options, args: { ...ARGS, ...args } } as TrainerOptions<
    typeof data,
    Batch,
    typeof model
  >);
const weights = (m: nn.Module) => [...m.stateDict().values()].map((t) => [...t.data()]);

describe("evaluate", () => {
  test("measures held-out data or another data set, and leaves all as it was", async () => {
    const held = new ArrayDataset(Array.from({ length: 5 }, (_, i) => data.get(i)));
    const one = make({ evalDataset: held }, { perDeviceEvalBatchSize: 2 });
    const before = getRngState();
    one.model.train();
    const { loss } = await one.evaluate();
    expect(one.model.training).toBe(true);
    expect(getRngState()).toEqual(before);
    const whole = nn.mseLoss(
      one.model.forward(tensor(Array.from({ length: 5 }, (_, i) => data.get(i).x))) as Tensor,
      tensor(Array.from({ length: 5 }, (_, i) => data.get(i).y)),
    );
    expect(loss).toBeCloseTo(whole.item(), 6);
    const other = await one.evaluate(data);
    expect(other.loss).not.toBeCloseTo(loss, 3);
    const { metrics } = await one.train();
    expect(await one.evaluate()).toEqual(metrics);
    expect(one.model.training).toBe(false);
  });

  test("with a function of one's own, inside a hook, and where there is nothing", async () => {
    expect(await make({ evaluate: () => ({ size: 3 }) }).evaluate()).toEqual({ size: 3 });
    await expect(make().evaluate()).rejects.toThrow(/no held-out data/);
    for (const wrong of [3, null, {}, { length: -1, get: () => 1 }])
      await expect(make().evaluate(wrong as never)).rejects.toThrow(OptionError);
    await expect(make().evaluate(new ArrayDataset([]))).rejects.toThrow(ShoshinError);
    const straight = make();
    await straight.train();
    const inside: number[] = [];
    const callbacks: TrainerCallbacks[] = [
      {
        onStepEnd: async () =>
          void inside.push((await one.evaluate(data)).loss, (await one.predict(data)).metrics.loss),
      },
    ];
    const one: ReturnType<typeof make> = make({ callbacks });
    await one.train();
    expect(inside).toHaveLength(16);
    expect(inside[1]).toBe(inside[0]);
    expect(weights(one.model)).toEqual(weights(straight.model));
  });
});

describe("predict", () => {
  test("gives outputs, targets and metrics, in the order of the data", async () => {
    const one = make({}, { perDeviceEvalBatchSize: 4 });
    const { predictions, labelIds, metrics } = await one.predict(data);
    const x = tensor(Array.from({ length: 10 }, (_, i) => data.get(i).x));
    const want = [...(one.model.forward(x) as Tensor).data()];
    expect(predictions.shape).toEqual([10, 1]);
    for (const [i, value] of want.entries()) expect(predictions.data()[i]).toBeCloseTo(value, 6);
    expect(labelIds?.shape).toEqual([10, 1]);
    expect(labelIds?.data()[3]).toBeCloseTo(Math.sin(6), 6);
    expect(metrics).toEqual(await one.evaluate(data));
  });

  test("of data without labels", async () => {
    const one = make();
    const bare = new ArrayDataset(Array.from({ length: 10 }, (_, i) => ({ x: data.get(i).x })));
    const { predictions, labelIds, metrics } = await one.predict(bare as AnyDataset);
    expect([...predictions.data()]).toEqual([...(await one.predict(data)).predictions.data()]);
    expect([labelIds, metrics]).toEqual([undefined, {}]);
    const rows = new ArrayDataset(Array.from({ length: 10 }, (_, i) => tensor(data.get(i).x)));
    const stacked = make({ collate: (list: { x: number[] }[]) => tensor(list.map(({ x }) => x)) });
    expect((await stacked.predict(bare as AnyDataset)).predictions.shape).toEqual([10, 1]);
    expect(rows.length).toBe(10);
  });

  test("of classes, with computeMetrics, and of a loss of one's own", async () => {
    const rows = new ArrayDataset(Array.from({ length: 9 }, (_, i) => ({ x: [Math.sin(i), Math.cos(i)], y: i % 3 })));
    const model = new nn.Linear(2, 3);
    const collate = (list: { x: number[]; y: number }[]) => ({
      x: tensor(list.map(({ x }) => x)),
      y: tensor(Int32Array.from(list, ({ y }) => y)),
    });
    const loss = (logits: Tensor, y: Tensor) => nn.crossEntropy(logits, y);
    const given = { model, trainDataset: rows, collate, loss, evalDataset: rows };
    const computeMetrics = (out: ArrayLike<number>, y: ArrayLike<number>) => ({ size: out.length * y.length });
    const one = new Trainer({ ...given, computeMetrics, args: ARGS });
    const { predictions, labelIds, metrics } = await one.predict(rows);
    expect([predictions.shape, labelIds?.shape, labelIds?.dtype]).toEqual([[9, 3], [9], "int32"]);
    expect(Object.keys(metrics)).toEqual(["loss", "accuracy", "size"]);
    expect(metrics.size).toBe(243);
    const own = (gives: (loss: Tensor, logits: Tensor) => Tensor | { loss: Tensor; logits: Tensor }) =>
      new Trainer({
        ...{ model, trainDataset: rows, collate, args: ARGS },
        computeLoss: ({ x, y }) => {
          const logits = model.forward(x);
          return gives(nn.crossEntropy(logits, y), logits);
        },
      }).predict(rows);
    expect((await own((loss, logits) => ({ loss, logits }))).predictions.shape).toEqual([9, 3]);
    await expect(own((loss) => loss)).rejects.toThrow(/predict needs the model's outputs/);
  });

  test("of sentences of unlike lengths: filled up with −100, as Transformers' Trainer.predict does", async () => {
    const config = bertConfig.make({
      ...{ vocabSize: 20, hiddenSize: 8, numHiddenLayers: 1, numAttentionHeads: 2, intermediateSize: 16 },
      ...{ maxPositionEmbeddings: 16, numLabels: 3, hiddenDropoutProb: 0, attentionProbsDropoutProb: 0 },
    });
    const model = new BertForTokenClassification(config);
    const rows = [
      [1, 2],
      [3, 4],
      [5, 6, 7, 8],
      [9, 10, 11, 12],
    ].map((ids) => ({
      inputIds: ids,
      labels: ids.map((id) => (id % 4 === 0 ? -100 : id % 3)),
    }));
    const ids = (lists: number[][]) => tensor(Int32Array.from(lists.flat()), [lists.length, lists[0].length]);
    const collate = (list: { inputIds: number[]; labels?: number[] }[]) => {
      const inputIds = ids(list.map((row) => row.inputIds));
      return list[0].labels === undefined
        ? { inputIds }
        : { inputIds, labels: ids(list.map((row) => row.labels ?? [])) };
    };
    const one = new Trainer({
      ...{ model, trainDataset: new ArrayDataset(rows), collate },
      args: { ...ARGS, perDeviceEvalBatchSize: 2 },
    });
    const { predictions, labelIds } = await one.predict(new ArrayDataset(rows));
    expect([predictions.shape, labelIds?.shape]).toEqual([
      [4, 4, 3],
      [4, 4],
    ]);
    expect([...(labelIds?.data() ?? [])].slice(0, 8)).toEqual([1, 2, -100, -100, 0, -100, -100, -100]);
    expect([...predictions.data().slice(6, 12)]).toEqual(Array(6).fill(-100));
    const bare = rows.map(({ inputIds }) => ({ inputIds }));
    const alone = await one.predict(new ArrayDataset(bare) as AnyDataset);
    expect([...alone.predictions.data()]).toEqual([...predictions.data()]);
    expect(alone.labelIds).toBeUndefined();
  });
});

describe("saveModel", () => {
  test("a module of one's own: model.safetensors, into any folder or that of the run", async () => {
    const path = folder();
    const one = make({}, { outputDir: path });
    await one.train();
    const elsewhere = join(folder(), "inside");
    one.saveModel(elsewhere);
    expect(readdirSync(elsewhere)).toEqual(["model.safetensors"]);
    const other = net();
    other.parameters()[0].detach().fill_(0);
    loadWeights(other, elsewhere);
    expect(weights(other)).toEqual(weights(one.model));
    one.saveModel();
    expect(readFileSync(join(path, "model.safetensors"))).toEqual(readFileSync(join(elsewhere, "model.safetensors")));
    // The run knows the file as its own.
    expect(JSON.parse(readFileSync(join(path, "run.json"), "utf8")).files).toHaveProperty(["model.safetensors"]);
    await make({}, { outputDir: path, overwriteOutputDir: true }).train();
    expect(() => make().saveModel()).toThrow(OptionError);
  });

  test("a pretrained model: the folder that Hugging Face's libraries open", async () => {
    const config = bertConfig.make({
      ...{ vocabSize: 12, hiddenSize: 8, numHiddenLayers: 1, numAttentionHeads: 2, intermediateSize: 8, numLabels: 2 },
    });
    const model = new BertForSequenceClassification(config);
    const rows = new ArrayDataset([{ inputIds: [1, 2, 3], labels: 1 }]);
    const path = folder();
    new Trainer({ model, trainDataset: rows, args: ARGS }).saveModel(path);
    expect(readdirSync(path).sort()).toEqual(["config.json", "model.safetensors"]);
    const opened = await AutoModelForSequenceClassification.fromPretrained(path);
    expect(weights(opened)).toEqual(weights(model));
  });

  test("nothing of the user's is written over, and not into a folder that is being trained in", async () => {
    const path = folder();
    const tries: unknown[] = [];
    const callbacks: TrainerCallbacks[] = [
      {
        onStepEnd() {
          try {
            one.saveModel();
          } catch (error) {
            tries.push(error);
          }
        },
      },
    ];
    const one: ReturnType<typeof make> = make({ callbacks }, { outputDir: path, maxSteps: 1 });
    await one.train();
    expect(tries).toEqual([expect.any(ShoshinError)]);
    writeFileSync(join(path, "model.safetensors"), "mine");
    expect(() => one.saveModel()).toThrow(/in the way/);
    expect(readFileSync(join(path, "model.safetensors"), "utf8")).toBe("mine");
  });
});

describe("optimizers", () => {
  test("an optimizer of one's own learns as the one that args name", async () => {
    const args = { learningRate: 0.02, weightDecay: 0.1, adamBeta2: 0.9, maxGradNorm: 0.5, warmupSteps: 2 };
    const named = make({}, args);
    await named.train();
    const model = net();
    const [w, b] = [model.parameters().filter((p) => p.ndim >= 2), model.parameters().filter((p) => p.ndim < 2)];
    const groups = [{ params: w }, { params: b, weightDecay: 0 }];
    const optimizer = new AdamW(groups, { lr: 0.02, weightDecay: 0.1, betas: [0.9, 0.9] });
    const own = make({ optimizers: [optimizer] }, { maxGradNorm: 0.5, warmupSteps: 2 }, model);
    expect(own.optimizer).toBe(optimizer);
    await own.train();
    expect(weights(own.model)).toEqual(weights(named.model));
  });

  test("groups with rates of their own, and parameters that none has", async () => {
    const model = net();
    const [first, second] = [model.at(0) as nn.Linear, model.at(2) as nn.Linear];
    const optimizer = new SGD(
      [
        { params: [first.weight], lr: 0.1 },
        { params: [second.weight], lr: 0 },
      ],
      { lr: 1 },
    );
    const before = weights(model);
    const rates: number[][] = [];
    const callbacks: TrainerCallbacks[] = [
      { onStepEnd: (_, control) => void rates.push(control.optimizer?.paramGroups.map((g) => g.lr) ?? []) },
    ];
    const norms: number[] = [];
    callbacks.push({ onPreOptimizerStep: ({ gradNorm }) => void norms.push(gradNorm) });
    await make({ optimizers: [optimizer], callbacks }, { maxSteps: 4 }, model).train();
    const after = weights(model);
    expect(after[0]).not.toEqual(before[0]);
    expect(after.slice(1)).toEqual(before.slice(1));
    // The schedule of args, on every group.
    expect(rates.map(([rate]) => rate)).toEqual([0.075, 0.05, 0.025, 0].map((r) => expect.closeTo(r, 9)));
    // Gradients that no group has do not pile up.
    expect(Math.max(...norms)).toBeLessThan(4 * norms[0]);
  });

  test("a schedule of one's own, over a second training and a resume", async () => {
    const build = (args: object, ...callbacks: TrainerCallbacks[]) => {
      const model = net();
      const optimizer = new SGD(model.parameters(), { lr: 0.2 });
      const rates: number[] = [];
      const notes: TrainerCallbacks = { onStepEnd: ({ learningRate }) => void rates.push(learningRate) };
      const schedule = new LRScheduler(optimizer, (step) => 0.5 ** step);
      const one = make({ optimizers: [optimizer, schedule], callbacks: [notes, ...callbacks] }, args, model);
      return { one, rates };
    };
    const want = [0.2, 0.1, 0.05, 0.025, 0.0125, 0.00625, 0.003125, 0.0015625];
    const straight = build({});
    await straight.one.train();
    expect(straight.rates).toEqual(want.map((r) => expect.closeTo(r, 12)));
    const trained = weights(straight.one.model);
    await straight.one.train();
    expect(straight.rates.slice(8)).toEqual(straight.rates.slice(0, 8));
    const path = folder();
    const dies: TrainerCallbacks = {
      onStepEnd: ({ step }) => {
        if (step === 5) throw new Error("the power failed");
      },
    };
    await expect(build({ outputDir: path, saveSteps: 2 }, dies).one.train()).rejects.toThrow("the power failed");
    const again = build({ outputDir: path, saveSteps: 2, resume: true });
    await again.one.train();
    expect(again.rates).toEqual(straight.rates.slice(4, 8));
    expect(weights(again.one.model)).toEqual(trained);
  });

  test("a plateau hears of every evaluation, and goes on where it was", async () => {
    const list = [1, 2, 3, 0.5, 4, 5];
    const run = async (args: object, from = 0, ...callbacks: TrainerCallbacks[]) => {
      const model = net();
      const optimizer = new SGD(model.parameters(), { lr: 0.1 });
      const plateau = new ReduceLROnPlateau(optimizer, { patience: 1, factor: 0.5 });
      const rates: number[] = [];
      let i = from;
      const evaluate = () => ({ loss: list[i++] ?? 9 });
      const notes: TrainerCallbacks = { onStepEnd: ({ learningRate }) => void rates.push(learningRate) };
      const one = make(
        { optimizers: [optimizer, plateau], evaluate, callbacks: [notes, ...callbacks] },
        { perDeviceTrainBatchSize: 10, numTrainEpochs: 6, ...args },
        model,
      );
      await one.train();
      return { rates, weights: weights(one.model) };
    };
    const { rates, weights: want } = await run({});
    expect(rates).toEqual([0.1, 0.1, 0.1, 0.05, 0.05, 0.05]);
    const path = folder();
    const dies: TrainerCallbacks = {
      onStepBegin: ({ step }) => {
        if (step === 2) throw new Error("the power failed");
      },
    };
    await expect(run({ outputDir: path }, 0, dies)).rejects.toThrow("the power failed");
    const again = await run({ outputDir: path, resume: true }, 2);
    expect(again.rates).toEqual([0.1, 0.05, 0.05, 0.05]);
    expect(again.weights).toEqual(want);
    await expect(run({ metricForBestModel: "f1" })).rejects.toThrow(/has no f1/);
  });

  test("what are none, and arguments that they do not hear, are refused", () => {
    const model = net();
    const optimizer = new SGD(model.parameters(), { lr: 0.1 });
    const schedule = getScheduler("cosine", optimizer, { numTrainingSteps: 8 });
    const wrong = (optimizers: unknown, args = {}) =>
      expect(() => make({ optimizers }, args, model)).toThrow(OptionError);
    for (const optimizers of [optimizer, [3], [optimizer, 3], [undefined, schedule], [optimizer, schedule, 1], "sgd"])
      wrong(optimizers);
    for (const args of [{ learningRate: 1 }, { optim: "sgd" }, { layerwiseLrDecay: 0.9 }]) wrong([optimizer], args);
    for (const args of [{ lrSchedulerType: "cosine" }, { warmupRatio: 0.1 }]) wrong([optimizer, schedule], args);
    make({ optimizers: [optimizer] }, { lrSchedulerType: "cosine", warmupSteps: 1 }, model);
    make({ optimizers: [null, null] }, { learningRate: 1 }, model);
  });
});

describe("computeLoss", () => {
  const args = { ...ARGS, learningRate: 0.1, perDeviceTrainBatchSize: 2, gradientAccumulationSteps: 2 };
  const learned = async (
    build: (model: ReturnType<typeof net>) => Trainer<typeof data, Batch, ReturnType<typeof net>>,
  ) => {
    const model = net();
    await build(model).train();
    return weights(model).flat();
  };
  const sum = (model: ReturnType<typeof net>, { x, y }: Batch, { numItemsInBatch }: LossInfo) =>
    nn.mseLoss(model.forward(x) as Tensor, y, { reduction: "sum" }).div(numItemsInBatch);

  test("of model, batch and what counts, as Transformers has it, beside that of a batch alone", async () => {
    const want = await learned((model) => new Trainer({ model, trainDataset: data, loss: nn.mseLoss, args }));
    const ways = [
      await learned((model) => new Trainer({ model, trainDataset: data, computeLoss: sum, args })),
      await learned(
        (model) =>
          new Trainer({ model, trainDataset: data, computeLoss: (batch, info) => sum(model, batch, info), args }),
      ),
      // Its third parameter is not read: a mean.
      await learned(
        (model) =>
          new Trainer({
            ...{ model, trainDataset: data, args },
            computeLoss: (m: typeof model, { x, y }: Batch, _: LossInfo) => nn.mseLoss(m.forward(x) as Tensor, y),
          }),
      ),
    ];
    for (const got of ways) for (const [i, value] of want.entries()) expect(got[i]).toBeCloseTo(value, 6);
  });

  test("in a subclass, with the one above it", async () => {
    class Doubled extends Trainer<typeof data, Batch, ReturnType<typeof net>> {
      override computeLoss(model: ReturnType<typeof net>, batch: Batch, info: LossInfo) {
        const { loss, logits } = super.computeLoss(model, batch, info) as { loss: Tensor; logits: Tensor };
        return { loss: loss.mul(2), logits };
      }
    }
    class Own extends Trainer<typeof data, Batch, ReturnType<typeof net>> {
      override computeLoss(model: ReturnType<typeof net>, batch: Batch, info: LossInfo) {
        return sum(model, batch, info).mul(2);
      }
    }
    const twice = (output: Tensor, y: Tensor) => nn.mseLoss(output, y).mul(2);
    const want = await learned((model) => new Trainer({ model, trainDataset: data, loss: twice, args }));
    const got = [
      await learned((model) => new Doubled({ model, trainDataset: data, loss: nn.mseLoss, args })),
      await learned((model) => new Own({ model, trainDataset: data, args })),
    ];
    for (const list of got) for (const [i, value] of want.entries()) expect(list[i]).toBeCloseTo(value, 6);
    expect(() => new Trainer({ model: net(), trainDataset: data, args })).toThrow(/no loss/);
  });

  test("two parameters that look like the other form are refused, with what to do", () => {
    const build = (computeLoss: unknown) => () => make({ loss: undefined, computeLoss });
    for (const wrong of [
      (model: nn.Module, batch: Batch) => nn.mseLoss(model.forward(batch.x) as Tensor, batch.y),
      (model: nn.Module, _batch: Batch, _info: object = {}) => model,
      {
        computeLoss(model: nn.Module) {
          return model;
        },
      }.computeLoss,
    ])
      expect(build(wrong)).toThrow(/is given \(batch, { numItemsInBatch }\)/);
    build(({ x }: Batch) => x)();
    build((batch: Batch, model: object) => [batch, model])();
  });
});

describe("resumeFromCheckpoint", () => {
  const dies: TrainerCallbacks = {
    onStepEnd: ({ step }) => {
      if (step === 7) throw new Error("the power failed");
    },
  };
  const args = { saveSteps: 2, learningRate: 0.05 };
  const begun = async () => {
    const path = folder();
    await expect(make({ callbacks: [dies] }, { outputDir: path, ...args }).train()).rejects.toThrow("the power failed");
    return path;
  };

  test("true, among the arguments or of the call; and a certain checkpoint, here or from elsewhere", async () => {
    const straight = make({}, args);
    await straight.train();
    const want = weights(straight.model);
    const steps: number[] = [];
    const callbacks: TrainerCallbacks[] = [
      { onTrainBegin: ({ step, resumed }) => void steps.push(resumed ? step : -1) },
    ];
    const goesOn = async (given: object, call?: object) => {
      const one = make({ callbacks }, { ...args, ...given });
      await one.train(call);
      expect(weights(one.model)).toEqual(want);
    };
    await goesOn({ outputDir: await begun(), resumeFromCheckpoint: true });
    await goesOn({ outputDir: await begun() }, { resumeFromCheckpoint: true });
    const path = await begun();
    await goesOn({ outputDir: path }, { resumeFromCheckpoint: join(path, "checkpoint-4") });
    // Finished by now: a checkpoint that is named is gone on from all the same.
    await goesOn({ outputDir: path, resumeFromCheckpoint: `${join(path, "checkpoint-2")}/` });
    const other = folder();
    await goesOn({ outputDir: other }, { resumeFromCheckpoint: join(path, "checkpoint-6") });
    expect(existsSync(join(other, "checkpoint-8"))).toBe(true);
    await goesOn({}, { resumeFromCheckpoint: join(path, "checkpoint-2") });
    expect(steps).toEqual([6, 6, 4, 2, 6, 2]);
    await goesOn({ resumeFromCheckpoint: null }, { resumeFromCheckpoint: undefined });
  });

  test("what is no checkpoint, or of another run, is refused", async () => {
    const path = await begun();
    const from = (resumeFromCheckpoint: unknown, given = {}) =>
      make({}, { ...args, ...given }).train({ resumeFromCheckpoint } as never);
    await expect(from(join(path, "checkpoint-3"))).rejects.toThrow(/cannot be used/);
    await expect(from(join(path, "checkpoint-4"), { learningRate: 0.5 })).rejects.toThrow(/learningRate/);
    for (const wrong of [3, "", {}]) await expect(from(wrong)).rejects.toThrow(OptionError);
    await expect(from(true)).rejects.toThrow(/nothing to go on with/);
    expect(() => make({}, { resumeFromCheckpoint: 3 })).toThrow(OptionError);
    await expect(make().train({ resume: true } as never)).rejects.toThrow(OptionError);
    const other = make({}, args, new nn.Sequential(new nn.Linear(2, 3), new nn.Linear(3, 1)) as never);
    await expect(other.train({ resumeFromCheckpoint: join(path, "checkpoint-4") })).rejects.toThrow(/another model/);
  });
});
