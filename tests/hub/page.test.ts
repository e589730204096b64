import { afterAll, beforeAll, expect, it, vi } from "vitest";
import { hubFile, resolveModel } from "../../src/hub/index.ts";
import { readFileSync } from "../../src/platform/memory-fs.ts";
import { Mirror } from "./mirror.ts";

// Files in memory and the digests of a page, in Node.
vi.mock("#platform", async () => await import("../../src/platform/browser.ts"));

const mirror = new Mirror();
const weights = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251);
beforeAll(async () => {
  await mirror.start();
  mirror.add("owner/tiny", { files: { "model.safetensors": weights, "config.json": "{}" } });
});
afterAll(() => mirror.stop());

it("in a page models come into files in memory, checked as elsewhere", async () => {
  const options = { endpoint: mirror.endpoint, retryDelay: 1 };
  let broken = 0;
  mirror.fault = ({ at }) => (at === "storage" && broken++ < 2 ? "half" : undefined);
  const folder = await resolveModel("owner/tiny", options);
  expect(folder).toMatch(/^\/\.cache\/huggingface\/hub\/models--owner--tiny\/snapshots\//);
  expect(readFileSync(`${folder}/model.safetensors`)).toEqual(weights);
  mirror.seen.length = 0;
  expect(await resolveModel("owner/tiny", options)).toBe(folder);
  expect(mirror.fetched()).toEqual([]);
  mirror.add("owner/other", { files: { "config.json": "{}" } });
  mirror.fault = ({ path }) => (path.endsWith("config.json") ? "corrupt" : undefined);
  await expect(hubFile("owner/other", "config.json", options)).rejects.toThrow(/checksum/);
});
