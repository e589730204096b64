import { join } from "node:path";
import type { Tensor } from "shoshin";
import { openWeights, weightsOf, writePyTorch } from "shoshin/formats";
import * as nn from "shoshin/nn";
import { loadWeights, saveWeights } from "shoshin/train";
import { expect, it } from "vitest";
import { temporaryFolder } from "../folder.ts";

class Tied extends nn.Module {
  wte = new nn.Embedding(5, 3);
  lm_head = new nn.Linear(3, 5, { bias: false });
  constructor() {
    super();
    this.lm_head.weight = this.wte.weight;
  }
  forward(ids: Tensor) {
    return this.lm_head(this.wte(ids));
  }
}

const folder = temporaryFolder();

it("tied weights are written under both names, which a strict reader wants, and read again", () => {
  const net = new Tied();
  for (const name of ["a.safetensors", "a.pt"]) {
    const path = join(folder, name);
    if (name.endsWith(".pt")) writePyTorch(path, weightsOf(net));
    else saveWeights(net, path);
    {
      using file = openWeights(path);
      expect(file.names().sort()).toEqual(["lm_head.weight", "wte.weight"]);
    }
    const again = new Tied();
    loadWeights(again, path);
    expect(again.lm_head.weight.data()).toEqual(net.wte.weight.data());
    expect(again.lm_head.weight).toBe(again.wte.weight);
  }
});
