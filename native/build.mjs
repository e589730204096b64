// Builds the addon at `npm install` where the package has none for this platform. Downloads nothing; without a compiler it
// warns and succeeds, and the kernels run as WebAssembly.
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { COMMON, compileAddon, headers, setsOf } from "./compile.mjs";

const here = dirname(fileURLToPath(import.meta.url));
const out = join(here, "build");
const target = join(out, "shoshin.node");
const prebuilt = join(here, "prebuilt", `${process.platform}-${process.arch}`, "shoshin.node");

function warn(what, hint) {
  console.warn(`shoshin: the addon was not built: ${what}`);
  console.warn(`shoshin: everything works without it, but several times slower. ${hint}`);
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

// Another C library than the one it was built with: then it is compiled here.
function prebuiltLoads() {
  // In a checkout it may be older than the sources.
  const checkout = existsSync(join(here, "..", ".git"));
  if (!existsSync(prebuilt) || checkout || process.env.SHOSHIN_COMPILE) return false;
  try {
    execFileSync(process.execPath, ["-e", `require(${JSON.stringify(prebuilt)})`], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

async function build() {
  if (process.env.SHOSHIN_SKIP_BUILD)
    return warn("SHOSHIN_SKIP_BUILD is set", "Run `node native/build.mjs` to build it.");
  if (prebuiltLoads()) return;
  if (process.platform === "win32") return warn("Windows is not supported yet", "Use WSL for full speed.");
  const cxx = compiler();
  const install =
    "Install g++ or clang++ (Debian: apt install g++; macOS: xcode-select --install) and run `npm rebuild shoshin`.";
  if (!cxx) return warn("no C++ compiler was found", install);
  const include = headers();
  if (!include) return warn("Node's headers (node_api.h) were not found", "Install node-api-headers.");
  const { arch, platform } = process;
  const print = fingerprint([cxx.version, arch, platform, JSON.stringify(setsOf(arch)), COMMON.join(" ")]);
  const stamp = join(out, "stamp");
  if (existsSync(target) && existsSync(stamp) && readFileSync(stamp, "utf8") === print) return;
  const work = join(out, `work-${process.pid}`);
  mkdirSync(work, { recursive: true });
  try {
    const addon = await compileAddon({ cxx: cxx.name, arch, include, work });
    rmSync(stamp, { force: true });
    renameSync(addon, target);
    writeFileSync(stamp, print);
  } catch (error) {
    const text = String(error.stderr ?? error.message).trim();
    warn(`${cxx.name} failed: ${text.split("\n").slice(-8).join("\n")}`, install);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}

await build();
