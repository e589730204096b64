import * as nn from "../../nn/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { EncoderInputs, EncoderOutput } from "./inputs.ts";
import { keyMask } from "./masks.ts";
import { runLayer } from "./model.ts";

type Layer = nn.Module & { forward(x: Tensor, mask: Tensor | undefined): Tensor };

/** An encoder's layers, one after another: `layer.0` … */
export class EncoderLayers extends nn.Module {
  readonly layer: Layer[];
  checkpoints = false;
  constructor(count: number, make: () => Layer) {
    super();
    this.layer = Array.from({ length: count }, make);
  }
  /** x: embedded tokens [batch, T, size]. Throws ShapeError for a mask of another shape than the ids. */
  forward(
    x: Tensor,
    { inputIds, attentionMask }: EncoderInputs,
    { outputHiddenStates = false }: { outputHiddenStates?: boolean } = {},
  ): EncoderOutput {
    const mask = keyMask(attentionMask, inputIds.shape[0], inputIds.shape[1]);
    const hiddenStates = outputHiddenStates ? [x] : undefined;
    for (const layer of this.layer) {
      x = runLayer(this, (h) => layer.forward(h, mask), x);
      hiddenStates?.push(x);
    }
    return { lastHiddenState: x, hiddenStates };
  }
}
