import { join } from "#platform";
import { pushAll } from "../backend/arrays.ts";
import type { TypedArray } from "../backend/backend.ts";
import { splitHeader } from "../data/columns.ts";
import {
  ArrayDataset,
  collateRows,
  DataError,
  DataLoader,
  fetchSource,
  isMissing,
  type Part,
  parseRange,
  readRecords,
  stratifiedSplit,
  TabularEncoder,
  targetColumn,
} from "../data/index.ts";
import type { HubOptions } from "../hub/index.ts";
import { Mlp } from "../models/index.ts";
import { labelMaps } from "../models/pretrained/config.ts";
import { crossEntropy, type Module, mseLoss, Perceptron } from "../nn/index.ts";
import { tensor } from "../tensor/create.ts";
import { noGrad } from "../tensor/no-grad.ts";
import { manualSeed } from "../tensor/random.ts";
import type { Tensor } from "../tensor/tensor.ts";
import {
  accuracy,
  DEFAULTS,
  f1Score,
  type Metrics,
  mae,
  RunFolder,
  r2Score,
  rmse,
  Trainer,
  type TrainResult,
} from "../train/index.ts";
import { downloads } from "./downloads.ts";
import { TaskError } from "./error.ts";
import { labelsOf, type ModelConfig, readJson, withWeights } from "./folder.ts";
import { checkPredict, checkPredictFile } from "./predict-options.ts";
import { saveModel } from "./save.ts";
import type { TaskOptions, TaskReport } from "./settings.ts";
import {
  bestLabel,
  ClassificationScorer,
  collectLabels,
  labelIds,
  parseClassWeights,
  refuseClassOptions,
  weightOf,
} from "./shared/classes.ts";
import { smoothingOf, trainingArgs } from "./shared/recipes.ts";
import type { Predictor, Task } from "./task.ts";

interface Rows {
  names: string[];
  rows: string[][];
  path: string;
}
interface Encoded {
  x: Float32Array;
  y: number;
}
const collateAs = (dtype: "float32" | "int32") => (examples: readonly Encoded[]) => ({
  x: collateRows(examples.map((e) => e.x)),
  y: tensor(
    examples.map((e) => e.y),
    { dtype },
  ),
});
/** What `forward` gives, as numbers; its memory is freed. */
function valuesOf(forward: () => Tensor): TypedArray {
  const out = noGrad(forward);
  const values = out.data();
  out.dispose();
  return values;
}

/** Rows with column names; a file without header gets names by position. */
async function readTable(path: string, wanted: string | undefined): Promise<Rows> {
  const records = await readRecords(path);
  const { names, rows } = splitHeader(records, wanted === undefined ? [] : [wanted]);
  if (names !== undefined) return { names, rows, path };
  const numeric = rows[0].some((cell) => cell.trim() !== "" && Number.isFinite(Number(cell)));
  if (!numeric && rows.length > 1) return { names: rows[0].map((s) => s.trim()), rows: rows.slice(1), path };
  return { names: rows[0].map((_, c) => String(c)), rows, path };
}

async function readPart(
  data: string,
  wanted: string | undefined,
  order: readonly Part[],
  hub: HubOptions,
): Promise<Rows> {
  const source = await fetchSource(data, "rows", hub);
  const files = order.map((part) => source.parts[part]).find((list) => list !== undefined) ?? [];
  const tables = await Promise.all(files.map((path) => readTable(path, wanted)));
  if (tables.length === 0) throw new DataError(`${data}: no table`);
  return { ...tables[0], rows: tables.flatMap((t) => t.rows) };
}

function cut(vectors: Float32Array, width: number, row: number): Float32Array {
  return vectors.subarray(row * width, (row + 1) * width);
}

function tabularTask(name: "tabular-classification" | "tabular-regression"): Task {
  const regression = name === "tabular-regression";
  const collate = collateAs(regression ? "float32" : "int32");
  const presets = regression ? ["mlp", "linear"] : ["mlp", "linear", "perceptron"];

  const buildModel = (config: ModelConfig): Module => {
    if (config.model_type === "perceptron") return new Perceptron(Number(config.input_size));
    return new Mlp({
      inputSize: Number(config.input_size),
      outputSize: regression ? 1 : Object.keys(config.id2label ?? {}).length,
      hiddenSize: Number(config.hidden_size ?? 0),
      numHiddenLayers: Number(config.num_hidden_layers ?? 0),
      dropout: Number(config.dropout ?? 0),
    });
  };

  /** Predicted numbers (regression, in the target's own unit) or class ids. */
  async function scoreOf(model: Module, data: readonly Encoded[], config: ModelConfig): Promise<Metrics> {
    if (model instanceof Perceptron) {
      const { x, y } = collateAs("float32")(data);
      const p = valuesOf(() => model.forward(x));
      const t = y.data();
      x.dispose();
      y.dispose();
      return { loss: 1 - accuracy(p, t), accuracy: accuracy(p, t), f1: f1Score(p, t, 2, "binary").f1 };
    }
    const loader = new DataLoader(new ArrayDataset(data), { batchSize: 1024, collate });
    if (!regression) {
      const scorer = new ClassificationScorer(Object.keys(config.id2label ?? {}).length);
      for await (const { x, y } of loader) scorer.add(() => model.forward(x), y);
      return scorer.metrics();
    }
    const predicted: number[] = [];
    for await (const { x } of loader)
      pushAll(
        predicted,
        valuesOf(() => model.forward(x)),
      );
    const [mean, std] = [Number(config.target_mean), Number(config.target_std)];
    const own = (v: number) => v * std + mean;
    const [p, t] = [predicted.map(own), data.map((e) => own(e.y))];
    return {
      loss:
        rmse(
          predicted,
          data.map((e) => e.y),
        ) ** 2,
      rmse: rmse(p, t),
      mae: mae(p, t),
      r2: r2Score(p, t),
    };
  }

  async function train(options: TaskOptions): Promise<TaskReport> {
    const preset = options.model ?? "mlp";
    if (!presets.includes(preset))
      throw new TaskError(`${name} has no preset ${preset}`, `There are: ${presets.join(", ")}.`);
    if (regression) refuseClassOptions(name, options);
    const seed = options.args?.seed ?? DEFAULTS.seed;
    const hub = downloads(options);
    const table = await readPart(options.data, options.labelColumn, ["train", "validation", "test"], hub);
    const target = targetColumn(table.names, table.rows, options.labelColumn, regression, table.path);
    const [from, to] = parseRange(options.range);
    const rows = table.rows.slice(from, to).filter((row) => !isMissing(row[target]));
    if (rows.length < 2)
      throw new DataError(`${table.path}: ${rows.length} rows with a value of ${table.names[target]}`);
    let trainRows = rows;
    let heldRows: string[][] = [];
    const share = options.validation === undefined ? 0.1 : Number(options.validation);
    const source = await fetchSource(options.data, "rows", hub);
    if (options.validation !== "none") {
      if (options.validation === undefined && source.parts.validation && source.parts.train) {
        heldRows = (await readPart(options.data, options.labelColumn, ["validation"], hub)).rows;
      } else if (share > 0 && share < 1) {
        const split = stratifiedSplit(
          rows.length,
          share,
          seed,
          regression ? undefined : rows.map((row) => row[target]),
        );
        trainRows = split.train.map((i) => rows[i]);
        heldRows = split.held.map((i) => rows[i]);
      } else
        heldRows = (
          await readPart(options.validation as string, options.labelColumn, ["validation", "test", "train"], hub)
        ).rows;
    }
    const encoder = TabularEncoder.fit(table.names, trainRows, [target]);
    const width = encoder.features;
    const config: ModelConfig = {
      model_type: preset,
      architectures: [preset === "perceptron" ? "Perceptron" : "Mlp"],
      input_size: width,
      target_column: table.names[target],
    };
    if (preset === "mlp") {
      Object.assign(config, {
        hidden_size: options.hiddenSize ?? 128,
        num_hidden_layers: options.layers ?? 2,
        dropout: options.dropout ?? 0,
      });
    }
    let toY: (list: string[][]) => ArrayLike<number>;
    if (regression) {
      const numbers = (list: string[][]) =>
        list.map((row, i) => {
          const v = Number(row[target]);
          if (!Number.isFinite(v))
            throw new DataError(
              `${table.path}: row ${i + 1}: ${table.names[target]} is ${row[target]}, no number`,
              "For classes: tabular-classification.",
            );
          return v;
        });
      const values = numbers(trainRows);
      const mean = values.reduce((a, b) => a + b, 0) / values.length;
      const std = Math.sqrt(values.reduce((a, b) => a + (b - mean) ** 2, 0) / values.length) || 1;
      Object.assign(config, { target_mean: mean, target_std: std });
      toY = (list) => numbers(list).map((v) => (v - mean) / std);
    } else {
      const labels = collectLabels(
        trainRows.map((row) => row[target].trim()),
        table.path,
      );
      if (preset === "perceptron" && labels.length !== 2) {
        throw new TaskError(
          `a perceptron tells two classes apart; there are ${labels.length}`,
          "Use --model linear or mlp.",
        );
      }
      Object.assign(config, labelMaps(labels));
      toY = (list) =>
        labelIds(
          list.map((row) => row[target].trim()),
          labels,
          table.path,
        );
    }
    const encode = (list: string[][]): Encoded[] => {
      const vectors = encoder.transform(table.names, list, table.path);
      const ys = toY(list);
      return list.map((_, i) => ({ x: cut(vectors, width, i), y: ys[i] }));
    };
    const [trainSet, heldSet] = [encode(trainRows), encode(heldRows)];
    options.say?.(
      `target: ${table.names[target]}; ${encoder.columns.length} columns, ${width} features; ${trainSet.length} rows to train on, ${heldSet.length} to validate`,
    );
    manualSeed(seed);
    const model = buildModel(config);
    const args = trainingArgs(options, preset === "mlp" ? MLP : LINEAR, regression ? "loss" : "accuracy");
    const evaluate = heldSet.length > 0 ? () => scoreOf(model, heldSet, config) : undefined;
    let result: TrainResult;
    if (model instanceof Perceptron) {
      refuseClassOptions("the perceptron rule", options);
      const { resume, overwriteOutputDir: overwrite } = args;
      const fingerprint = JSON.stringify([config, options.data]);
      const folder = RunFolder.open(options.output, { resume, overwrite, fingerprint, model: true });
      folder.goOn(fingerprint, true);
      result = await learnPerceptron(model, trainSet, args.numTrainEpochs, evaluate);
      folder.finish(fingerprint, result);
    } else {
      const ids = regression ? undefined : Int32Array.from(trainSet, (e) => e.y);
      const weight = ids && parseClassWeights(options.classWeights, ids, Object.keys(config.id2label ?? {}).length);
      const weigh = weightOf(weight);
      const trainer = new Trainer({
        model,
        trainDataset: new ArrayDataset(trainSet),
        collate,
        computeLoss: ({ x, y }) => {
          const out = model.forward(x) as Tensor;
          if (regression) return mseLoss(out, y.reshape(out.shape));
          return crossEntropy(out, y, { weight, labelSmoothing: smoothingOf(options) });
        },
        countItems: weigh && (({ y }) => weigh(y)),
        evaluate,
        savesModel: true,
        callbacks: options.callbacks,
        args,
        fingerprint: JSON.stringify([config, options.data, smoothingOf(options), options.classWeights]),
      });
      result = await trainer.train();
    }
    const files = { "tabular_encoder.json": encoder.toJSON() };
    return saveModel(options.output, model, config, { task: name, preset, data: options.data, options, result, files });
  }

  async function load(folder: string): Promise<Predictor> {
    const config = readJson(join(folder, "config.json")) as ModelConfig;
    const encoder = TabularEncoder.fromJSON(readJson(join(folder, "tabular_encoder.json")));
    const names = regression ? [] : labelsOf(config, folder);
    const model = withWeights(buildModel(config), folder);
    const target = String(config.target_column);
    const outputs = (columns: string[], rows: string[][], path: string): unknown[] => {
      const x = tensor(encoder.transform(columns, rows, path), [rows.length, encoder.features]);
      const raw = noGrad(() => {
        const out = model.forward(x) as Tensor;
        return regression || model instanceof Perceptron ? out : out.softmax();
      });
      const data = raw.data();
      x.dispose();
      raw.dispose();
      return rows.map((_, i) => {
        if (regression) return { value: data[i] * Number(config.target_std) + Number(config.target_mean) };
        if (model instanceof Perceptron) return { label: names[data[i]], score: 1 };
        return bestLabel(data.subarray(i * names.length, (i + 1) * names.length), names);
      });
    };
    return {
      task: name,
      model,
      async predict(inputs, options) {
        checkPredict(name, options);
        const columns = encoder.columns.map((c) => c.name);
        const rows = inputs.map((line) => line.split(","));
        const wrong = rows.find((row) => row.length !== columns.length);
        if (wrong !== undefined) {
          throw new DataError(
            `expected ${columns.length} values separated by commas (${columns.join(", ")}), found ${wrong.length}`,
          );
        }
        return outputs(columns, rows, "the input");
      },
      async predictFile(path, options) {
        checkPredictFile(name, options);
        const table = await readPart(path, target, ["test", "validation", "train"], {});
        return outputs(table.names, table.rows, table.path);
      },
      async evaluate(options) {
        const begin = performance.now();
        const table = await readPart(
          options.data,
          options.labelColumn ?? target,
          ["test", "validation", "train"],
          downloads(options),
        );
        const at = table.names.indexOf(options.labelColumn ?? target);
        if (at < 0) throw new DataError(`${table.path}: no column ${target}`, `It has: ${table.names.join(", ")}.`);
        const [from, to] = parseRange(options.range);
        const rows = table.rows.slice(from, to).filter((row) => !isMissing(row[at]));
        if (rows.length === 0) throw new DataError(`${table.path}: no rows`);
        const vectors = encoder.transform(table.names, rows, table.path);
        const ys = regression
          ? rows.map((row) => (Number(row[at]) - Number(config.target_mean)) / Number(config.target_std))
          : labelIds(
              rows.map((row) => row[at].trim()),
              names,
              table.path,
            );
        const metrics = await scoreOf(
          model,
          rows.map((_, i) => ({ x: cut(vectors, encoder.features, i), y: ys[i] })),
          config,
        );
        return { task: name, examples: rows.length, seconds: (performance.now() - begin) / 1000, metrics };
      },
    };
  }

  return { name, presets, defaultPreset: "mlp", train, load };
}

const MLP = { numTrainEpochs: 40, learningRate: 3e-3, weightDecay: 0.01, perDeviceTrainBatchSize: 128 };
const LINEAR = { numTrainEpochs: 40, learningRate: 1e-2, perDeviceTrainBatchSize: 128 };

/** The perceptron rule, pass after pass, until nothing is wrong any more. */
async function learnPerceptron(
  model: Perceptron,
  data: readonly Encoded[],
  passes: number,
  evaluate?: () => Promise<Metrics>,
): Promise<TrainResult> {
  const begin = performance.now();
  const { x, y } = collateAs("float32")(data);
  let epochs = 0;
  let mistakes = data.length;
  while (epochs < passes && mistakes > 0) {
    mistakes = model.learn(x, y);
    epochs++;
  }
  x.dispose();
  y.dispose();
  const seconds = (performance.now() - begin) / 1000;
  return {
    steps: epochs * data.length,
    epochs,
    seconds,
    examplesPerSecond: (epochs * data.length) / seconds,
    loss: mistakes / data.length,
    metrics: await evaluate?.(),
    alreadyFinished: false,
  };
}

export const tabularClassification: Task = tabularTask("tabular-classification");
export const tabularRegression: Task = tabularTask("tabular-regression");
