import { inspect } from "node:util";
import { ones, type Tensor } from "shoshin";
import * as nn from "shoshin/nn";
import { describe, expect, it } from "vitest";

describe("a module prints as print(model) does in PyTorch", () => {
  // print(m) of PyTorch 2.13, with our names (inFeatures for in_features) and true for True; sizes as [4] for (4,).
  const LAYERS: [nn.Module, string][] = [
    [new nn.Linear(3, 4, { bias: false }), "Linear(inFeatures=3, outFeatures=4, bias=false)"],
    [new nn.Embedding(5, 3, { paddingIdx: 1 }), "Embedding(5, 3, paddingIdx=1)"],
    [new nn.EmbeddingBag(5, 3), "EmbeddingBag(5, 3, mode='mean')"],
    [new nn.LayerNorm(4), "LayerNorm([4], eps=1e-5, elementwiseAffine=true, bias=true)"],
    [
      new nn.LayerNorm([3, 4], { elementwiseAffine: false }),
      "LayerNorm([3, 4], eps=1e-5, elementwiseAffine=false, bias=false)",
    ],
    [new nn.Dropout(0.1), "Dropout(p=0.1)"],
    [new nn.GELU({ approximate: "tanh" }), "GELU(approximate='tanh')"],
    [new nn.ReLU(), "ReLU()"],
    [new nn.LeakyReLU(0.2), "LeakyReLU(negativeSlope=0.2)"],
    [new nn.Softplus(), "Softplus(beta=1, threshold=20)"],
    [new nn.LogSoftmax(1), "LogSoftmax(dim=1)"],
    [new nn.Flatten(), "Flatten(startDim=1, endDim=-1)"],
    [
      new nn.LSTM(3, 4, { numLayers: 2, batchFirst: true, dropout: 0.1, bidirectional: true }),
      "LSTM(3, 4, numLayers=2, batchFirst=true, dropout=0.1, bidirectional=true)",
    ],
    [new nn.GRU(3, 4, { bias: false }), "GRU(3, 4, bias=false)"],
    [new nn.Sequential(), "Sequential()"],
    [new nn.ModuleList(), "ModuleList()"],
  ];
  it.each(LAYERS.map(([m, text]) => [text, m] as const))("%s", (text, m) => expect(String(m)).toBe(text));

  it("with children by name, lists folded", () => {
    class Block extends nn.Module {
      norm = new nn.RMSNorm(4, { eps: 0.01 });
      act = new nn.SiLU();
      forward(x: Tensor) {
        return this.act(this.norm(x));
      }
    }
    class Net extends nn.Module {
      hidden = new nn.Linear(784, 128);
      blocks = new nn.ModuleList([new Block(), new Block(), new nn.ReLU()]);
      layers = [new nn.Tanh(), new nn.Tanh()];
      heads = { a: new nn.Linear(1, 2), b: [new nn.Identity()] };
      seq = new nn.Sequential(new nn.Linear(1, 1), new nn.Linear(1, 1));
      dict = new nn.ModuleDict({ x: new nn.ReLU() });
      list = new nn.ParameterList([ones([2, 3]), ones([1])]);
      self = this;
      forward() {}
    }
    const text = `Net(
  (hidden): Linear(inFeatures=784, outFeatures=128, bias=true)
  (blocks): ModuleList(
    (0-1): 2 x Block(
      (norm): RMSNorm([4], eps=0.01, elementwiseAffine=true)
      (act): SiLU()
    )
    (2): ReLU()
  )
  (layers): ModuleList(
    (0-1): 2 x Tanh()
  )
  (heads): ModuleDict(
    (a): Linear(inFeatures=1, outFeatures=2, bias=true)
    (b): ModuleList(
      (0): Identity()
    )
  )
  (seq): Sequential(
    (0): Linear(inFeatures=1, outFeatures=1, bias=true)
    (1): Linear(inFeatures=1, outFeatures=1, bias=true)
  )
  (dict): ModuleDict(
    (x): ReLU()
  )
  (list): ParameterList(
      (0): Parameter containing: [float32 of size 2x3]
      (1): Parameter containing: [float32 of size 1]
  )
  (self): Net(…)
)`;
    expect(String(new Net())).toBe(text);
    expect(inspect(new Net())).toBe(text);
    expect(inspect({ model: new nn.ReLU() })).toBe("{ model: ReLU() }");
  });

  it("and what a class of one's own says about itself", () => {
    class Scale extends nn.Module {
      forward() {}
      override extraRepr() {
        return "factor=2";
      }
    }
    expect(String(new Scale())).toBe("Scale(factor=2)");
    class Both extends Scale {
      lin = new nn.Identity();
    }
    expect(String(new Both())).toBe("Both(\n  factor=2\n  (lin): Identity()\n)");
  });
});
