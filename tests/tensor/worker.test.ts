import { existsSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { Worker } from "node:worker_threads";
import { expect, it } from "vitest";

const addon = fileURLToPath(new URL("../../native/build/shoshin.node", import.meta.url));

it.skipIf(!existsSync(addon))("a thread that ends gives its tensors back", { timeout: 60_000 }, async () => {
  const native = createRequire(import.meta.url)(addon) as Record<string, (...args: number[]) => number>;
  const own = native.alloc(1000, 0);
  const before = [native.stat(0), native.stat(1)];
  const script = `
    const { parentPort, workerData } = require("node:worker_threads");
    const native = require(workerData);
    for (let i = 0; i < 200; i++) native.alloc(1 << 16, 0);
    parentPort.postMessage(native.stat(1));
    setInterval(() => {}, 1000);
  `;
  for (let round = 0; round < 6; round++) {
    const worker = new Worker(script, { eval: true, workerData: addon });
    const live = await new Promise<number>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
    });
    expect(live).toBeGreaterThan(before[1] + 200 * 2 ** 18 - 1);
    await worker.terminate();
    expect([native.stat(0), native.stat(1)]).toEqual(before);
  }
  expect(native.size(own)).toBe(4000);
  expect(native.free(own)).toBe(0);
});
