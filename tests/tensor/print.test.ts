import { inspect } from "node:util";
import { backend, type DType, ones, setBackend, setPrintOptions, tensor, zeros } from "shoshin";
import { Parameter } from "shoshin/nn";
import { afterEach, describe, expect, it } from "vitest";
import cases from "./printing.json" with { type: "json" };

interface Case {
  shape: number[];
  dtype: string;
  text: string;
  values?: (number | boolean | string)[];
  scale?: number;
  grad?: boolean;
  transposed?: boolean;
}
const number = (v: number | boolean | string) =>
  typeof v === "string" ? Number(v.replace("inf", "Infinity")) : Number(v);

const usual = backend().name;
afterEach(() => {
  setPrintOptions();
  setBackend(usual);
});

describe("a tensor prints as PyTorch prints it", () => {
  // scripts/record/printing.py; where PyTorch says size=(…) this says shape=[…], also of what is shown by its edges.
  it.each(
    (cases as Case[]).map((c) => [JSON.stringify([c.shape, c.dtype, c.values ?? c.scale]).slice(0, 60), c] as const),
  )("%s", (_name, c) => {
    // Others have no float64.
    if (c.dtype === "float64") setBackend("reference");
    const n = c.shape.reduce((a, b) => a * b, 1);
    const flat =
      c.values?.map(number) ?? Array.from({ length: n }, (_, i) => (((i * 7919) % 1009) - 504) * (c.scale ?? 1));
    let t = tensor(flat, c.shape, { dtype: c.dtype as DType });
    if (c.transposed) t = t.transpose(0, -1);
    if (c.grad) t.requiresGrad_();
    if (n <= 1000) {
      expect(String(t)).toBe(c.text);
      return;
    }
    // With the shape before it the dtype may stand in another line.
    const plain = (text: string) => text.replace(/,\s+shape=\[[\d, ]+\]/, "").replace(/\s+dtype=/, " dtype=");
    expect(plain(String(t))).toBe(plain(c.text));
    expect(String(t)).toContain(`shape=[${t.shape.join(", ")}]`);
  });

  it("by console.log, in templates, and as JSON", () => {
    const t = tensor([
      [1.5, Number.NaN],
      [Number.POSITIVE_INFINITY, 2],
    ]);
    const text = "tensor([[1.5000,    nan],\n        [   inf, 2.0000]])";
    expect(inspect(t)).toBe(text);
    expect(`${t}`).toBe(text);
    expect(JSON.stringify({ t })).toBe('{"t":[[1.5,null],[null,2]]}');
    expect(JSON.stringify(tensor(3))).toBe("3");
    expect(JSON.stringify(zeros([2, 0]))).toBe("[[],[]]");
    expect(String(new Parameter(ones([2])))).toBe("Parameter containing:\ntensor([1., 1.], requiresGrad=true)");
    expect(String(zeros([2]).requiresGrad_().exp())).toBe("tensor([1., 1.], gradFn=<exp>)");
  });
  it("views, also of much, without a copy", () => {
    const big = tensor(
      Float32Array.from({ length: 4e6 }, (_, i) => i % 10),
      [2000, 2000],
    );
    expect(String(big.transpose(0, 1).slice(0, 3, 5))).toBe(
      "tensor([[3., 3., 3.,  ..., 3., 3., 3.],\n        [4., 4., 4.,  ..., 4., 4., 4.]], shape=[2, 2000])",
    );
    expect(String(big.slice(0, 5, 6).slice(1, 2, 4))).toBe("tensor([[2., 3.]])");
    expect(String(ones([1]).expand([3]))).toBe("tensor([1., 1., 1.])");
  });
  it("a freed one says so, and throws nowhere", () => {
    const t = ones([2, 3]);
    t.dispose();
    expect(String(t)).toBe("tensor(<freed>, shape=[2, 3])");
    expect(inspect({ t })).toContain("<freed>");
    expect(JSON.stringify({ t })).toBe('{"t":"tensor(<freed>, shape=[2, 3])"}');
  });
  it("as setPrintOptions says", () => {
    setPrintOptions({ precision: 2, threshold: 3, edgeItems: 1 });
    expect(String(tensor([1.255, 2, 3, 4]))).toBe("tensor([1.25,  ..., 4.00], shape=[4])");
    setPrintOptions({ sciMode: true, lineWidth: 30 });
    expect(String(tensor([1, 2, 3]))).toBe("tensor([1.0000e+00,\n        2.0000e+00,\n        3.0000e+00])");
    setPrintOptions({ threshold: Number.POSITIVE_INFINITY });
    expect(String(ones([1500]))).not.toContain("...");
    expect(() => setPrintOptions({ precison: 2 } as never)).toThrow(
      expect.objectContaining({ hint: expect.stringContaining("Did you mean precision?") }),
    );
    expect(() => setPrintOptions({ edgeItems: 0 })).toThrow(/edgeItems is 0/);
  });
});
