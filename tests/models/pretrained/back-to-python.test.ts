import { spawnSync } from "node:child_process";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { noGrad, tensor } from "../../../src/index.ts";
import { autoModels, type HeadOutput, type PreTrainedModel } from "../../../src/models/index.ts";
import { temporaryFolder } from "../../folder.ts";
import { fill, near, recorded } from "./recorded.ts";

const PYTHON = process.env.SHOSHIN_PYTHON;
const SCRIPT = join(import.meta.dirname, "../../../scripts/record/reopen_decoders.py");
const there =
  PYTHON !== undefined && spawnSync(PYTHON, ["-c", "import torch, transformers"], { stdio: "ignore" }).status === 0;

const folder = temporaryFolder();

type Json = Record<string, unknown>;

/** Folders that are saved here open in Transformers, nothing missing and nothing left over, and compute the same. */
describe.skipIf(!there)(
  "saved folders open in Python (skipped unless SHOSHIN_PYTHON has torch and transformers)",
  () => {
    it.each(["llama", "qwen2", "mistral", "gpt2"])(
      "%s, read in either layout",
      (family) => {
        const inputIds = tensor(
          Int32Array.from({ length: 20 }, (_, i) => ((i * 7 + 5) % 20) + 4),
          [2, 10],
        );
        const models = (recorded(`odd-${family}`) as { name: string; v4: Json; v5: Json }[]).flatMap((c, i) =>
          (["v4", "v5"] as const).map((layout) => {
            const { config, heads } = autoModels.family(c[layout], c.name);
            const Model = heads.causalLm as NonNullable<typeof heads.causalLm>;
            const model = fill(new Model(config.parse(c[layout]))) as PreTrainedModel & {
              forward(x: object): HeadOutput;
            };
            const path = join(folder, `${family}-${i}-${layout}`);
            model.savePretrained(path);
            return {
              name: `${c.name}, ${layout}`,
              path,
              logits: noGrad(() => [...model.forward({ inputIds }).logits.data()]),
            };
          }),
        );
        const run = spawnSync(PYTHON as string, [SCRIPT, ...models.map((m) => m.path)], {
          encoding: "utf8",
          maxBuffer: 1 << 28,
          env: { ...process.env, HF_HUB_OFFLINE: "1" },
        });
        expect(run.status, run.stderr).toBe(0);
        const found = JSON.parse(run.stdout) as { logits: number[] }[];
        expect(found).toHaveLength(models.length);
        for (const [i, { logits, ...keys }] of found.entries()) {
          expect(keys, models[i].name).toEqual({ missing_keys: [], unexpected_keys: [], mismatched_keys: [] });
          near(logits, models[i].logits);
        }
      },
      600_000,
    );
  },
);
