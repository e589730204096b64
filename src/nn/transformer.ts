import type { Activation } from "../backend/codes.ts";
import { ShoshinError } from "../backend/errors.ts";
import { checkOptions, type Known } from "../backend/options.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { type AttentionMasks, checkMasks, MultiheadAttention } from "./attention.ts";
import { checkNumber, checkSize, checkWord, ELSEWHERE } from "./check.ts";
import { Dropout } from "./dropout.ts";
import { xavierUniform_ } from "./init.ts";
import { Linear } from "./linear.ts";
import { Module } from "./module.ts";
import { LayerNorm } from "./norm.ts";

export interface TransformerLayerOptions {
  dimFeedforward?: number;
  dropout?: number;
  activation?: Extract<Activation, "relu" | "gelu" | "geluTanh" | "silu">;
  layerNormEps?: number;
  batchFirst?: boolean;
  /** Pre-norm: each part works on the normalised input (Xiong et al., 2020). */
  normFirst?: boolean;
  bias?: boolean;
}

const KNOWN: Known<TransformerLayerOptions> = {
  dimFeedforward: true,
  dropout: true,
  activation: true,
  layerNormEps: true,
  batchFirst: true,
  normFirst: true,
  bias: true,
};
const ACTIVATIONS = ["relu", "gelu", "geluTanh", "silu"];

/** What both kinds of layer share: self-attention and the feed-forward part. */
abstract class Layer extends Module {
  self_attn: MultiheadAttention;
  linear1: Linear;
  linear2: Linear;
  norm1: LayerNorm;
  norm2: LayerNorm;
  protected readonly options: Required<TransformerLayerOptions>;
  protected readonly drop: Dropout;

  constructor(dModel: number, nhead: number, options: TransformerLayerOptions) {
    super();
    const name = new.target.name;
    checkOptions(name, options, KNOWN, ELSEWHERE);
    checkSize(name, "dimFeedforward", options.dimFeedforward ?? 2048, 1);
    checkNumber(name, "layerNormEps", options.layerNormEps ?? 1e-5);
    checkWord(name, "activation", options.activation ?? "relu", ACTIVATIONS);
    const given = Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined));
    this.options = {
      dimFeedforward: 2048,
      dropout: 0.1,
      activation: "relu",
      layerNormEps: 1e-5,
      batchFirst: false,
      normFirst: false,
      bias: true,
      ...given,
    };
    const { dimFeedforward, dropout, layerNormEps: eps, batchFirst, bias } = this.options;
    this.self_attn = new MultiheadAttention(dModel, nhead, { dropout, bias, batchFirst });
    this.linear1 = new Linear(dModel, dimFeedforward, { bias });
    this.linear2 = new Linear(dimFeedforward, dModel, { bias });
    this.norm1 = new LayerNorm(dModel, { eps, bias });
    this.norm2 = new LayerNorm(dModel, { eps, bias });
    this.drop = new Dropout(dropout);
  }
  /** x + part(x), normalised before or after. */
  protected around(x: Tensor, norm: LayerNorm, part: (x: Tensor) => Tensor): Tensor {
    if (this.options.normFirst) return x.add(this.drop.forward(part(norm.forward(x))));
    return norm.forward(x.add(this.drop.forward(part(x))));
  }
  protected attend(masks: AttentionMasks): (x: Tensor) => Tensor {
    return (x) => this.self_attn.forward(x, x, x, masks).output;
  }
  protected feedForward = (x: Tensor): Tensor =>
    this.linear2.forward(this.drop.forward(this.linear1.forward(x, this.options.activation)));
}

/** A layer of the encoder (Vaswani et al., 2017) with PyTorch's options, defaults and parameter names. */
export class TransformerEncoderLayer extends Layer {
  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super(dModel, nhead, options);
  }
  /** src [T, batch, E]; with `batchFirst` [batch, T, E]. */
  forward(src: Tensor, masks: AttentionMasks = {}): Tensor {
    checkMasks("TransformerEncoderLayer.forward", masks);
    const x = this.around(src, this.norm1, this.attend(masks));
    return this.around(x, this.norm2, this.feedForward);
  }
}

/** Masks of the decoder: for what it has written, and for the encoder's output. */
export interface DecoderMasks {
  target?: AttentionMasks;
  memory?: AttentionMasks;
}

/** A layer of the decoder with PyTorch's options, defaults and parameter names. */
export class TransformerDecoderLayer extends Layer {
  multihead_attn: MultiheadAttention;
  norm3: LayerNorm;
  constructor(dModel: number, nhead: number, options: TransformerLayerOptions = {}) {
    super(dModel, nhead, options);
    const { dropout, bias, batchFirst, layerNormEps: eps } = this.options;
    this.multihead_attn = new MultiheadAttention(dModel, nhead, { dropout, bias, batchFirst });
    this.norm3 = new LayerNorm(dModel, { eps, bias });
  }
  /** tgt [T, batch, E], memory [S, batch, E]; with `batchFirst` the batch comes first. */
  forward(tgt: Tensor, memory: Tensor, masks: DecoderMasks = {}): Tensor {
    checkOptions("TransformerDecoderLayer.forward", masks, DECODER);
    const x = this.around(tgt, this.norm1, this.attend(masks.target ?? {}));
    const y = this.around(x, this.norm2, (q) => this.multihead_attn.forward(q, memory, memory, masks.memory).output);
    return this.around(y, this.norm3, this.feedForward);
  }
}

/** `make(i)` for every layer. A layer itself is no function that makes one, although it can be called. */
function made<L extends Module>(where: string, make: (i: number) => L, numLayers: number): L[] {
  if (typeof make !== "function" || make instanceof Module) {
    throw new ShoshinError(
      `${where}: expected a function that makes the i-th layer`,
      `For example: new ${where}(() => new ${where}Layer(512, 8), 6).`,
    );
  }
  checkSize(where, "numLayers", numLayers, 1);
  return Array.from({ length: numLayers }, (_, i) => make(i));
}
const DECODER: Known<DecoderMasks> = { target: true, memory: true };

/** Layers one after another: `layers.0` …, and a last `norm` where given. */
export class TransformerEncoder extends Module {
  layers: TransformerEncoderLayer[];
  norm: LayerNorm | undefined;
  /** `make(i)` gives the i-th of `numLayers` layers. */
  constructor(make: (i: number) => TransformerEncoderLayer, numLayers: number, norm?: LayerNorm) {
    super();
    this.layers = made("TransformerEncoder", make, numLayers);
    this.norm = norm;
  }
  forward(src: Tensor, masks: AttentionMasks = {}): Tensor {
    checkMasks("TransformerEncoder.forward", masks);
    const x = this.layers.reduce((h, layer) => layer.forward(h, masks), src);
    return this.norm?.forward(x) ?? x;
  }
}

/** As {@link TransformerEncoder}, of decoder layers. */
export class TransformerDecoder extends Module {
  layers: TransformerDecoderLayer[];
  norm: LayerNorm | undefined;
  constructor(make: (i: number) => TransformerDecoderLayer, numLayers: number, norm?: LayerNorm) {
    super();
    this.layers = made("TransformerDecoder", make, numLayers);
    this.norm = norm;
  }
  forward(tgt: Tensor, memory: Tensor, masks: DecoderMasks = {}): Tensor {
    checkOptions("TransformerDecoder.forward", masks, DECODER);
    const x = this.layers.reduce((h, layer) => layer.forward(h, memory, masks), tgt);
    return this.norm?.forward(x) ?? x;
  }
}

/** Encoder and decoder of "Attention is all you need" with PyTorch's options and parameter names. */
export class Transformer extends Module {
  encoder: TransformerEncoder;
  decoder: TransformerDecoder;
  /** Throws OptionError for unknown options, ShapeError for sizes that do not fit. */
  constructor(
    settings: TransformerLayerOptions & {
      dModel?: number;
      nhead?: number;
      numEncoderLayers?: number;
      numDecoderLayers?: number;
    } = {},
  ) {
    super();
    checkOptions(
      "Transformer",
      settings,
      { ...KNOWN, dModel: true, nhead: true, numEncoderLayers: true, numDecoderLayers: true },
      {
        ...ELSEWHERE,
        customEncoder: "Assign it: model.encoder = …",
        customDecoder: "Assign it: model.decoder = …",
      },
    );
    const { dModel = 512, nhead = 8, numEncoderLayers = 6, numDecoderLayers = 6, ...options } = settings;
    const norm = () => new LayerNorm(dModel, { eps: options.layerNormEps ?? 1e-5, bias: options.bias ?? true });
    const encoderLayer = () => new TransformerEncoderLayer(dModel, nhead, options);
    const decoderLayer = () => new TransformerDecoderLayer(dModel, nhead, options);
    this.encoder = new TransformerEncoder(encoderLayer, numEncoderLayers, norm());
    this.decoder = new TransformerDecoder(decoderLayer, numDecoderLayers, norm());
    for (const p of this.parameters()) if (p.ndim > 1) xavierUniform_(p);
  }
  /** src [S, batch, E], tgt [T, batch, E] → [T, batch, E]; with `batchFirst` the batch comes first. */
  forward(src: Tensor, tgt: Tensor, masks: DecoderMasks & { source?: AttentionMasks } = {}): Tensor {
    checkOptions("Transformer.forward", masks, { ...DECODER, source: true });
    const { source, target, memory } = masks;
    return this.decoder.forward(tgt, this.encoder.forward(src, source), { target, memory });
  }
}
