import { join } from "node:path";
import { parquetWriteBuffer } from "hyparquet-writer";
import { expect, it } from "vitest";
import { DataError, loadDataset } from "../../src/data/index.ts";
import { filesIn } from "../folder.ts";
import { useMirror } from "../hub/use-mirror.ts";

const { mirror, base } = useMirror();
const write = filesIn(base);

it("GLUE has Hugging Face's columns and labels", async () => {
  write("data/glue/RTE/train.tsv", "index\tsentence1\tsentence2\tlabel\n0\tIt rains.\tIt is wet.\tentailment\n");
  write("data/glue/RTE/dev.tsv", "index\tsentence1\tsentence2\tlabel\n0\tA.\tB.\tnot_entailment\n");
  write("data/glue/RTE/test.tsv", "index\tsentence1\tsentence2\n0\tC.\tD.\n");
  const data = await loadDataset("glue", "rte");
  expect([...data.train]).toEqual([{ sentence1: "It rains.", sentence2: "It is wet.", label: 0, idx: 0 }]);
  expect(data.validation.get(0).label).toBe(1);
  expect(data.test.get(0).label).toBe(-1);
  const lengths = data.map(({ sentence1 }) => (sentence1 as string).length);
  expect([lengths.train.get(0), lengths.test.get(0)]).toEqual([9, 2]);
  expect(lengths.filter((n) => n > 5).validation.length).toBe(0);
  write("data/glue/QNLI/dev.tsv", "index\tquestion\tsentence\tlabel\n0\tWho?\tHe.\tnot_entailment\n");
  const { parts } = await loadDataset("glue", "qnli");
  expect(Object.keys(parts)).toEqual(["validation"]);
  expect([...parts.validation]).toEqual([{ question: "Who?", sentence: "He.", label: 1, idx: 0 }]);
  await expect(loadDataset("glue", "nope")).rejects.toThrow("unknown GLUE task");
});

it("files and folders: columns of numbers are numbers, parts go by names", async () => {
  write("houses/train.csv", 'rooms,price,street\n3,1.5e5,"Long, 1"\n4,.5,7\n');
  write("houses/test.csv", "rooms,price,street\n,2,x\n");
  const houses = await loadDataset(join(base, "houses"));
  expect([...houses.train]).toEqual([
    { rooms: 3, price: 150000, street: "Long, 1" },
    { rooms: 4, price: 0.5, street: "7" },
  ]);
  // A missing cell leaves the column as it is written.
  expect(houses.test.get(0)).toEqual({ rooms: "", price: 2, street: "x" });
  expect(() => houses.validation).toThrow("houses has no part validation");
  const lines = await loadDataset(write("one.jsonl", '{"text":"a","tags":["x"]}\n'));
  expect(lines.train.get(0)).toEqual({ text: "a", tags: ["x"] });
  await expect(loadDataset(join(base, "none.csv"))).rejects.toThrow(DataError);
});

it("the reviews that ship are cut as everywhere", async () => {
  const data = await loadDataset("builtin");
  const sizes = [data.train, data.validation, data.test].map((part) => part.length);
  expect(sizes[0] + sizes[1] + sizes[2]).toBe(1234);
  expect(sizes[2]).toBe(246);
  expect(Object.keys(data.train.get(0))).toEqual(["text", "label"]);
});

it("a data set of the hub by name and configuration", async () => {
  const part = (text: string[]) =>
    new Uint8Array(parquetWriteBuffer({ columnData: [{ name: "text", data: text, type: "STRING" }] }));
  mirror.add("someone/texts", {
    kind: "dataset",
    files: { "en/train-00000-of-00001.parquet": part(["a", "b"]), "de/train-00000-of-00001.parquet": part(["c"]) },
  });
  expect([...(await loadDataset("someone/texts", "de")).train]).toEqual([{ text: "c" }]);
  expect((await loadDataset("hub:someone/texts:en")).train.length).toBe(2);
  await expect(loadDataset("someone/texts")).rejects.toThrow("which of its configurations");
});
