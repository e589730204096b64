import { HELD } from "../backend/dtypes.ts";
import { checkOptions, type Known, OptionError } from "../backend/options.ts";
import { checkTensor } from "../tensor/dtype.ts";
import { ShapeError, showShape } from "../tensor/shape.ts";
import { defineOp, refuseGradient } from "../tensor/tape.ts";
import { dense, empty, type Tensor } from "../tensor/tensor.ts";
import { checkTable } from "./embedding.ts";

export interface EmbeddingBagOptions {
  mode?: "sum" | "mean";
  /** A weight for each index, [n]; `sum` only. No gradient. */
  perSampleWeights?: Tensor;
  /** The row that counts for nothing. */
  paddingIdx?: number;
}

const KNOWN: Known<EmbeddingBagOptions> = { mode: true, perSampleWeights: true, paddingIdx: true };
const REFUSED = {
  maxNorm: "Bound the rows of the table yourself, in noGrad.",
  scaleGradByFreq: "Not done here.",
  sparse: "Gradients are dense here; leave it out.",
  includeLastOffset: "Leave out the last offset.",
};

interface Settings {
  mean: boolean;
  skip: number;
}

const bagOp = defineOp("embeddingBag", {
  forward(ctx, index: Tensor, offsets: Tensor, table: Tensor, per: Tensor | undefined, settings: Settings) {
    const [ids, starts, t, w] = [dense(index), dense(offsets), dense(table), per && dense(per)];
    const [vocabulary, dim] = t.shape;
    const bags = starts.numel;
    const out = empty([bags, dim], t.dtype, t.backend);
    t.backend.embeddingBag(out, t, ids, starts, w, bags, ids.numel, dim, vocabulary, settings.mean, settings.skip);
    ctx.save(ids);
    ctx.save(starts);
    ctx.memo = { settings, per: ctx.save(w) };
    return out;
  },
  backward(ctx, dy) {
    const [ids, starts] = ctx.saved;
    const { settings, per } = ctx.memo as { settings: Settings; per?: Tensor };
    const g = dense(dy as Tensor);
    const dtable = ctx.into(2, (out, add) => {
      const [vocabulary, dim] = out.shape;
      if (!add) out.backend.fill(out, out.numel, 0);
      const { mean, skip } = settings;
      out.backend.embeddingBagBackward(out, g, ids, starts, per, starts.numel, ids.numel, dim, vocabulary, mean, skip);
    });
    return [undefined, undefined, dtable, undefined];
  },
});

/**
 * Sum or mean of table rows over each bag: $y_b = \sum_{i\in b} w_i E_{t_i}$; an empty bag is 0.
 * $\partial E_v = \sum_b\sum_{i\in b, t_i=v} w_i\,\partial y_b$.
 * @param index int64 or int32 [n]
 * @param offsets int64 or int32 [bags]: where each bag begins; the first at 0, rising
 * @param table $E$, [rows, dim]
 * @returns [bags, dim]
 * @throws BackendError naming a bad index or offset.
 */
export function embeddingBag(index: Tensor, offsets: Tensor, table: Tensor, options: EmbeddingBagOptions = {}): Tensor {
  checkOptions("embeddingBag", options, KNOWN, REFUSED);
  const { mode = "sum", perSampleWeights, paddingIdx = -1 } = options;
  checkTable("embeddingBag", index, table);
  checkTensor("embeddingBag", offsets, "a tensor of offsets");
  if (mode !== "sum" && mode !== "mean")
    throw new OptionError(`embeddingBag: mode ${JSON.stringify(mode)}`, 'There are "sum" and "mean".');
  if (index.ndim !== 1 || offsets.ndim !== 1 || HELD[offsets.dtype] !== "int32") {
    throw new ShapeError(
      `embeddingBag: expected int64 or int32 indices [n] and offsets [bags], found ${showShape(index.shape)} and ${showShape(offsets.shape)}`,
    );
  }
  refuseGradient("embeddingBag", "perSampleWeights", perSampleWeights);
  if (perSampleWeights !== undefined && (mode !== "sum" || perSampleWeights.numel !== index.numel)) {
    throw new ShapeError(
      `embeddingBag: weights ${showShape(perSampleWeights.shape)} need mode "sum" and one entry per index`,
    );
  }
  const skip = paddingIdx < 0 && paddingIdx !== -1 ? paddingIdx + table.shape[0] : paddingIdx;
  return bagOp(index, offsets, table, perSampleWeights, { mean: mode === "mean", skip });
}
