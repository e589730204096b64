// Builds assets/wasm/*.wasm from the same sources as the addon, with the pinned clang; --check compares with what is there.
import { execFileSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

const PINNED = "19.1.7";
const CLANG = process.env.SHOSHIN_CLANG ?? "clang++-19";
const LD = process.env.SHOSHIN_WASM_LD ?? "wasm-ld-19";

const here = dirname(fileURLToPath(import.meta.url));
const native = dirname(here);
const out = join(native, "..", "assets", "wasm");
const check = process.argv.includes("--check");

const COMMON = [
  "--target=wasm32",
  "-O3",
  "-std=c++17",
  "-fno-exceptions",
  "-fno-rtti",
  "-fno-threadsafe-statics",
  "-ffp-contract=fast",
  "-fno-math-errno",
  "-fvisibility=hidden",
  "-nostdinc++",
  `-isystem${join(here, "include")}`,
  "-msimd128",
  "-mbulk-memory",
  "-mmutable-globals",
  "-mnontrapping-fptoint",
  "-msign-ext",
  // A page loads the file: what makes it larger and no faster is left out. Loops of unknown length are unrolled where SH_UNROLL says it.
  "-mllvm",
  "-unroll-runtime=false",
  "-w",
];
/** Of the gate's functions, which check arguments. */
const SMALL = ["-Oz"];
const SETS = { simd128: [], relaxed_simd: ["-mrelaxed-simd"] };

function version() {
  try {
    return execFileSync(CLANG, ["--version"], { encoding: "utf8" });
  } catch {
    return "";
  }
}
if (!version().includes(PINNED)) {
  console.error(
    `${CLANG} ${PINNED} was not found: the kernels are built with this version alone, so that anyone gets the same file.`,
  );
  process.exit(2);
}

const gate = readFileSync(join(native, "gate.h"), "utf8");
const names = [...gate.slice(gate.indexOf("#define SHOSHIN_EXPORTS")).matchAll(/X\((\w+), \d+\)/g)].map((m) => m[1]);
const EXPORTS = [
  ...names.map((name) => `sh_${name}`),
  "sh_params",
  "sh_error",
  "sh_isa",
  "sh_address",
  "sh_limit",
  "sh_ready",
  "sh_worker",
  "sh_block",
  "__wasm_call_ctors",
  "__wasm_init_tls",
  "__tls_size",
  "__stack_pointer",
];

const work = mkdtempSync(join(tmpdir(), "shoshin-wasm-"));
let differs = false;
try {
  for (const [set, flags] of Object.entries(SETS)) {
    for (const shared of [false, true]) {
      const file = `${set.replace("_", "-")}${shared ? "-threads" : ""}.wasm`;
      const threads = shared ? ["-matomics", "-DSHOSHIN_WASM_THREADS"] : [];
      const compile = (source, name, more = []) => {
        const object = join(work, `${name}.o`);
        execFileSync(CLANG, [...COMMON, ...flags, ...threads, ...more, "-c", join(native, source), "-o", object], {
          stdio: "inherit",
        });
        return object;
      };
      const objects = [
        compile("kernels/all.cc", "all", [`-DSHOSHIN_ISA_NAME=${set}`]),
        compile("gate.cc", "gate", SMALL),
        compile("gate_recurrent.cc", "gate_recurrent", SMALL),
        compile("gate_attention.cc", "gate_attention", SMALL),
        compile("storage.cc", "storage"),
        compile("dispatch.cc", "dispatch", [`-DSHOSHIN_HAS_${set.toUpperCase()}`]),
        compile("wasm/threads.cc", "threads"),
        compile("wasm/libc.cc", "libc"),
      ];
      const built = join(work, file);
      const link = [
        "--no-entry",
        "--strip-all",
        "--gc-sections",
        "-O2",
        "--import-memory",
        "-z",
        "stack-size=1048576",
        "--initial-memory=16777216",
        "--max-memory=4294967296",
        ...(shared ? ["--shared-memory"] : []),
        ...EXPORTS.map((name) => `--export-if-defined=${name}`),
      ];
      execFileSync(LD, [...link, ...objects, "-o", built], { stdio: "inherit" });
      const bytes = readFileSync(built);
      const kept = join(out, file);
      if (!check) {
        mkdirSync(out, { recursive: true });
        writeFileSync(kept, bytes);
        console.log(`${file}: ${bytes.length} bytes`);
        continue;
      }
      const same = existsSync(kept) && readFileSync(kept).equals(bytes);
      differs ||= !same;
      console.log(`${file}: ${bytes.length} bytes${same ? "" : ", differs from the one kept"}`);
    }
  }
} finally {
  rmSync(work, { recursive: true, force: true });
}
if (differs) {
  console.error("The WebAssembly files are not what the sources give: run `node native/wasm/build.mjs` and commit.");
  process.exit(1);
}
