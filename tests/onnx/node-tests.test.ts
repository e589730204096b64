import { existsSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { describe, expect, it } from "vitest";
import type { Tensor } from "../../src/index.ts";
import { BACKENDS, itOn } from "../backends.ts";
import { readModel, readTar, readTensor } from "./model.ts";
import { OPERATORS } from "./operators.ts";
import { runNodes } from "./run.ts";
import { DTYPES, load, Skip } from "./tools.ts";

/** ONNX's own operator cases. SHOSHIN_ONNX_TESTS names another archive; without data the suite says that it skips. */
const shared = process.env.SHOSHIN_DATA ?? fileURLToPath(new URL("../../../shared/data", import.meta.url));
const archive = process.env.SHOSHIN_ONNX_TESTS ?? join(shared, "onnx_node_tests", "node_tests_a.tar.gz");

if (!existsSync(archive)) it.skip("ONNX operator cases: skipped, no data", () => {});
else {
  const files = readTar(archive);
  const names = [...files.keys()]
    .filter((path) => path.endsWith("model.onnx"))
    .map((path) => path.slice(0, -"/model.onnx".length));
  const skipped = new Map<string, string[]>();
  const skip = (reason: string, name: string) => {
    skipped.set(reason, [...(skipped.get(reason) ?? []), name.split("/").pop() as string]);
  };
  const runnable = names.filter((name) => {
    const model = readModel(files.get(`${name}/model.onnx`) as Uint8Array);
    const missing = model.nodes.find(
      (node) => !(node.op in OPERATORS) || !["", "ai.onnx", "ai.onnx.preview.training"].includes(node.domain),
    );
    if (missing) skip(`operator ${missing.op} is not built`, name);
    return missing === undefined;
  });
  const passed = { native: 0, wasm: 0, reference: 0 };

  describe.each(BACKENDS)("ONNX operator cases on %s", (backend) => {
    const it = itOn(backend);
    it.each(runnable)("%s", (name) => {
      const model = readModel(files.get(`${name}/model.onnx`) as Uint8Array);
      const part = (kind: string, i: number) => files.get(`${name}/test_data_set_0/${kind}_${i}.pb`);
      try {
        const known = new Map<string, Tensor>(model.initializers.map((t) => [t.name, load(t)]));
        model.inputs.forEach((input, i) => {
          const bytes = part("input", i);
          if (bytes && bytes.length > 0) known.set(input, load(readTensor(bytes)));
        });
        runNodes(model, known);
        model.outputs.forEach((output, at) => {
          const got = known.get(output);
          const bytes = part("output", at);
          if (got === undefined || bytes === undefined) return;
          const want = readTensor(bytes);
          expect(got.shape).toEqual(want.dims);
          if (DTYPES[want.type] !== undefined) expect(got.dtype).toBe(DTYPES[want.type]);
          got.data().forEach((v, i) => {
            const w = want.values[i];
            if (Number.isNaN(w) ? Number.isNaN(v) : v === w) return;
            expect(Math.abs(v - w), `element ${i}: ${v}, not ${w}`).toBeLessThanOrEqual(1e-6 + 1e-5 * Math.abs(w));
          });
        });
        passed[backend]++;
      } catch (error) {
        if (!(error instanceof Skip)) throw error;
        if (backend === "native") skip(error.message, name);
      }
    });
  });

  it("says what was left out", () => {
    const lines = [...skipped].map(
      ([reason, list]) => `${reason}: ${list.length} (${list.slice(0, 3).join(", ")}${list.length > 3 ? ", …" : ""})`,
    );
    console.log(`ONNX: ${names.length} cases, passed: ${JSON.stringify(passed)}; left out:\n${lines.join("\n")}`);
    expect(Math.max(...Object.values(passed))).toBeGreaterThan(0);
  });
}
