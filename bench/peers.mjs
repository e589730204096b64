// PyTorch as it comes, and with MKL's AVX-512 path opened on AMD by a preloaded one-line library. Development only.
import { execFileSync, spawn } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { cpus, tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

const python = process.env.SHOSHIN_PYTHON ?? "python3";
const script = fileURLToPath(new URL("./torch_peer.py", import.meta.url));

class Peer {
  constructor(name, env) {
    this.name = name;
    this.child = spawn(python, [script], { env: { ...process.env, ...env }, stdio: ["pipe", "pipe", "ignore"] });
    this.lines = createInterface({ input: this.child.stdout })[Symbol.asyncIterator]();
  }
  async ask(request) {
    this.child.stdin.write(`${JSON.stringify(request)}\n`);
    const { value, done } = await this.lines.next();
    return done ? Number.NaN : JSON.parse(value);
  }
}

export class Peers {
  list = [];
  notes = [];
  static async start() {
    const peers = new Peers();
    const stock = new Peer("PyTorch stock", {});
    stock.child.on("error", () => {});
    const version = await stock.ask({ op: "version" }).catch(() => Number.NaN);
    if (typeof version !== "string") {
      peers.notes.push(`PyTorch left out: ${python} cannot import torch (SHOSHIN_PYTHON names another Python)`);
      return peers;
    }
    stock.version = version;
    peers.list.push(stock);
    if (/AMD|EPYC|Ryzen/i.test(cpus()[0]?.model ?? "")) {
      try {
        peers.folder = mkdtempSync(join(tmpdir(), "shoshin-mkl-"));
        const source = join(peers.folder, "mkl.c");
        const library = join(peers.folder, "mkl.so");
        writeFileSync(source, "int mkl_serv_intel_cpu_true(void) { return 1; }\n");
        execFileSync("cc", ["-shared", "-fPIC", "-o", library, source]);
        const opened = new Peer("PyTorch AVX-512", { LD_PRELOAD: library });
        opened.version = await opened.ask({ op: "version" });
        peers.list.push(opened);
      } catch (error) {
        peers.notes.push(`PyTorch with MKL's AVX-512 path left out: ${error.message}`);
      }
    } else peers.notes.push("This is no AMD processor: PyTorch takes MKL's AVX-512 path by itself, stock is its best");
    return peers;
  }
  end() {
    for (const peer of this.list) peer.child.kill();
    if (this.folder) rmSync(this.folder, { recursive: true, force: true });
  }
}
