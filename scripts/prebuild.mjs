// Before packing: addons for Linux, one for each architecture whose compiler is here (N-API: the same for every Node).
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, renameSync, rmSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compileAddon, headers } from "../native/compile.mjs";

const native = fileURLToPath(new URL("../native", import.meta.url));
const compilers = { x64: "x86_64-linux-gnu-g++", arm64: "aarch64-linux-gnu-g++" };
// Symbols of a newer C library would keep the addon from loading on older systems.
const OLDEST_GLIBC = [2, 34];

rmSync(join(native, "prebuilt"), { recursive: true, force: true });
for (const [arch, cxx] of Object.entries(process.platform === "linux" ? compilers : {})) {
  try {
    execFileSync(cxx, ["--version"], { stdio: "ignore" });
  } catch {
    console.error(`prebuilt addon for linux-${arch}: left out, no ${cxx}`);
    continue;
  }
  const folder = join(native, "prebuilt", `linux-${arch}`);
  mkdirSync(folder, { recursive: true });
  const work = mkdtempSync(join(native, "prebuilt", "work-"));
  try {
    const addon = await compileAddon({ cxx, arch, include: headers(), work });
    const strip = cxx.replace("g++", "strip");
    execFileSync(strip, ["--strip-unneeded", addon]);
    const symbols = execFileSync(cxx.replace("g++", "objdump"), ["-T", addon], { encoding: "utf8" });
    const newest = [...symbols.matchAll(/GLIBC_(\d+)\.(\d+)/g)]
      .map((m) => [Number(m[1]), Number(m[2])])
      .sort((a, b) => b[0] - a[0] || b[1] - a[1])[0];
    if (newest && (newest[0] > OLDEST_GLIBC[0] || newest[1] > OLDEST_GLIBC[1])) {
      throw new Error(`linux-${arch} needs glibc ${newest.join(".")}; ${OLDEST_GLIBC.join(".")} is the newest allowed`);
    }
    renameSync(addon, join(folder, "shoshin.node"));
    console.error(`prebuilt addon for linux-${arch} (glibc ${newest?.join(".") ?? "any"})`);
  } finally {
    rmSync(work, { recursive: true, force: true });
  }
}
