import { noGrad, ones, type Tensor, tensor, zeros } from "shoshin";
import * as nn from "shoshin/nn";
import { SGD } from "shoshin/optim";
import { afterEach, describe, expect, it, vi } from "vitest";

const names = (m: nn.Module) => Array.from(m.namedParameters(), ([name]) => name);

afterEach(() => vi.restoreAllMocks());

describe("what a module holds", () => {
  class Everything extends nn.Module {
    first = new nn.Parameter(zeros([2]));
    heads = { a: new nn.Linear(2, 3), deeper: { b: new nn.Linear(2, 1, { bias: false }) } };
    layers = [[new nn.Linear(2, 2), new nn.Linear(2, 2)], new nn.Linear(2, 2)];
    byName = new Map<string | number, unknown>([
      ["x", new nn.LayerNorm(2)],
      [7, [new nn.Parameter(zeros([1]))]],
    ]);
    some = new Set([new nn.Parameter(ones([3])), "no module"]);
    scales = [new nn.Parameter(zeros([2])), new nn.Parameter(zeros([2]))];
    date = new Date();
    typed = new Float32Array(4);
    plain = ones([2]);
    config = { sizes: [1, 2, 3], nothing: null, when: undefined };
    forward(x: Tensor) {
      return this.heads.a(x);
    }
  }

  it("is found in objects, arrays, Maps and Sets, in the order of definition", () => {
    const net = new Everything();
    expect(names(net)).toEqual([
      "first",
      "byName.7.0",
      "some.0",
      "scales.0",
      "scales.1",
      "heads.a.weight",
      "heads.a.bias",
      "heads.deeper.b.weight",
      "layers.0.0.weight",
      "layers.0.0.bias",
      "layers.0.1.weight",
      "layers.0.1.bias",
      "layers.1.weight",
      "layers.1.bias",
      "byName.x.weight",
      "byName.x.bias",
    ]);
    expect([...net.stateDict().keys()]).toEqual(names(net));
    expect(net.parameters()).toHaveLength(16);
    expect(net.children()).toHaveLength(6);
    net.eval();
    expect([...net.modules()].every((m) => !m.training)).toBe(true);
    expect(net.freeze(/^heads\./)).toBe(3);
    expect(net.heads.a.weight.requiresGrad).toBe(false);
    expect(net.requiresGrad_().heads.a.weight.requiresGrad).toBe(true);
    expect(nn.summary(net)).toContain("heads.deeper.b");
    expect(net.getParameter("heads.a.weight")).toBe(net.heads.a.weight);
    expect(net.getSubmodule("layers.0.1")).toBe((net.layers[0] as nn.Linear[])[1]);
    expect(() => net.getSubmodule("layers.0.9")).toThrow(/no module layers.0.9/);
    expect(() => net.getParameter("heads.a.wieght")).toThrow(
      expect.objectContaining({ hint: "Did you mean heads.a.weight?" }),
    );
  });

  it("trains in a nested place, and goes there and back in a state dict", () => {
    const [a, b] = [new Everything(), new Everything()];
    const x = ones([4, 2]);
    const before = a.heads.a.weight.data().slice();
    const optimizer = new SGD(a.parameters(), { lr: 0.1 });
    a(x).sum().backward();
    optimizer.step();
    expect(a.heads.a.weight.data()).not.toEqual(before);
    b.loadStateDict(a.stateDict());
    expect(b(x).data()).toEqual(a(x).data());
    a.zeroGrad();
    expect(a.heads.a.weight.grad).toBeUndefined();
  });

  it("may hold itself: parents, configurations, neighbours", () => {
    class Child extends nn.Module {
      parent: nn.Module;
      config: Record<string, unknown>;
      siblings: Child[] = [];
      lin = new nn.Linear(1, 1, { bias: false });
      constructor(parent: nn.Module) {
        super();
        this.parent = parent;
        this.config = { parent, list: [] };
        this.config.self = this.config;
        (this.config.list as unknown[]).push(this.config, this);
      }
      forward() {}
    }
    class Parent extends nn.Module {
      blocks = Array.from({ length: 24 }, () => new Child(this));
      constructor() {
        super();
        for (const b of this.blocks) b.siblings = this.blocks;
      }
      forward() {}
    }
    const net = new Parent();
    expect(net.parameters()).toHaveLength(24);
    expect(net.stateDict().size).toBe(24);
    expect([...net.modules()]).toHaveLength(49);
    expect(net.train(false).apply(() => {}).training).toBe(false);
    expect(String(net).length).toBeLessThan(1e6);
  });

  it("is looked for quickly in large data, and deep lists end", () => {
    class Big extends nn.Module {
      table = Array.from({ length: 1e5 }, (_, i) => [i, i + 1]);
      words = new Map(Array.from({ length: 1e5 }, (_, i) => [`w${i}`, i]));
      chain: Record<string, unknown> = {};
      lin = new nn.Linear(1, 1);
      constructor() {
        super();
        for (let i = 0; i < 1e5; i++) this.chain = { next: this.chain };
        let shared: unknown[] = [];
        for (let i = 0; i < 60; i++) shared = [shared, shared];
        this.chain.shared = shared;
      }
      forward() {}
    }
    expect(names(new Big())).toEqual(["lin.weight", "lin.bias"]);
  });

  it("needs names: two of one name and keys that are none are refused", () => {
    class Clash extends nn.Module {
      heads: unknown = new Map([["a.weight", new nn.Parameter(zeros([1]))]]);
      forward() {}
    }
    const net = new Clash();
    expect(names(net)).toEqual(["heads.a.weight"]);
    Object.assign(net, { "heads.a": new nn.Linear(1, 1) });
    expect(() => net.parameters()).toThrow(/two tensors are called heads.a.weight/);
    expect(() => net.stateDict()).toThrow(nn.StateDictError);
    net.heads = new Map([[{}, 5]]);
    expect(names(net)).toEqual(["heads.a.weight", "heads.a.bias"]);
    net.heads = new Map([[{}, new nn.Linear(1, 1)]]);
    expect(() => net.parameters()).toThrow(/key of the Map/);
  });

  it("shares: tied weights count once and have both names", () => {
    class Tied extends nn.Module {
      wte = new nn.Embedding(5, 3);
      lm_head = new nn.Linear(3, 5, { bias: false });
      constructor() {
        super();
        this.wte.weight = this.lm_head.weight;
      }
      forward(ids: Tensor) {
        return this.lm_head(this.wte(ids));
      }
    }
    const net = new Tied();
    expect(names(net)).toEqual(["wte.weight"]);
    expect([...net.stateDict().keys()]).toEqual(["wte.weight", "lm_head.weight"]);
    expect(net.parameterCount()).toBe(15);
    net(tensor(new Int32Array([1])))
      .sum()
      .backward();
    expect(net.wte.weight.grad).toBe(net.lm_head.weight.grad);
  });
});

describe("a module", () => {
  class Net extends nn.Module {
    #calls = 0;
    hidden = new nn.Linear(3, 4);
    override name = "mine";
    override length = 12;
    forward(x: Tensor, scale = 1) {
      this.#calls++;
      return this.hidden(x).mul(scale);
    }
    get calls() {
      return this.#calls;
    }
  }
  it("is called like a function, with the types of forward", () => {
    const net = new Net();
    const x = ones([2, 3]);
    const y: Tensor = net(x, 2);
    expect(y.data()).toEqual(net.forward(x, 2).data());
    expect(net.calls).toBe(2);
    // @ts-expect-error forward takes a Tensor
    expect(() => net("x")).toThrow();
    const { output, state } = new nn.LSTM(3, 2)(x);
    expect([output.shape, state[0].shape]).toEqual([
      [2, 2],
      [1, 2],
    ]);
    expect(net).toBeInstanceOf(nn.Module);
    expect([net.name, net.length]).toEqual(["mine", 12]);
    expect(new nn.Linear(1, 1).name).toBeUndefined();
    class Assigned extends nn.Identity {
      constructor() {
        super();
        Object.assign(this, { name: new nn.Linear(1, 1, { bias: false }) });
      }
    }
    expect(names(new Assigned())).toEqual(["name.weight"]);
  });
  it("can be spied on, patched and frozen before its first call", () => {
    const net = new Net();
    const spy = vi.spyOn(net, "forward");
    for (let i = 0; i < 3; i++) net(ones([1, 3]));
    expect(spy).toHaveBeenCalledTimes(3);
    const patched = new Net();
    patched.forward = (x) => x;
    expect(patched(ones([1, 3])).shape).toEqual([1, 3]);
    expect(Object.freeze(new Net()).forward(ones([1, 3])).shape).toEqual([1, 4]);
    class Nothing extends (nn.Module as unknown as typeof nn.Identity) {}
    expect(() => new Nothing()(ones([1]))).toThrow(/Nothing has no forward/);
  });
  it("has buffers, saved or not", () => {
    class Masked extends nn.Module {
      declare mask: Tensor;
      lin = new nn.Linear(1, 1);
      constructor() {
        super();
        this.registerBuffer("mask", ones([2]));
        this.registerBuffer("cache", zeros([1]), { persistent: false });
      }
      forward() {}
    }
    const net = new Masked();
    expect(net.mask.shape).toEqual([2]);
    expect([...net.stateDict().keys()]).toEqual(["mask", "lin.weight", "lin.bias"]);
    expect(Array.from(net.namedBuffers(), ([name]) => name)).toEqual(["mask", "cache"]);
    net.mask = zeros([3]);
    expect(net.stateDict().get("mask")).toBe(net.mask);
    expect(net.getBuffer("mask")).toBe(net.mask);
    expect(net.parameters()).toHaveLength(2);
    // @ts-expect-error no such option
    expect(() => net.registerBuffer("x", ones([1]), { persistant: true })).toThrow(/unknown option persistant/);
  });
  it("registers by name what private fields hold", () => {
    class Hidden extends nn.Module {
      #lin = this.registerModule("lin", new nn.Linear(2, 2, { bias: false }));
      #scale = this.registerParameter("scale", new nn.Parameter(ones([2])));
      forward(x: Tensor) {
        return this.#lin(x).mul(this.#scale);
      }
    }
    expect(names(new Hidden())).toEqual(["scale", "lin.weight"]);
    expect(() => new Hidden().registerModule("a.b", new nn.ReLU())).toThrow(/is no name/);
    expect(() => new Hidden().registerModule("training", new nn.ReLU())).toThrow(/already/);
    // @ts-expect-error a tensor is no parameter
    expect(() => new Hidden().registerParameter("t", ones([1]))).toThrow(/Parameter/);
  });
  it("applies a function to children first", () => {
    const seen: string[] = [];
    const net = new nn.Sequential(new nn.Linear(1, 1), new nn.Sequential(new nn.ReLU()));
    expect(net.apply((m) => void seen.push(m.constructor.name))).toBe(net);
    expect(seen).toEqual(["Linear", "ReLU", "Sequential", "Sequential"]);
  });
});

describe("containers", () => {
  it("ModuleList", () => {
    const list = new nn.ModuleList(Array.from({ length: 12 }, () => new nn.Linear(2, 2, { bias: false })));
    expect(names(list).slice(9)).toEqual(["9.weight", "10.weight", "11.weight"]);
    expect(list.length).toBe(12);
    expect(list[3]).toBe(list.at(3));
    list[3] = new nn.Linear(2, 5, { bias: false });
    expect(list.at(3)?.outFeatures).toBe(5);
    expect([...list].length + list.map((l) => l.outFeatures).length).toBe(24);
    list.insert(0, new nn.Linear(2, 7, { bias: false }));
    expect([list.length, list[0].outFeatures, list[4].outFeatures]).toEqual([13, 7, 5]);
    expect(list.pop(4).outFeatures).toBe(5);
    expect(list.slice(0, 2)).toHaveLength(2);
    expect(() => (list as unknown as nn.Module).forward(1)).toThrow(/has no forward/);
    expect(() => new nn.ModuleList([5 as unknown as nn.Module])).toThrow(/expected modules, found number/);
    expect(() => new nn.ModuleList(new nn.ReLU() as unknown as nn.Module[])).toThrow(/expected a list/);
  });
  it("ModuleDict", () => {
    const dict = new nn.ModuleDict<nn.Module>({ conv: new nn.Linear(2, 2), act: new nn.ReLU() });
    dict.set("last", new nn.LayerNorm(2));
    expect(names(dict)).toEqual(["conv.weight", "conv.bias", "last.weight", "last.bias"]);
    expect([...dict.keys()]).toEqual(["conv", "act", "last"]);
    expect(() => dict.get("convv")).toThrow(expect.objectContaining({ hint: "Did you mean conv?" }));
    expect(() => dict.set("a.b", new nn.ReLU())).toThrow(/no name/);
    expect(dict.pop("conv")).toBeInstanceOf(nn.Linear);
    expect(dict.size).toBe(2);
    expect(new nn.ModuleDict(new Map([["a", new nn.ReLU()]])).has("a")).toBe(true);
  });
  it("ParameterList and ParameterDict", () => {
    class Net extends nn.Module {
      list = new nn.ParameterList([ones([2]), new nn.Parameter(zeros([3]))]);
      dict = new nn.ParameterDict({ a: ones([1]) });
      forward() {}
    }
    const net = new Net();
    expect(names(net)).toEqual(["list.0", "list.1", "dict.a"]);
    expect(net.list[0]).toBeInstanceOf(nn.Parameter);
    expect(net.list.append(ones([4])).length).toBe(3);
    expect(net.dict.get("a").requiresGrad).toBe(true);
  });
  it("Sequential: by place, by name, replaced", () => {
    const net = new nn.Sequential(new nn.Linear(2, 3), new nn.ReLU());
    net.append(new nn.Linear(3, 1));
    expect(net(ones([4, 2])).shape).toEqual([4, 1]);
    net[2] = new nn.Linear(3, 6);
    expect(net(ones([4, 2])).shape).toEqual([4, 6]);
    net.registerModule("extra", new nn.Linear(6, 2));
    expect(net(ones([4, 2])).shape).toEqual([4, 2]);
    const named = new nn.Sequential({ fc: new nn.Linear(2, 3, { bias: false }), act: new nn.ReLU() });
    expect(names(named)).toEqual(["fc.weight"]);
    expect(named(ones([4, 2])).shape).toEqual([4, 3]);
    expect(() => new nn.Sequential({ forward: new nn.ReLU() })).toThrow(/name of its own/);
    expect(() => new nn.Sequential(5 as unknown as nn.Module)).toThrow(/expected modules/);
  });
});

describe("what cannot be seen", () => {
  it("is told once, by class: a module in a private field", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    class Secret extends nn.Module {
      #lin = new nn.Linear(2, 2);
      #act = new nn.ReLU();
      out = new nn.Linear(2, 1);
      forward(x: Tensor) {
        return this.out(this.#act(this.#lin(x)));
      }
    }
    for (let i = 0; i < 3; i++) new Secret()(ones([1, 2]));
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0][0]).toMatch(/Secret.forward uses a Linear/);
    expect(warn.mock.calls[0][0]).toContain('registerModule("linear"');
  });
  it("a parameter in a private field, whose class is named", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    class Scale extends nn.Module {
      #scale = new nn.Parameter(ones([2]));
      forward(x: Tensor) {
        return x.mul(this.#scale);
      }
    }
    class Outer extends nn.Module {
      lin = new nn.Linear(2, 2);
      inner = new Scale();
      forward(x: Tensor) {
        return { logits: this.inner(this.lin(x)) };
      }
    }
    const net = new Outer();
    noGrad(() => void net(ones([1, 2])));
    net(ones([1, 2]));
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0][0]).toMatch(/Scale.forward uses a Parameter \[2\]/);
  });
  it("says nothing of what is right", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    class Head extends nn.Module {
      #table: nn.Embedding;
      constructor(table: nn.Embedding) {
        super();
        this.#table = table;
      }
      forward(x: Tensor, prompt: Tensor) {
        return x.add(prompt).matmul(this.#table.weight.transpose(0, 1));
      }
    }
    class Net extends nn.Module {
      table = new nn.Embedding(4, 2);
      head = new Head(this.table);
      blocks = { a: [new nn.Linear(2, 2)] };
      forward(ids: Tensor, prompt: Tensor) {
        return this.head(this.blocks.a[0](this.table(ids)), prompt);
      }
    }
    const prompt = new nn.Parameter(ones([2]));
    new SGD([prompt], { lr: 1 });
    new Net()(tensor(new Int32Array([1])), prompt);
    expect(warn).not.toHaveBeenCalled();
  });

  it("a layer that was replaced after the optimizer was made", () => {
    const warn = vi.spyOn(console, "warn").mockImplementation(() => {});
    class Net extends nn.Module {
      body = new nn.Linear(2, 2);
      out = new nn.Linear(2, 1);
      forward(x: Tensor) {
        return this.out(this.body(x));
      }
    }
    // A part alone is meant.
    const part = new Net();
    const head = new SGD(part.out.parameters(), { lr: 0.1 });
    part(ones([1, 2]))
      .sum()
      .backward();
    head.step();
    expect(warn).not.toHaveBeenCalled();
    const net = new Net();
    const optimizer = new SGD(net.parameters(), { lr: 0.1 });
    net.out = new nn.Linear(2, 3);
    for (let i = 0; i < 3; i++) {
      net(ones([1, 2]))
        .sum()
        .backward();
      optimizer.step();
    }
    expect(warn).toHaveBeenCalledTimes(1);
    expect(warn.mock.calls[0][0]).toContain("made after the optimizer");
    // A new optimizer has it.
    new SGD(net.parameters(), { lr: 0.1 }).step();
    // Tied after the optimizer was made: the shared one goes on learning.
    class Tied extends nn.Module {
      a = new nn.Linear(2, 2, { bias: false });
      b = new nn.Linear(2, 2, { bias: false });
      forward(x: Tensor) {
        return this.b(this.a(x));
      }
    }
    const tied = new Tied();
    const both = new SGD(tied.parameters(), { lr: 0.1 });
    tied.b.weight = tied.a.weight;
    const before = tied.a.weight.data().slice();
    tied(ones([1, 2]))
      .sum()
      .backward();
    both.step();
    expect(tied.b.weight.data()).not.toEqual(before);
  });
});
