import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import { expect, test } from "vitest";

const cli = fileURLToPath(new URL("../../bin/shoshin.js", import.meta.url));

test("a reader that leaves early ends the run quietly", async () => {
  const child = spawn(process.execPath, [cli, "train", "--help"], { stdio: ["ignore", "pipe", "pipe"] });
  child.stdout.destroy();
  let said = "";
  child.stderr.on("data", (text) => {
    said += text;
  });
  const [code] = await once(child, "close");
  expect(said).toBe("");
  expect(code).toBe(0);
});
