import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, describe, expect, it } from "vitest";
import { SafetensorsFile, writeSafetensors } from "../../../src/formats/index.ts";
import { manualSeed, noGrad, type Tensor, tensor } from "../../../src/index.ts";
import { autoModels, newModules, PeftModel, type PreTrainedModel } from "../../../src/models/index.ts";
import { AdamW } from "../../../src/optim/index.ts";
import { folderIn, temporaryFolder } from "../../folder.ts";
import { fill, fingerprint, inputIds, near, recorded } from "./recorded.ts";

const root = temporaryFolder();
let folder: string;
beforeEach(() => {
  folder = folderIn(root);
});

const HEADS = { bert: "sequenceClassification", gpt2: "causalLm" } as const;
type Name = keyof typeof HEADS;
const cases = recorded("lora");
const build = (name: Name): PreTrainedModel => {
  const family = autoModels.family({ model_type: name }, "");
  const Model = autoModels.classOf(family, HEADS[name]);
  return fill(new Model(family.config.parse(cases[name].config)));
};
const inputs = (name: Name) => {
  const ids = inputIds(2, 7, 50);
  return { inputIds: ids, labels: name === "gpt2" ? ids : tensor(Int32Array.of(2, 0)) };
};
/** As record_lora.py writes it. */
function writeAdapter(name: Name, change: object = {}): void {
  writeFileSync(join(folder, "adapter_config.json"), JSON.stringify({ ...cases[name].adapter, ...change }));
  const shapes = Object.entries(cases[name].shapes as Record<string, number[]>).sort(([a], [b]) => (a < b ? -1 : 1));
  const tensors = shapes.map(([key, shape], k) => {
    const numel = shape.reduce((n, s) => n * s, 1);
    return [key, { shape, data: Float32Array.from({ length: numel }, (_, i) => 0.2 * Math.cos(0.7 * i + k)) }] as const;
  });
  writeSafetensors(join(folder, "adapter_model.safetensors"), new Map(tensors));
}
const logits = (model: PreTrainedModel, name: Name) => noGrad(() => model.forward(inputs(name)).logits).data();

describe.each(["bert", "gpt2"] as const)("an adapter of PEFT's for %s", (name) => {
  it("gives its logits, loss and gradients, alone and merged, and is saved as it was", () => {
    writeAdapter(name);
    const peft = PeftModel.fromPretrained(build(name), folder);
    const want = cases[name];
    near(logits(peft.model, name), want.logits);
    const { loss } = peft.model.forward(inputs(name));
    near([loss.item()], [want.loss]);
    loss.backward();
    const own = new Map([...peft.model.namedParameters()].map(([key, p]) => [`base_model.model.${key}`, p]));
    // Two sums over all elements: the order of summing differs from door to door.
    for (const [key, numbers] of Object.entries(want.gradients as Record<string, number[]>))
      near(fingerprint((own.get(key) as Tensor).grad?.data() ?? []), numbers, 3e-5);
    const still = [...own].filter(([key]) => !(key in want.gradients));
    expect(still.every(([, p]) => p.grad === undefined && p.gradBuffer === undefined)).toBe(true);

    const other = join(folder, "saved");
    peft.savePretrained(other);
    using before = SafetensorsFile.open(join(folder, "adapter_model.safetensors"));
    using after = SafetensorsFile.open(join(other, "adapter_model.safetensors"));
    expect(after.names().sort()).toEqual(before.names().sort());
    for (const key of after.names()) expect(after.read(key)).toEqual(before.read(key));
    const json = JSON.parse(readFileSync(join(other, "adapter_config.json"), "utf8"));
    const { target_modules, ...rest } = want.adapter;
    expect([...json.target_modules].sort()).toEqual([...target_modules].sort());
    for (const key of Object.keys(json).filter((k) => k in rest && !/base_model|inference_mode/.test(k)))
      expect([key, json[key]]).toEqual([key, rest[key]]);

    const names = [...build(name).stateDict().keys()];
    const merged = peft.mergeAndUnload();
    expect([...merged.stateDict().keys()]).toEqual(names);
    near(logits(merged, name), want.logits);
  });
});

describe("LoRA", () => {
  it("changes nothing at first; then only the adapter and the head learn", () => {
    const model = build("bert");
    const plain = logits(model, "bert");
    manualSeed(1);
    const heads = newModules(model, ["bert.pooler.dense.weight", "classifier.weight"]);
    expect(heads).toEqual(["classifier", "bert.pooler.dense"]);
    const peft = new PeftModel(model, { r: 2, modulesToSave: ["classifier"] });
    expect(logits(model, "bert")).toEqual(plain);
    const learned = [...model.namedParameters()].filter(([, p]) => p.requiresGrad).map(([key]) => key);
    expect(learned).toHaveLength(2 * 2 * 2 + 2);
    const before = new Map([...model.namedParameters()].map(([key, p]) => [key, p.data()]));
    const optimizer = new AdamW(
      model.parameters().filter((p) => p.requiresGrad),
      { lr: 0.1 },
    );
    const losses = Array.from({ length: 8 }, () => {
      const { loss } = model.forward(inputs("bert"));
      loss.backward();
      optimizer.step();
      optimizer.zeroGrad();
      return loss.item();
    });
    expect(losses[7]).toBeLessThan(0.5 * losses[0]);
    for (const [key, p] of model.namedParameters()) {
      if (learned.includes(key)) expect(p.data(), key).not.toEqual(before.get(key));
      else expect(p.data(), key).toEqual(before.get(key));
    }
    const trained = logits(model, "bert");
    near(logits(peft.mergeAndUnload(), "bert"), [...trained]);
  });

  it("takes every linear layer but the output with all-linear, or a regular expression", () => {
    const count = (targetModules: string) => {
      const { model } = new PeftModel(build("bert"), { targetModules });
      return [...model.namedParameters()].filter(([key]) => key.endsWith("lora_A.weight")).length;
    };
    expect(count("all-linear")).toBe(2 * 6 + 1);
    expect(count(".*\\.0\\.attention\\.self\\.(query|key)")).toBe(2);
  });

  it("names what does not fit", () => {
    expect(() => new PeftModel(build("bert"), { targetModules: ["q_proj"] })).toThrow('no linear layer ["q_proj"]');
    expect(() => new PeftModel(build("bert"), { r: 0 })).toThrow("rank of 0");
    expect(() => new PeftModel(build("bert"), { targetModules: "(" })).toThrow(/LoRA: .*(regular expression|parenthe)/);
    expect(() => new PeftModel(build("bert"), { targetModules: "(a+|[a-z])+x" })).toThrow(/LoRA: .*exponential time/);
    const open = (name: Name, change?: object) => () => {
      writeAdapter("bert", change);
      return PeftModel.fromPretrained(build(name), folder);
    };
    expect(open("bert", { use_dora: true })).toThrow("use_dora is not known here");
    expect(open("bert", { peft_type: "IA3" })).toThrow("an adapter of the kind IA3");
    expect(open("bert", { r: "many" })).toThrow(/adapter_config\.json: r: /);
    expect(open("bert", { target_modules: ["query"] })).toThrow("unexpected: base_model.model.bert.encoder");
    expect(open("bert", { r: 5 })).toThrow(/expected \[5, 8\], found \[2, 8\]/);
    expect(open("gpt2")).toThrow("no linear layer");
    writeFileSync(join(folder, "adapter_config.json"), "{");
    expect(() => PeftModel.fromPretrained(build("bert"), folder)).toThrow("not JSON");
  });
});
