import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { hostname } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from "vitest";
import { matcher, missingShard, modelFiles } from "../../src/hub/files.ts";
import {
  HubError,
  type HubOptions,
  type HubProgress,
  hubFile,
  listFiles,
  resolveModel,
  snapshotDownload,
} from "../../src/hub/index.ts";
import { parseListing } from "../../src/hub/repository.ts";
import { hubSettings } from "../../src/hub/settings.ts";
import { temporaryFolder } from "../folder.ts";
import { Mirror, type Seen } from "./mirror.ts";

const base = temporaryFolder();
const mirror = new Mirror();
const weights = Uint8Array.from({ length: 300_000 }, (_, i) => (i * 7919) >> 3);
const MODEL = { "config.json": '{"model_type":"bert"}', "tokenizer.json": "{}", "model.safetensors": weights };
let commit = "";
let cacheDir = "";
let count = 0;

beforeAll(async () => {
  await mirror.start();
});
afterAll(async () => {
  await mirror.stop();
});
beforeEach(() => {
  for (const name of ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
    vi.stubEnv(name, "");
  vi.stubEnv("HF_HOME", join(base, "home"));
  for (const name of Object.keys(mirror.repositories)) delete mirror.repositories[name];
  mirror.seen.length = 0;
  mirror.fault = () => undefined;
  mirror.blobs = true;
  ({ commit } = mirror.add("owner/tiny", { files: { ...MODEL, "README.md": "# tiny", "onnx/model.onnx": "x" } }));
  cacheDir = join(base, String(count++));
});
afterEach(() => vi.unstubAllEnvs());

const options = (more: HubOptions = {}): HubOptions => ({
  endpoint: mirror.endpoint,
  cacheDir,
  retryDelay: 1,
  timeout: 400,
  ...more,
});
const storage = () => join(cacheDir, "models--owner--tiny");
const all = (folder: string) => (existsSync(folder) ? readdirSync(folder, { recursive: true }).map(String).sort() : []);
const blobs = () => all(join(storage(), "blobs"));
/** The error, which must be of the hub and have a hint. */
async function failure(work: Promise<unknown>): Promise<HubError> {
  const error = await work.then(
    () => undefined,
    (e: unknown) => e,
  );
  expect(error).toBeInstanceOf(HubError);
  return error as HubError;
}
const ofWeights = ({ at }: Seen) => at === "storage";

describe("a snapshot", () => {
  it("lies in the cache as Python's huggingface_hub puts it, and is fetched once", async () => {
    const seen: HubProgress[] = [];
    const folder = await snapshotDownload("owner/tiny", options({ onProgress: (p) => seen.push(p) }));
    expect(folder).toBe(join(storage(), "snapshots", commit));
    expect(readFileSync(join(storage(), "refs", "main"), "utf8")).toBe(commit);
    for (const [path, content] of Object.entries(mirror.repositories["models/owner/tiny"].files)) {
      const { bytes, etag } = Mirror.blob(path, content);
      expect(Buffer.compare(readFileSync(join(folder, path)), bytes)).toBe(0);
      const up = "../".repeat(path.split("/").length + 1);
      expect(readlinkSync(join(folder, path))).toBe(`${up}blobs/${etag}`);
    }
    expect(blobs()).toHaveLength(5);
    const total = Object.values(mirror.repositories["models/owner/tiny"].files).reduce((n, f) => n + f.length, 0);
    expect(seen.at(-1)).toEqual({ repository: "owner/tiny", done: total, total, files: 5, filesDone: 5 });
    expect(mirror.seen.every(({ encoding }) => encoding === "identity")).toBe(true);
    mirror.seen.length = 0;
    expect(await snapshotDownload("owner/tiny", options())).toBe(folder);
    expect(mirror.fetched()).toEqual([]);
    // A commit cannot change: nobody needs to be asked.
    mirror.seen.length = 0;
    expect(await snapshotDownload("owner/tiny", { ...options(), revision: commit })).toBe(folder);
    expect(mirror.seen).toEqual([]);
  });

  it("of a dataset, of another revision, of some files", async () => {
    const later = "b".repeat(40);
    mirror.add("owner/data", {
      kind: "dataset",
      revisions: { "refs/convert/parquet": later },
      files: { "a/train.csv": "1", "b/train.csv": "2" },
    });
    const folder = await snapshotDownload("owner/data", {
      ...options(),
      kind: "dataset",
      revision: "refs/convert/parquet",
      allowPatterns: ["a/*"],
    });
    expect(folder).toBe(join(cacheDir, "datasets--owner--data", "snapshots", later));
    expect(all(folder)).toEqual(["a", "a/train.csv"]);
    expect(readFileSync(join(cacheDir, "datasets--owner--data/refs/refs/convert/parquet"), "utf8")).toBe(later);
  });

  it("asks for headers where the list has no digests", async () => {
    mirror.blobs = false;
    const folder = await snapshotDownload("owner/tiny", options({ token: "hf_secret" }));
    expect(blobs()).toEqual(
      Object.entries(mirror.repositories["models/owner/tiny"].files)
        .map(([path, content]) => Mirror.blob(path, content).etag)
        .sort(),
    );
    expect(readFileSync(join(folder, "model.safetensors")).equals(weights)).toBe(true);
  });

  it("brings the token to the hub and not to where it sends us", async () => {
    mirror.add("owner/mine", { private: "hf_secret", files: MODEL });
    await snapshotDownload("owner/mine", options({ token: "hf_secret" }));
    expect(mirror.seen.filter(({ at }) => at === "hub").map(({ token }) => token)).toEqual(
      new Array(4).fill("hf_secret"),
    );
    expect(mirror.seen.filter(ofWeights).map(({ token }) => token)).toEqual([undefined]);
  });

  it("follows a branch that moved, and keeps equal files", async () => {
    await snapshotDownload("owner/tiny", options());
    mirror.seen.length = 0;
    const next = "c".repeat(40);
    mirror.add("owner/tiny", { commit: next, files: { ...MODEL, "config.json": '{"model_type":"gpt2"}' } });
    const folder = await snapshotDownload("owner/tiny", options());
    expect(folder.endsWith(next)).toBe(true);
    expect(mirror.fetched().map(({ path }) => path)).toEqual([`/owner/tiny/resolve/${next}/config.json`]);
    expect(readFileSync(join(folder, "model.safetensors")).equals(weights)).toBe(true);
  });

  it("mends what was damaged in the cache", async () => {
    const folder = await snapshotDownload("owner/tiny", options());
    const { etag } = Mirror.blob("model.safetensors", weights);
    writeFileSync(join(storage(), "blobs", etag), weights.subarray(0, 1000));
    rmSync(join(storage(), "blobs", Mirror.blob("config.json", MODEL["config.json"]).etag));
    await snapshotDownload("owner/tiny", options());
    expect(readFileSync(join(folder, "model.safetensors")).equals(weights)).toBe(true);
    expect(readFileSync(join(folder, "config.json"), "utf8")).toBe(MODEL["config.json"]);
  });
});

describe("a connection that fails", () => {
  it.each(["half", "silence-in-body"] as const)("goes on where it broke (%s)", async (fault) => {
    let broken = 0;
    mirror.fault = (request) => (ofWeights(request) && broken++ < 3 ? fault : undefined);
    const folder = await snapshotDownload("owner/tiny", options());
    expect(readFileSync(join(folder, "model.safetensors")).equals(weights)).toBe(true);
    const ranges = mirror.seen.filter(ofWeights).map(({ range }) => range);
    expect(ranges).toEqual([undefined, "bytes=150000-", "bytes=225000-", "bytes=262500-"]);
    expect(blobs()).toHaveLength(5);
  });

  it("goes on in the next run, and begins anew where the rest would not fit", async () => {
    mirror.fault = (request) => (ofWeights(request) && request.range ? 500 : ofWeights(request) ? "half" : undefined);
    expect((await failure(snapshotDownload("owner/tiny", options()))).message).toMatch(/answers 500/);
    const { etag } = Mirror.blob("model.safetensors", weights);
    const partial = join(storage(), "blobs", `${etag}.shoshin.incomplete`);
    expect(readFileSync(partial)).toHaveLength(150_000);
    // Not whole: no reference yet, and no such file in the snapshot.
    expect(existsSync(join(storage(), "refs/main"))).toBe(false);
    expect(existsSync(join(storage(), "snapshots", commit, "model.safetensors"))).toBe(false);
    mirror.fault = () => undefined;
    mirror.seen.length = 0;
    let done = 0;
    await snapshotDownload("owner/tiny", options({ onProgress: (p) => (done = p.done) }));
    expect(mirror.seen.filter(ofWeights).map(({ range }) => range)).toEqual(["bytes=150000-"]);
    expect(done).toBeGreaterThanOrEqual(300_000);

    for (const spoilt of [weights.subarray(5, 1005), new Uint8Array(300_000), new Uint8Array(400_000)]) {
      rmSync(join(storage(), "blobs", etag));
      writeFileSync(partial, spoilt);
      const folder = await snapshotDownload("owner/tiny", options());
      expect(readFileSync(join(folder, "model.safetensors")).equals(weights)).toBe(true);
      expect(existsSync(partial)).toBe(false);
    }
  });

  it("takes the whole from a server that cannot continue", async () => {
    let asked = 0;
    mirror.fault = (request) => (ofWeights(request) ? (asked++ === 0 ? "half" : "no-range") : undefined);
    const folder = await snapshotDownload("owner/tiny", options());
    expect(readFileSync(join(folder, "model.safetensors")).equals(weights)).toBe(true);
  });

  it.each([500, 502, 503, 429, 408])("asks again after %d", async (status) => {
    let left = 6;
    mirror.fault = () => (left-- > 0 && left % 2 === 0 ? status : undefined);
    await snapshotDownload("owner/tiny", options());
    expect(left).toBeLessThan(0);
  });

  it.each([
    [500, /answers 500: spoilt/, /later/],
    [429, /answers 429/, /Too many requests/],
    ["silence", /silent for 0.3 s/, /HF_ENDPOINT/],
    ["html", /no JSON/, /proxy/],
    ["half", /connection failed/, /connection/],
  ] as const)("is told after the last try: %s", async (fault, message, hint) => {
    mirror.fault = () => fault;
    const error = await failure(snapshotDownload("owner/tiny", options({ timeout: 300 })));
    expect(error.message).toMatch(message);
    expect(error.hint).toMatch(hint);
    expect(all(cacheDir)).toEqual([]);
    expect(mirror.seen.length).toBe(fault === "html" ? 1 : 5);
  });

  it.each(["corrupt", "long"] as const)("never lets a wrong file into the cache (%s)", async (fault) => {
    mirror.fault = ({ path }) => (path.endsWith("config.json") ? fault : undefined);
    const error = await failure(snapshotDownload("owner/tiny", options()));
    expect(error.message).toMatch(
      fault === "corrupt" ? /config.json of model owner\/tiny .* checksum/ : /more of config.json/,
    );
    expect(existsSync(join(storage(), "snapshots", commit, "config.json"))).toBe(false);
    expect(existsSync(join(storage(), "refs"))).toBe(false);
    expect(blobs()).not.toContain(Mirror.blob("config.json", MODEL["config.json"]).etag);
    mirror.fault = () => undefined;
    const folder = await snapshotDownload("owner/tiny", options());
    expect(readFileSync(join(folder, "config.json"), "utf8")).toBe(MODEL["config.json"]);
  });

  it("names a host that is not there", async () => {
    const error = await failure(snapshotDownload("owner/tiny", options({ endpoint: "http://127.0.0.1:1" })));
    expect(error.message).toMatch(/127\.0\.0\.1:1: the connection failed/);
    expect(() => hubSettings({ endpoint: "huggingface.co" })).toThrow(/address is "huggingface.co"/);
  });

  it("can be stopped", async () => {
    const stop = new AbortController();
    mirror.fault = (request) => (ofWeights(request) ? "silence" : undefined);
    const work = snapshotDownload("owner/tiny", options({ signal: stop.signal, timeout: 60_000 }));
    setTimeout(() => stop.abort(), 100);
    expect((await failure(work)).message).toBe("the download was stopped");
  });
});

describe("what the hub refuses", () => {
  it("a repository, a revision, a file", async () => {
    const stranger = await failure(snapshotDownload("owner/none", options()));
    expect([stranger.status, stranger.message]).toEqual([
      401,
      `there is no model owner/none, or it is private (${mirror.endpoint} answers 401)`,
    ]);
    expect(stranger.hint).toMatch(/set HF_TOKEN/);
    const known = await failure(snapshotDownload("owner/none", options({ token: "hf_x" })));
    expect([known.status, known.hint]).toEqual([404, "Check the name."]);
    const revision = await failure(snapshotDownload("owner/tiny", { ...options(), revision: "v9" }));
    expect(revision.message).toMatch(/has no revision v9/);
    const file = await failure(hubFile("owner/tiny", "vocab.txt", options()));
    expect(file.message).toMatch(/has no file vocab.txt/);
    expect(file.hint).toMatch(/It has: config.json, tokenizer.json/);
    expect((await failure(snapshotDownload("owner/tiny", { ...options(), allowPatterns: ["*.h5"] }))).message).toMatch(
      /no file like \*\.h5/,
    );
  });

  it.each([
    [undefined, 401],
    ["hf_x", 403],
  ])("gated files, with what to do (token %s)", async (token, status) => {
    mirror.add("owner/gated", { gated: true, files: MODEL });
    const error = await failure(snapshotDownload("owner/gated", options({ token })));
    expect(error.status).toBe(status);
    expect(error.message).toMatch(/owner\/gated is gated/);
    expect(error.hint).toContain(`Accept its conditions at ${mirror.endpoint}/owner/gated`);
  });

  it("a token", async () => {
    mirror.fault = () => 401;
    const error = await failure(snapshotDownload("owner/tiny", options({ token: "hf_x" })));
    expect(error.message).toMatch(/token is not accepted/);
    expect(() => hubSettings({ token: "a b" })).toThrow(/token has blanks/);
  });

  it.each(["../x", "a/b/c", "a//b", "", "a/..", "-a/b", "a/b.git", "a--b/c", "http://x/y"])(
    "the name %s",
    async (id) => {
      expect((await failure(snapshotDownload(id, options()))).message).toMatch(/no name of a repository/);
      expect(mirror.seen).toEqual([]);
    },
  );
  it.each(["../main", "a/../../b", "", "a b", "/etc", ".x"])("the revision %j", async (revision) => {
    expect((await failure(snapshotDownload("owner/tiny", { ...options(), revision }))).message).toMatch(/no revision/);
  });

  it.each(["../evil", "/etc/passwd", "a/../../b", "a\\b", "C:x", "a\0b", "", "a//b"])(
    "a list with the path %j",
    async (path) => {
      mirror.add("owner/evil", { files: { ...MODEL, [path]: "x" } });
      expect((await failure(snapshotDownload("owner/evil", options()))).message).toMatch(/no path inside it/);
      expect(all(cacheDir)).toEqual([]);
    },
  );

  it("lists in any other form", () => {
    fc.assert(
      fc.property(fc.anything(), (value) => {
        expect(() => parseListing(value, "a/b", "the hub")).toThrow(HubError);
      }),
    );
    fc.assert(
      fc.property(
        fc.array(fc.record({ rfilename: fc.string(), blobId: fc.string(), size: fc.double() })),
        (siblings) => {
          try {
            for (const { path, etag } of parseListing({ sha: commit, siblings }, "a/b", "the hub").files) {
              expect(join("/s", path).startsWith("/s/")).toBe(true);
              if (etag !== undefined) expect(etag).toMatch(/^\w[\w.-]*$/);
            }
          } catch (error) {
            expect(error).toBeInstanceOf(HubError);
          }
        },
      ),
    );
  });
});

describe("without the hub", () => {
  it("the cache serves, and only if it is whole", async () => {
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    const none = await failure(snapshotDownload("owner/tiny", options()));
    expect(none.message).toMatch(/model owner\/tiny \(main\) is not whole in the cache/);
    expect(none.hint).toMatch(/HF_HUB_OFFLINE/);
    vi.stubEnv("HF_HUB_OFFLINE", "");
    const path = await hubFile("owner/tiny", "config.json", options());
    vi.stubEnv("HF_HUB_OFFLINE", "1");
    expect(await hubFile("owner/tiny", "config.json", options())).toBe(path);
    // The list of the first time says that there is more.
    expect(await listFiles("owner/tiny", options())).toHaveLength(5);
    expect((await failure(snapshotDownload("owner/tiny", options()))).message).toMatch(/not whole/);
    expect((await failure(resolveModel("owner/tiny", options()))).message).toMatch(/not whole/);
    vi.stubEnv("HF_HUB_OFFLINE", "");
    const folder = await resolveModel("owner/tiny", options());
    mirror.fault = () => 503;
    const lines: string[] = [];
    expect(await resolveModel("owner/tiny", options({ say: (line) => lines.push(line) }))).toBe(folder);
    expect(lines).toEqual([expect.stringMatching(/answers 503.*the cached owner\/tiny is used/)]);
    expect(await listFiles("owner/tiny", options())).toHaveLength(5);
  });

  it.each(["", "main", "../../..", "x".repeat(40)])("a damaged reference is none: %j", async (text) => {
    await snapshotDownload("owner/tiny", options());
    writeFileSync(join(storage(), "refs", "main"), text);
    mkdirSync(join(storage(), "refs", "pr"), { recursive: true });
    const offline = options({ localFilesOnly: true });
    expect((await failure(snapshotDownload("owner/tiny", offline))).message).toMatch(/not whole/);
    expect((await failure(snapshotDownload("owner/tiny", { ...offline, revision: "pr" }))).message).toMatch(
      /not whole/,
    );
    writeFileSync(join(storage(), ".shoshin", `${commit}.json`), text);
    const folder = await snapshotDownload("owner/tiny", { ...options(), revision: commit });
    rmSync(join(folder, "README.md"));
    expect((await failure(snapshotDownload("owner/tiny", { ...offline, revision: commit }))).message).toMatch(
      /not whole/,
    );
  });

  it("a cache that Python filled serves too", async () => {
    const snapshot = join(storage(), "snapshots", commit);
    mkdirSync(snapshot, { recursive: true });
    mkdirSync(join(storage(), "refs"));
    writeFileSync(join(storage(), "refs", "main"), commit);
    for (const name of ["config.json", "model-00001-of-00002.safetensors", "model.safetensors.index.json"])
      writeFileSync(join(snapshot, name), "x");
    const offline = options({ localFilesOnly: true });
    expect((await failure(resolveModel("hub:owner/tiny", offline))).message).toMatch(/not whole/);
    writeFileSync(join(snapshot, "model-00002-of-00002.safetensors"), "x");
    expect(await resolveModel("hub:owner/tiny", offline)).toBe(snapshot);
    expect(await listFiles("owner/tiny", offline)).toHaveLength(4);
  });
});

describe("several at once", () => {
  it("fetch a file once", async () => {
    const folders = await Promise.all(Array.from({ length: 4 }, () => snapshotDownload("owner/tiny", options())));
    expect(new Set(folders).size).toBe(1);
    expect(mirror.seen.filter(ofWeights)).toHaveLength(1);
    expect(all(join(cacheDir, ".locks")).filter((name) => name.endsWith(".lock"))).toEqual([]);
  });

  it("take over from one that died", async () => {
    const { etag } = Mirror.blob("model.safetensors", weights);
    const locks = join(cacheDir, ".locks", "models--owner--tiny");
    mkdirSync(locks, { recursive: true });
    writeFileSync(join(locks, `${etag}.shoshin.lock`), `999999999 ${hostname()} x 0`);
    await snapshotDownload("owner/tiny", options());
    expect(all(locks)).toEqual([]);
  });
});

describe("resolveModel", () => {
  it("takes folders as they are and fetches what a model needs", async () => {
    expect(await resolveModel(base, options())).toBe(base);
    const folder = await resolveModel("hub:owner/tiny@main", options());
    expect(all(folder)).toEqual(["config.json", "model.safetensors", "tokenizer.json"]);
    expect(lstatSync(join(folder, "config.json")).isSymbolicLink()).toBe(true);
    expect(await resolveModel("owner/tiny", { ...options(), revision: commit })).toBe(folder);
    mirror.add("gpt2", { files: MODEL });
    expect(await resolveModel("gpt2", { ...options(), purpose: "tokenizer" })).toContain("models--gpt2");
    expect(
      mirror
        .fetched()
        .filter(({ path }) => path.startsWith("/gpt2"))
        .map(({ path }) => path.split("/").pop()),
    ).toEqual(["config.json", "tokenizer.json"]);
    expect((await failure(resolveModel("owner/none", options()))).message).toMatch(
      /owner\/none: no such folder here, and from the hub: there is no model/,
    );
    expect((await failure(resolveModel("./runs/none", options()))).message).toBe("./runs/none: no such folder");
    expect((await failure(resolveModel("a/b/c", options()))).hint).toMatch(/hub:OWNER\/NAME/);
    writeFileSync(join(base, "file"), "");
    expect((await failure(resolveModel(join(base, "file"), options()))).message).toMatch(/is a file/);
  });

  it("prefers safetensors, and shards that are whole", () => {
    const pick = (...names: string[]) => modelFiles(["config.json", ...names], "model", "m").slice(1);
    expect(
      pick("pytorch_model.bin", "model.safetensors", "model.fp16.safetensors", "tf_model.h5", "rust_model.ot"),
    ).toEqual(["model.safetensors"]);
    expect(pick("pytorch_model.bin", "flax_model.msgpack", "vocab.txt")).toEqual(["vocab.txt", "pytorch_model.bin"]);
    const shards = ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];
    expect(pick("model.safetensors.index.json", ...shards, "pytorch_model.bin")).toEqual([
      "model.safetensors.index.json",
      ...shards,
    ]);
    expect(pick("adapter_model.safetensors", "adapter_config.json")).toEqual([
      "adapter_config.json",
      "adapter_model.safetensors",
    ]);
    expect(
      pick(
        "modules.json",
        "1_Pooling/config.json",
        "model.safetensors",
        "onnx/model.onnx",
        "original/tokenizer.model",
        "spiece.model",
      ),
    ).toEqual(["spiece.model", "modules.json", "1_Pooling/config.json", "model.safetensors"]);
    expect(() => pick("model.safetensors.index.json", shards[1])).toThrow(
      /model-00001-of-00002.safetensors is missing/,
    );
    expect(() => pick("model.onnx")).toThrow(/no weights that can be read/);
    expect(() => modelFiles(["x"], "config", "m")).toThrow(/no config.json/);
    expect(() => modelFiles(["x"], "tokenizer", "m")).toThrow(/no tokenizer/);
    expect(missingShard(["d/train-00000-of-00002.parquet"])).toBe("d/train-00001-of-00002.parquet");
    expect(missingShard(["d/train-00000-of-00001.parquet"])).toBeUndefined();
  });

  // from fnmatch import fnmatchcase; [fnmatchcase(path, pattern) for …]
  it.each([
    ["a/b.json", "*.json", true],
    ["a/b.json", "b.json", false],
    ["b.json", "?.json", true],
    ["b1.json", "b[0-9].json", true],
    ["b1.json", "b[!0-9].json", false],
    ["b+.json", "b+.json", true],
    ["sst2/train.parquet", "sst2/", true],
    ["bxjson", "b.json", false],
  ])("matches %s against %s as Python: %s", (path, pattern, expected) => {
    expect(matcher([pattern])(path)).toBe(expected);
  });
});

it("reads the environment as Python's huggingface_hub does", () => {
  vi.stubEnv("HF_HOME", join(base, "hf"));
  vi.stubEnv("HF_ENDPOINT", "https://mirror.example/");
  mkdirSync(join(base, "hf"), { recursive: true });
  writeFileSync(join(base, "hf", "token"), "hf_file\n");
  expect(hubSettings()).toMatchObject({
    endpoint: "https://mirror.example",
    cacheDir: join(base, "hf", "hub"),
    token: "hf_file",
    localFilesOnly: false,
    timeout: 10_000,
  });
  vi.stubEnv("HF_HUB_CACHE", join(base, "elsewhere"));
  vi.stubEnv("HF_TOKEN", " hf_env ");
  vi.stubEnv("HF_HUB_OFFLINE", "yes");
  vi.stubEnv("HF_HUB_DOWNLOAD_TIMEOUT", "3");
  expect(hubSettings()).toMatchObject({
    cacheDir: join(base, "elsewhere"),
    token: "hf_env",
    localFilesOnly: true,
    timeout: 3000,
  });
  expect(hubSettings({ token: false }).token).toBe(false);
});
