import { join } from "#platform";
import { ArrayDataset, DataError, TabularEncoder } from "../../data/index.ts";
import { Mlp } from "../../models/index.ts";
import { type Module, Perceptron } from "../../nn/index.ts";
import { tensor } from "../../tensor/create.ts";
import type { GivenArguments } from "../../train/index.ts";
import { labelsOf, type ModelConfig, readConfig, readJson, withWeights } from "../folder.ts";
import { type Found, type Lessons, type Reader, readToPredict } from "../reading.ts";
import type { TaskOptions } from "../settings.ts";
import { collectLabels } from "../shared/classes.ts";
import { recipeOf, ruleArgs, trainingArgs } from "../shared/recipes.ts";
import type { Course, CourseLessons, ModelOptions, Opened, Plan } from "../task.ts";
import type { Row, TableAbout } from "./data.ts";
import { OF_CLASSES } from "./options.ts";
import { checkRule, PerceptronRule, Sides } from "./perceptron.ts";
import { type Batch, Classes, type Encoded, Numbers, type Target } from "./targets.ts";

export type TableKind = "classes" | "numbers";

/** What config.json says of a preset's shape. */
const shapeOf = (preset: string, options: TaskOptions): Record<string, unknown> =>
  preset === "mlp"
    ? {
        hidden_size: options.hiddenSize ?? OF_CLASSES.mlp.defaults.hiddenSize,
        num_hidden_layers: options.layers ?? OF_CLASSES.mlp.defaults.layers,
        dropout: options.dropout ?? OF_CLASSES.mlp.defaults.dropout,
      }
    : {};

/** Both kinds of tables have the same recipes. */
const recipeFor = (preset: string): Args => recipeOf(OF_CLASSES[preset as keyof typeof OF_CLASSES].defaults);
type Args = GivenArguments & { numTrainEpochs: number };

const buildModel = (config: ModelConfig, { outputs }: Target): Module =>
  config.model_type === "perceptron"
    ? new Perceptron(Number(config.input_size))
    : new Mlp({
        inputSize: Number(config.input_size),
        outputSize: outputs,
        hiddenSize: Number(config.hidden_size ?? 0),
        numHiddenLayers: Number(config.num_hidden_layers ?? 0),
        dropout: Number(config.dropout ?? 0),
      });

function encodeAll(encoder: TabularEncoder, target: Target, { examples, about }: Found<Row, TableAbout>): Encoded[] {
  const width = encoder.features;
  const vectors = encoder.transform(
    about.names,
    examples.map((row) => row.cells),
    about.path,
  );
  const values = target.encode(examples, about.path);
  return examples.map((_, i) => ({ x: vectors.subarray(i * width, (i + 1) * width), y: values[i] }));
}

const classesOf = (preset: string, names: readonly string[]) =>
  preset === "perceptron" ? new Sides(names) : new Classes(names);

/** Throws DataError for values that are no numbers, or no classes. */
function targetOf(kind: TableKind, options: ModelOptions, { train, files }: Lessons<Row, TableAbout>): Target {
  if (kind === "numbers") return Numbers.of(train.examples);
  const { names: columns, at, path } = train.about;
  const names = collectLabels(
    train.examples.map((row) => row.target),
    path,
  );
  // Of classes that come once nothing could be held out. Of a few rows nobody expects it.
  const cut = files.validation === undefined && options.validation !== "none" && names.length > 9;
  if (cut && names.length === train.examples.length)
    throw new DataError(
      `${path}: every row has a ${columns[at]} of its own, a number: there are no classes`,
      "For numbers: tabular-regression. Is the right column named? (--label-column)",
    );
  return classesOf(options.model, names);
}

/** A model that is made here, for the columns of the training part. */
export async function planTable(kind: TableKind, options: ModelOptions, data: Lessons<Row, TableAbout>): Promise<Plan> {
  const { train, validation, files } = data;
  const { names, at, path } = train.about;
  const preset = options.model;
  const rows = train.examples.length + (files.validation === undefined ? validation.examples.length : 0);
  if (rows < 2) throw new DataError(`${path}: ${rows} ${rows === 1 ? "row" : "rows"} with a value of ${names[at]}`);
  const encoder = TabularEncoder.fit(
    names,
    train.examples.map((row) => row.cells),
    [at],
  );
  const target = targetOf(kind, options, data);
  const [trainSet, heldSet] = [encodeAll(encoder, target, train), encodeAll(encoder, target, validation)];
  options.say?.(
    `target: ${names[at]}; ${encoder.columns.length} columns, ${encoder.features} features; ${trainSet.length} rows to train on, ${heldSet.length} to validate`,
  );
  const config: ModelConfig = {
    model_type: preset,
    architectures: [preset === "perceptron" ? "Perceptron" : "Mlp"],
    input_size: encoder.features,
    target_column: names[at],
    ...shapeOf(preset, options),
    ...target.config,
  };
  const args = (preset === "perceptron" ? ruleArgs : trainingArgs)(options, recipeFor(preset), target.metric);
  const begin = (): Course => {
    const model = buildModel(config, target);
    const evaluate = heldSet.length > 0 ? () => target.score(model, heldSet) : undefined;
    const made = { model, config, identity: config, files: { "tabular_encoder.json": encoder.toJSON() } };
    if (model instanceof Perceptron) {
      checkRule(options);
      return { ...made, learner: { rule: new PerceptronRule(model), data: trainSet, evaluate } };
    }
    const lessons: CourseLessons<ArrayDataset<Encoded>, Batch> = {
      trainDataset: new ArrayDataset(trainSet),
      collate: target.collate,
      ...target.lessons(options, trainSet, model),
      evaluate,
    };
    return { ...made, lessons };
  };
  return { args, begin };
}

/** Opens a model that was made here. */
export function openTable(kind: TableKind, reader: Reader<Row, TableAbout>, folder: string): Opened<Row, TableAbout> {
  const config = readConfig(folder);
  const encoder = TabularEncoder.fromJSON(readJson(join(folder, "tabular_encoder.json")));
  const target = kind === "numbers" ? Numbers.from(config) : classesOf(config.model_type, labelsOf(config, folder));
  const model = withWeights(buildModel(config, target), folder);
  const columns = encoder.columns.map((column) => column.name);
  const about = { names: [...columns, String(config.target_column)], at: columns.length, path: folder };
  const outputs = (names: readonly string[], rows: readonly string[][], path: string): unknown[] => {
    const x = tensor(encoder.transform(names, rows, path), [rows.length, encoder.features]);
    const results = target.predict(model, x);
    x.dispose();
    return results;
  };
  return {
    model,
    about,
    evaluate: async (found) => ({ metrics: await target.score(model, encodeAll(encoder, target, found)) }),
    async predict(inputs) {
      const rows = inputs.map((line) => line.split(","));
      const wrong = rows.find((row) => row.length !== columns.length);
      if (wrong === undefined) return outputs(columns, rows, "the input");
      throw new DataError(
        `expected ${columns.length} values separated by commas (${columns.join(", ")}), found ${wrong.length}`,
      );
    },
    async predictFile(path) {
      const { examples, about: own } = await readToPredict(reader, path, about);
      return outputs(
        own.names,
        examples.map((row) => row.cells),
        own.path,
      );
    },
  };
}
