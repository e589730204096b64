// Compiles the addon: the kernels once for every instruction set of the architecture, the rest once.
import { execFile } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";

const run = promisify(execFile);
const here = dirname(fileURLToPath(import.meta.url));

export const COMMON = [
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
export const setsOf = (arch) => SETS[arch] ?? { portable: [] };

/** The folder of node_api.h: Node's own, or that of node-api-headers; undefined if neither is there. */
export function headers() {
  const places = [join(dirname(dirname(process.execPath)), "include", "node")];
  try {
    places.push(createRequire(import.meta.url)("node-api-headers").include_dir);
  } catch {
    // Not installed: Node's own may do.
  }
  return places.find((place) => existsSync(join(place, "node_api.h")));
}

/** Compiles for an architecture into `work`; returns the path of the addon. Rejects with the compiler's text in `stderr`. */
export async function compileAddon({ cxx, arch, include, work }) {
  mkdirSync(work, { recursive: true });
  const built = [];
  const objects = [];
  const compile = async (source, name, flags) => {
    const object = join(work, `${name}.o`);
    await run(cxx, [...COMMON, ...flags, "-c", join(here, source), "-o", object]);
    return object;
  };
  const queue = Object.entries(setsOf(arch)).map(([name, flags]) => async () => {
    try {
      built.push([name, await compile("kernels/all.cc", name, [...flags, `-DSHOSHIN_ISA_NAME=${name}`])]);
    } catch (error) {
      // An older compiler does not know the newest instructions; the others serve.
      if (flags.length === 0) throw error;
    }
  });
  for (const name of ["threads", "storage", "gate", "gate_recurrent", "gate_attention"])
    queue.push(async () => objects.push(await compile(`${name}.cc`, name, [])));
  queue.push(async () => objects.push(await compile("addon.cc", "addon", [`-I${include}`])));
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
  await run(cxx, [...link, ...objects, "-o", addon, "-lpthread", "-lm"]);
  return addon;
}
