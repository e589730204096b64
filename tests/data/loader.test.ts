import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, expectTypeOf, it } from "vitest";
import {
  ArrayDataset,
  DataError,
  DataLoader,
  defaultCollate,
  readCsv,
  readJsonl,
  readTsv,
  streamRecords,
  Table,
  TensorDataset,
  WorkerDataset,
} from "../../src/data/index.ts";
import { arange, backend, manualSeed, memory, noGrad, type Tensor, tensor } from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";
import { AdamW } from "../../src/optim/index.ts";
import { Trainer } from "../../src/train/index.ts";
import { filesIn, temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();
const file = filesIn(folder);

describe("DataLoader", () => {
  it("visits every example once, in an order of seed and epoch", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.nat(40),
        fc.integer({ min: 1, max: 9 }),
        fc.boolean(),
        fc.nat(9),
        async (n, batchSize, shuffle, seed) => {
          const data = new ArrayDataset(Array.from({ length: n }, (_, i) => i));
          const run = async () => {
            const loader = new DataLoader(data, { batchSize, shuffle, seed });
            const seen: number[][] = [];
            for await (const x of loader) seen.push([...x.data()]);
            expect(seen.length).toBe(loader.length);
            return seen;
          };
          const first = await run();
          expect(await run()).toEqual(first);
          expect(first.flat().sort((a, b) => a - b)).toEqual(Array.from({ length: n }, (_, i) => i));
        },
      ),
      { numRuns: 40 },
    );
  });

  it("collates numbers, arrays, strings and objects as they are typed", () => {
    const batch = defaultCollate([
      { x: [1, 2], y: 3, name: "a", ids: Int32Array.of(1) },
      { x: [4, 5], y: 6, name: "b", ids: Int32Array.of(2) },
    ]);
    expectTypeOf(batch).toEqualTypeOf<{ x: Tensor; y: Tensor; name: string[]; ids: Tensor }>();
    expect(batch.x.toArray()).toEqual([
      [1, 2],
      [4, 5],
    ]);
    expect(batch.name).toEqual(["a", "b"]);
    expect([batch.y.dtype, batch.ids.dtype]).toEqual(["float32", "int32"]);
    expect(() => defaultCollate([[1], [1, 2]])).toThrow(/ragged/);
    expect(() => defaultCollate([Float32Array.of(1), Float32Array.of(1, 2)])).toThrow(/rows of 1 and of 2/);
  });

  it("takes tensors apart and leaves nothing behind", async () => {
    const set = new TensorDataset(arange(24).reshape([6, 2, 2]).to("float32"), tensor(Int32Array.of(0, 1, 2, 3, 4, 5)));
    const before = memory().liveTensors;
    for await (const { x, y } of new DataLoader(set, { batchSize: 4 })) {
      expect(x.shape).toEqual([y.shape[0], 2, 2]);
      expect(x.data()[0]).toBe(4 * y.data()[0]);
    }
    expect(memory().liveTensors).toBeLessThanOrEqual(before);
    expect(() => new TensorDataset(arange(3), arange(2))).toThrow(/as many inputs as targets/);
    expect(() => new DataLoader(set, { batchSize: 0 })).toThrow(/batch of 0/);
    expect(() => new DataLoader(set, { prefetch: -1 })).toThrow(/prefetch/);
  });
});

describe("WorkerDataset", () => {
  // Modules in the address itself: the same in Node and in a page.
  const module = (code: string) => `data:text/javascript,${encodeURIComponent(code)}`;
  const url = module(
    `export default ({ n, fail }) => ({
      length: n,
      batch(indices) {
        if (indices.includes(fail)) throw new Error("row " + fail + " is damaged");
        if (indices.includes(-fail)) process.exit(3);
        return { x: { data: Float32Array.from(indices, (i) => i * i), shape: [indices.length, 1] }, rows: [...indices] };
      },
    });`,
  );
  const open = (data: object) => WorkerDataset.open<{ x: Tensor; rows: number[] }>(url, data);

  it("gives the batches that a loader without a worker gives", async () => {
    const set = await open({ n: 23 });
    const before = memory().liveTensors;
    const loader = new DataLoader(set, { batchSize: 5, shuffle: true, seed: 4, prefetch: 3 });
    const plain = new DataLoader(new ArrayDataset(Array.from({ length: 23 }, (_, i) => i)), {
      batchSize: 5,
      shuffle: true,
      seed: 4,
      collate: (rows) => ({ rows }),
    });
    for (let epoch = 0; epoch < 2; epoch++) {
      const got: number[][] = [];
      for await (const { x, rows } of loader) {
        expect([...x.data()]).toEqual(rows.map((i) => i * i));
        got.push(rows);
      }
      const want: number[][] = [];
      for await (const { rows } of plain) want.push(rows);
      expect(got).toEqual(want);
    }
    for await (const _ of loader) break;
    await set.batch(Int32Array.of(0)).then(({ x }) => x.dispose());
    await new Promise((resolve) => setTimeout(resolve, 0));
    expect(memory().liveTensors).toBeLessThanOrEqual(before);
    await set.close();
    await expect(set.batch(Int32Array.of(0))).rejects.toThrow(/closed/);
  });

  it("says what went wrong in the worker", async () => {
    const set = await open({ n: 9, fail: 7 });
    const read = async () => {
      const seen: number[] = [];
      try {
        for await (const { rows } of new DataLoader(set, { batchSize: 2 })) seen.push(...rows);
      } catch (error) {
        return { seen, error };
      }
    };
    expect(await read()).toMatchObject({
      seen: [0, 1, 2, 3, 4, 5],
      error: { message: expect.stringMatching(/row 7 is damaged/) },
    });
    await set.close();
    if (backend().name !== "wasm" || typeof process.versions?.node === "string") {
      const dying = await open({ n: 9, fail: -7 });
      await expect(dying.batch(Int32Array.of(7))).rejects.toThrow(/has stopped: it ended with status 3/);
    }
    await expect(WorkerDataset.open("file:///nowhere/none.mjs")).rejects.toThrow(DataError);
    await expect(WorkerDataset.open(module("export default () => 1"))).rejects.toThrow(/must return/);
  });
});

describe("tables", () => {
  const rows = Array.from({ length: 300 }, (_, i) => {
    const [size, age] = [50 + ((i * 37) % 150), (i * 13) % 60];
    return `${size},${age},${["north", "south"][i % 2]},${(size * 2 - age + (i % 2) * 30).toFixed(1)}`;
  });
  const csv = file("houses.csv", `size,age,side,price\n${rows.join("\n")}\n`);

  it("are read whole or row by row", async () => {
    const table = await readCsv(csv);
    expect([table.length, table.columns]).toEqual([300, ["size", "age", "side", "price"]]);
    expect([...table][0]).toEqual({ size: "50", age: "0", side: "north", price: "100.0" });
    const streamed = [];
    for await (const row of streamRecords(csv)) streamed.push(row);
    expect(streamed).toEqual([...table]);
    expect((await readCsv(csv, { header: false })).columns).toEqual(["0", "1", "2", "3"]);
    const list = await readJsonl(file("a.jsonl", '{"a":1}\n{"a":2,"b":"x"}\n'));
    expect([...list]).toEqual([
      { a: "1", b: "" },
      { a: "2", b: "x" },
    ]);
    expect([...(await readTsv(file("a.tsv", "a\tb\n1\t\n"))).numbers("b")]).toEqual([Number.NaN]);
  });

  it("name what is wrong", async () => {
    const table = await readCsv(csv);
    expect(() => table.column("rooms")).toThrow(/no column rooms/);
    expect(() => table.numbers("side")).toThrow(/row 1, column side: expected a number, found north/);
    expect(() => table.split({ target: "price", test: 1 })).toThrow(/shares that leave some rows/);
    expect(() => table.split({ target: "side", kind: "regression" })).toThrow(/side is north, no number/);
    expect(() => new Table(["a", "a"], [])).toThrow(/two columns are called a/);
    await expect(readCsv(file("head.csv", "a,b\n"))).rejects.toThrow(/nothing below it/);
    const late = file("late.csv", "a,b\n1,2\n3\n");
    const reading = async () => {
      for await (const row of streamRecords(late)) expect(row).toEqual({ a: "1", b: "2" });
    };
    await expect(reading()).rejects.toThrow(/line 3: 1 columns/);
  });

  it("are split without leaking the test part into the encoding", async () => {
    const table = await readCsv(csv);
    const parts = table.split({ target: "side", test: 0.2, validation: 0.1, seed: 1 });
    expect(parts.classes).toEqual(["north", "south"]);
    expect([parts.train.length, parts.validation.length, parts.test.length]).toEqual([210, 30, 60]);
    expect(parts.train.y.dtype).toBe("int32");
    const mean = noGrad(() => parts.train.x.mean(0)).data();
    for (const m of mean) expect(Math.abs(m)).toBeLessThan(1e-4);
    expect([...noGrad(() => parts.test.y.to("float32").mean()).data()]).toEqual([0.5]);
  });

  it("train a network as in the guide, by hand and with Trainer", async () => {
    manualSeed(0);
    const houses = (await readCsv(csv)).split({ target: "price", test: 0.2 });
    class Net extends nn.Module {
      hidden = new nn.Linear(houses.features, 32);
      dropout = new nn.Dropout(0.1);
      output = new nn.Linear(32, 1);
      forward(x: Tensor) {
        return this.output.forward(this.dropout.forward(this.hidden.forward(x).relu()));
      }
    }
    const net = new Net();
    const optimizer = new AdamW(net.parameters(), { lr: 0.03, weightDecay: 0.01 });
    const errorOf = () => noGrad(() => nn.mseLoss(net.forward(houses.test.x), houses.test.y)).item();
    const before = errorOf();
    for (let epoch = 0; epoch < 20; epoch++) {
      for await (const { x, y } of new DataLoader(houses.train, { batchSize: 64, shuffle: true })) {
        const loss = nn.mseLoss(net.forward(x), y);
        loss.backward();
        optimizer.step();
        optimizer.zeroGrad();
      }
    }
    net.eval();
    expect(errorOf()).toBeLessThan(before / 20);

    manualSeed(0);
    const model = new Net();
    const trainer = new Trainer({
      model,
      loss: nn.mseLoss,
      trainDataset: houses.train,
      evalDataset: houses.test,
      computeMetrics: (outputs, targets) => ({ count: outputs.length + targets.length }),
      args: {
        outputDir: join(folder, "run"),
        numTrainEpochs: 20,
        learningRate: 0.03,
        earlyStoppingPatience: 3,
        quiet: true,
      },
    });
    const { metrics } = await trainer.train();
    const whole = noGrad(() => nn.mseLoss(model.forward(houses.test.x), houses.test.y)).item();
    expect(metrics?.loss).toBeCloseTo(whole, 0);
    expect(Math.abs((metrics?.loss ?? 0) / whole - 1)).toBeLessThan(1e-5);
    expect(metrics?.count).toBe(120);
    expect(metrics?.loss).toBeLessThan(before / 5);
  });

  it("report accuracy for classes, and refuse a Trainer without a loss", async () => {
    const parts = (await readCsv(csv)).split({ target: "side" });
    const model = new nn.Linear(parts.features, 2);
    const options = {
      model,
      trainDataset: parts.train,
      evalDataset: parts.test,
      args: { quiet: true, numTrainEpochs: 1 },
    };
    const { metrics } = await new Trainer({ ...options, loss: nn.crossEntropy }).train();
    const right = noGrad(() => model.forward(parts.test.x).argmax(1)).data();
    const wanted = parts.test.y.data();
    expect(metrics?.accuracy).toBe(right.filter((c, i) => c === wanted[i]).length / right.length);
    expect(() => new Trainer(options)).toThrow(/no loss/);
    const strange = new Trainer({
      model,
      trainDataset: new ArrayDataset([1, 2]),
      loss: nn.mseLoss,
      args: { quiet: true },
    });
    await expect(strange.train()).rejects.toThrow(/batches of tensors/);
  });
});
