import { lstatSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, it, vi } from "vitest";
import { WriteError } from "../../src/formats/index.ts";
import { snapshotDownload } from "../../src/hub/index.ts";
import { temporaryFolder } from "../folder.ts";
import { Mirror } from "./mirror.ts";

/** What the disk does. */
const disk = vi.hoisted(() => ({ left: Number.POSITIVE_INFINITY, free: undefined as number | undefined, links: true }));
vi.mock("#platform", async (original) => {
  const real = await original<typeof import("#platform")>();
  return {
    ...real,
    freeSpace: () => disk.free,
    writeSync: (fd: number, data: Uint8Array, at: number, length: number) => {
      disk.left -= length;
      if (disk.left < 0) throw Object.assign(new Error("ENOSPC: no space left on device, write"), { code: "ENOSPC" });
      return real.writeSync(fd, data, at, length);
    },
    symlinkSync: (target: string, path: string) => {
      if (!disk.links) throw Object.assign(new Error("EPERM: operation not permitted, symlink"), { code: "EPERM" });
      real.symlinkSync(target, path);
    },
  };
});

const base = temporaryFolder();
const mirror = new Mirror();
const weights = new Uint8Array(500_000).fill(7);
beforeAll(async () => {
  await mirror.start();
  mirror.add("owner/tiny", {
    files: { "model.safetensors": weights, "sub/copy.safetensors": weights, "config.json": "{}" },
  });
});
afterAll(async () => {
  await mirror.stop();
});
let count = 0;
let cacheDir = "";
beforeEach(() => {
  Object.assign(disk, { left: Number.POSITIVE_INFINITY, free: undefined, links: true });
  cacheDir = join(base, String(count++));
  mirror.seen.length = 0;
});
const fetchIt = () =>
  snapshotDownload("owner/tiny", { endpoint: mirror.endpoint, cacheDir, retryDelay: 1, token: false });
const names = () =>
  readdirSync(cacheDir, { recursive: true, withFileTypes: true })
    .filter((entry) => !entry.isDirectory())
    .map(({ name }) => name);

it("says so when the disk is full, and goes on when there is room again", async () => {
  disk.left = 200_000;
  const error = await fetchIt().then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(WriteError);
  expect((error as WriteError).message).toMatch(/cannot write .*no space left/);
  expect((error as WriteError).hint).toMatch(/Free some space.*goes on/);
  // No wrong blob, no snapshot, no reference has got its name; locks are gone.
  const { etag } = Mirror.blob("model.safetensors", weights);
  expect(names().filter((name) => name === etag || /safetensors|main|\.lock$/.test(name))).toEqual([]);
  expect(names()).toContain(`${etag}.shoshin.incomplete`);
  disk.left = Number.POSITIVE_INFINITY;
  const folder = await fetchIt();
  expect(readFileSync(join(folder, "model.safetensors")).equals(weights)).toBe(true);
  const [last] = mirror.seen.filter(({ at, range }) => at === "storage" && range !== undefined);
  expect(last?.range).toMatch(/^bytes=\d+-$/);
});

it("does not begin what cannot fit", async () => {
  disk.free = 600_000;
  await expect(fetchIt()).rejects.toThrow(/owner\/tiny needs 1.0 MB, and 0.6 MB are free in/);
  expect(mirror.fetched()).toEqual([]);
});

it("puts the files themselves where there are no links", async () => {
  disk.links = false;
  const folder = await fetchIt();
  for (const name of ["model.safetensors", "sub/copy.safetensors"]) {
    expect(lstatSync(join(folder, name)).isFile()).toBe(true);
    expect(readFileSync(join(folder, name)).equals(weights)).toBe(true);
  }
  expect(readdirSync(join(cacheDir, "models--owner--tiny", "blobs"))).toEqual([]);
  mirror.seen.length = 0;
  expect(await fetchIt()).toBe(folder);
  expect(mirror.fetched()).toEqual([]);
});
