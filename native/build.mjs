// Builds the addon at `npm install`, from the headers that come with Node or with node-api-headers. Downloads nothing; without
// a compiler it warns and succeeds, and the slow reference backend serves.
import { execFile, execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "build");
const target = join(out, "shoshin.node");

const COMMON = [
  "-O3",
  "-std=c++17",
  "-fno-exceptions",
  "-fno-rtti",
  "-ffp-contract=fast",
  "-fno-math-errno",
  "-fPIC",
  "-fvisibility=hidden",
  "-w",
];
const AVX512 = ["-mavx512f", "-mavx512bw", "-mavx512dq", "-mavx512vl", "-mfma"];
const SETS = {
  x64: { avx512_bf16: [...AVX512, "-mavx512bf16"], avx512: AVX512, avx2: ["-mavx2", "-mfma"], portable: [] },
  arm64: { neon: [] },
};

function warn(what, hint) {
  console.warn(`shoshin: the compiled kernels were not built: ${what}`);
  console.warn(`shoshin: everything works without them, but many times slower. ${hint}`);
}

function compiler() {
  for (const name of [process.env.CXX, "g++", "clang++", "c++"].filter(Boolean)) {
    try {
      return { name, version: execFileSync(name, ["--version"], { encoding: "utf8" }).split("\n")[0] };
    } catch {
      // Not this one.
    }
  }
  return undefined;
}

function headers() {
  const places = [join(dirname(dirname(process.execPath)), "include", "node")];
  try {
    places.push(createRequire(import.meta.url)("node-api-headers").include_dir);
  } catch {
    // Not installed: Node's own may do.
  }
  return places.find((place) => existsSync(join(place, "node_api.h")));
}

function fingerprint(parts) {
  const hash = createHash("sha256");
  for (const part of parts) hash.update(part).update("\0");
  for (const folder of [here, join(here, "kernels")]) {
    for (const name of readdirSync(folder).sort()) {
      if (/\.(cc|h|mjs)$/.test(name)) hash.update(name).update(readFileSync(join(folder, name)));
    }
  }
  return hash.digest("hex");
}

async function build() {
  if (process.env.SHOSHIN_SKIP_BUILD)
    return warn("SHOSHIN_SKIP_BUILD is set", "Run `node native/build.mjs` to build them.");
  if (process.platform === "win32") return warn("Windows is not supported yet", "Use WSL for full speed.");
  const cxx = compiler();
  const install =
    "Install g++ or clang++ (Debian: apt install g++; macOS: xcode-select --install) and run `npm rebuild shoshin`.";
  if (!cxx) return warn("no C++ compiler was found", install);
  const include = headers();
  if (!include) return warn("Node's headers (node_api.h) were not found", "Install node-api-headers.");
  const sets = SETS[process.arch] ?? { portable: [] };
  const print = fingerprint([cxx.version, process.arch, process.platform, JSON.stringify(sets), COMMON.join(" ")]);
  const stamp = join(out, "stamp");
  if (existsSync(target) && existsSync(stamp) && readFileSync(stamp, "utf8") === print) return;
  const work = join(out, `work-${process.pid}`);
  mkdirSync(work, { recursive: true });
  try {
    const built = [];
    const compile = async (source, name, flags) => {
      const object = join(work, `${name}.o`);
      await run(cxx.name, [...COMMON, ...flags, "-c", join(here, source), "-o", object]);
      return object;
    };
    const jobs = Object.entries(sets).map(([name, flags]) => async () => {
      try {
        built.push([name, await compile("kernels/all.cc", name, [...flags, `-DSHOSHIN_ISA_NAME=${name}`])]);
      } catch (error) {
        // An older compiler does not know the newest instructions; the others serve.
        if (flags.length === 0) throw error;
      }
    });
    const plain = ["threads", "storage", "gate", "gate_recurrent"].map(
      (name) => async () => objects.push(await compile(`${name}.cc`, name, [])),
    );
    const objects = [];
    plain.push(async () => objects.push(await compile("addon.cc", "addon", [`-I${include}`])));
    const queue = [...jobs, ...plain];
    await Promise.all(
      [0, 1].map(async () => {
        for (let job = queue.shift(); job; job = queue.shift()) await job();
      }),
    );
    const has = built.map(([name]) => `-DSHOSHIN_HAS_${name.toUpperCase()}`);
    objects.push(await compile("dispatch.cc", "dispatch", has), ...built.map(([, object]) => object));
    const link =
      process.platform === "darwin" ? ["-bundle", "-undefined", "dynamic_lookup"] : ["-shared", "-Wl,-z,nodelete"];
    const addon = join(work, "shoshin.node");
    await run(cxx.name, [...link, ...objects, "-o", addon, "-lpthread", "-lm"]);
    rmSync(stamp, { force: true });
    renameSync(addon, target);
    writeFileSync(stamp, print);
  } catch (error) {
    warn(
      `${cxx.name} failed: ${String(error.stderr ?? error.message)
        .trim()
        .split("\n")
        .slice(-8)
        .join("\n")}`,
      install,
    );
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

await build();
