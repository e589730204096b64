import { describe, expect } from "vitest";
import * as S from "../../src/index.ts";
import { BACKENDS, itOn } from "../backends.ts";
import recorded from "./recorded/softmax.json" with { type: "json" };

type Values = (number | string)[];
const number = (v: number | string) =>
  typeof v === "number" ? v : v === "nan" ? Number.NaN : v === "inf" ? Infinity : -Infinity;

/** Values and gradients of PyTorch (scripts/record/softmax.py), where logits are large or no numbers. */
describe.each(BACKENDS)("softmax and cross-entropy far from 0, on %s", (backend) => {
  const it = itOn(backend);
  it.each(Object.entries(recorded))("%s", (_, cases) => {
    const { row, ...functions } = cases as unknown as { row: Values } & Record<string, [Values, Values]>;
    for (const [name, [values, gradient]] of Object.entries(functions) as unknown as [string, [Values, Values]][]) {
      const x = S.tensor([row.map(number)], { requiresGrad: true });
      const [op, target, labelSmoothing] = name.split(" ");
      const y =
        op === "softmax"
          ? x.softmax()
          : op === "logSoftmax"
            ? x.logSoftmax()
            : S.crossEntropy(x, S.tensor([Number(target)], { dtype: "int64" }), {
                labelSmoothing: Number(labelSmoothing),
                reduction: "none",
              });
      const weights = [0.5, -1, 2, 0.25].slice(0, y.numel);
      y.mul(S.tensor(weights)).sum().backward();
      const near = (what: string, got: ArrayLike<number>, want: Values) =>
        want.map(number).forEach((w, i) => {
          if (!Number.isFinite(w)) expect(got[i], `${name}: ${what} ${i}`).toBe(w);
          else
            expect(Math.abs(got[i] - w), `${name}: ${what} ${i}: ${got[i]}, not ${w}`).toBeLessThanOrEqual(
              2e-6 * Math.max(1, Math.abs(w)),
            );
        });
      near("value", y.data(), values);
      near("gradient", (x.grad as S.Tensor).data(), gradient);
    }
  });

  it("keeps its digits at 10,000 in a batch with every reduction", () => {
    // F.cross_entropy(torch.tensor([[10000., 9999., 9998.], [10000., 10000.5, 0.]]), torch.tensor([0, 1]))
    const x = S.tensor([
      [10000, 9999, 9998],
      [10000, 10000.5, 0],
    ]);
    const loss = S.crossEntropy(x, S.tensor([0, 1], { dtype: "int64" }));
    expect(loss.item()).toBeCloseTo(0.440841, 5);
  });
});
