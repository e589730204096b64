import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { temporaryFolder } from "../folder.ts";
import { runProcess, startProcess } from "../run.ts";

const folder = temporaryFolder();

const data = join(folder, "reviews.tsv");
writeFileSync(data, "fine\tpos\nawful\tneg\nlovely\tpos\nugly\tneg\n");
const run = (command: string, input?: string) => runProcess(`${command} --quiet`, { input, cwd: folder });

test("a reader that leaves early ends the run quietly", async () => {
  const child = startProcess("train --help");
  child.stdout.destroy();
  let said = "";
  child.stderr.on("data", (text) => {
    said += text;
  });
  const [code] = await once(child, "close");
  expect(said).toBe("");
  expect(code).toBe(0);
});

test("predict reads lines from a pipe, in its own process", () => {
  const model = join(folder, "model");
  expect(run(`train text-classification --data ${data} --validation none --output ${model}`).status).toBe(0);
  const { json, stderr, status } = run(`predict ${model} --input - --json`, "lovely\nawful\n");
  expect(stderr).toBe("");
  expect(status).toBe(0);
  expect(json.map((p: { label: string }) => p.label)).toEqual(["pos", "neg"]);
});

test("a folder in the current one is a model, unless a preset has its name", () => {
  const train = (model: string) => run(`train text-classification --data ${data} --model ${model} --output out`);
  for (const name of ["mine", "mlp"]) {
    mkdirSync(join(folder, name));
    writeFileSync(join(folder, name, "config.json"), "{}");
  }
  expect(train("mine").stderr).toContain("mine: no tokenizer");
  expect(train("mlp").status).toBe(0);
  expect(train("yours").stderr).toContain("no preset yours");
});

test("generate says what is wrong before it prints anything; a prompt comes with what follows it", () => {
  writeFileSync(join(folder, "book.txt"), "so it goes on and on, ".repeat(60));
  const shape = "--max-steps 1 --hidden-size 16 --block-size 16";
  expect(run(`train text-generation --data book.txt --output book ${shape}`).status).toBe(0);
  const wrong = run("generate book --prompt so --temperature -1");
  expect([wrong.status, wrong.stdout]).toEqual([2, ""]);
  expect(wrong.stderr).toContain("temperature is -1");
  expect(run("generate book --prompt so --max-new-tokens 0").stdout).toBe("so\n");
  expect(run("generate book --prompt so --max-new-tokens 4").stdout).toMatch(/^so[\s\S]{4}\n$/);
});

test("a log that nobody reads any more does not end a training", async () => {
  const child = startProcess(`train text-classification --data ${data} --output unread --json`, folder);
  child.stderr.destroy();
  let said = "";
  child.stdout.on("data", (text) => {
    said += text;
  });
  const [code] = await once(child, "close");
  expect(code).toBe(0);
  expect(JSON.parse(said).steps).toBeGreaterThan(0);
});
