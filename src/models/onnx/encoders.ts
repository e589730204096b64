import type { BertConfig } from "../bert/config.ts";
import type { DistilBertConfig } from "../distilbert/index.ts";
import type { ElectraConfig } from "../electra/index.ts";
import { labelsOf, type PretrainedConfig } from "../pretrained/config.ts";
import type { Head } from "../pretrained/head-of.ts";
import type { OnnxBuilder } from "./builder.ts";

const TOKENS = ["batch_size", "sequence_length"] as const;

/** What the encoders' graphs differ in. */
interface Encoder {
  /** Names of the layers of a block. */
  readonly layers: number;
  readonly heads: number;
  readonly width: number;
  readonly eps: number;
  readonly activation: string;
  readonly vocabSize: number;
  layer(i: number): Readonly<Record<"q" | "k" | "v" | "out" | "norm1" | "up" | "down" | "norm2", string>>;
}

/** Post-norm blocks: {@link BertEncoder} and DistilBERT's. */
function blocks(b: OnnxBuilder, x: string, mask: string, e: Encoder): string {
  const size = e.width / e.heads;
  for (let i = 0; i < e.layers; i++) {
    const names = e.layer(i);
    const [q, k, v] = [names.q, names.k, names.v].map((layer) => b.split(b.linear(x, layer), e.heads, size));
    const y = b.linear(b.join(b.attend(q, k, v, mask, Math.sqrt(size)), e.width), names.out);
    const attended = b.layerNorm(b.op("Add", [y, x]), names.norm1, e.eps);
    const inner = b.activation(b.linear(attended, names.up), e.activation);
    x = b.layerNorm(b.op("Add", [b.linear(inner, names.down), attended]), names.norm2, e.eps);
  }
  return x;
}

function bertLike(config: BertConfig, prefix: string): Encoder {
  return {
    layers: config.numHiddenLayers,
    heads: config.numAttentionHeads,
    width: config.hiddenSize,
    eps: config.layerNormEps,
    activation: config.hiddenAct,
    vocabSize: config.vocabSize,
    layer(i) {
      const at = `${prefix}encoder.layer.${i}`;
      return {
        ...{ q: `${at}.attention.self.query`, k: `${at}.attention.self.key`, v: `${at}.attention.self.value` },
        ...{ out: `${at}.attention.output.dense`, norm1: `${at}.attention.output.LayerNorm` },
        ...{ up: `${at}.intermediate.dense`, down: `${at}.output.dense`, norm2: `${at}.output.LayerNorm` },
      };
    },
  };
}

function distilLike(config: DistilBertConfig, prefix: string): Encoder {
  return {
    layers: config.nLayers,
    heads: config.nHeads,
    width: config.dim,
    eps: 1e-12,
    activation: config.activation,
    vocabSize: config.vocabSize,
    layer(i) {
      const at = `${prefix}transformer.layer.${i}`;
      return {
        ...{ q: `${at}.attention.q_lin`, k: `${at}.attention.k_lin`, v: `${at}.attention.v_lin` },
        ...{ out: `${at}.attention.out_lin`, norm1: `${at}.sa_layer_norm` },
        ...{ up: `${at}.ffn.lin1`, down: `${at}.ffn.lin2`, norm2: `${at}.output_layer_norm` },
      };
    },
  };
}

/** RoBERTa's positions: from `padding` + 1 on; padding has the position `padding`. */
function paddedPositions(b: OnnxBuilder, ids: string, padding: number): string {
  const shown = b.op("Cast", [b.op("Not", [b.op("Equal", [ids, b.ints(padding)])])], { to: 7 });
  const count = b.op("Mul", [b.op("CumSum", [shown, b.ints(1)]), shown]);
  return b.op("Add", [count, b.ints(padding)]);
}

/** Embedded tokens; input_ids, attention_mask and, where the family has them, token_type_ids, as Optimum orders them. */
function embed(b: OnnxBuilder, config: PretrainedConfig, prefix: string, e: Encoder): { x: string; mask: string } {
  const kind = config.modelType;
  const roberta = kind === "roberta" || kind === "xlm-roberta";
  const at = `${prefix}embeddings`;
  const ids = b.input("input_ids", TOKENS);
  const mask = b.paddingMask(b.input("attention_mask", TOKENS));
  let x = b.embedding(ids, `${at}.word_embeddings`);
  const table = `${at}.position_embeddings`;
  const first = () => b.op("Slice", [b.weight(`${table}.weight`), b.ints([0]), b.axis(ids, 1), b.ints([0])]);
  if (kind !== "distilbert") {
    const types = roberta
      ? b.embedding(b.ints([0]), `${at}.token_type_embeddings`)
      : b.embedding(b.input("token_type_ids", TOKENS), `${at}.token_type_embeddings`);
    x = b.op("Add", [x, types]);
  }
  const positions = roberta ? b.embedding(paddedPositions(b, ids, config.padTokenId as number), table) : first();
  x = b.layerNorm(b.op("Add", [x, positions]), `${at}.LayerNorm`, e.eps);
  const project = `${prefix}embeddings_project`;
  return { x: b.has(`${project}.weight`) ? b.linear(x, project) : x, mask };
}

/** The masked language model's head. */
function maskedLm(b: OnnxBuilder, config: PretrainedConfig, x: string, e: Encoder): string {
  if (config.modelType === "bert") {
    const at = "cls.predictions";
    const y = b.activation(b.linear(x, `${at}.transform.dense`), e.activation);
    return b.linear(b.layerNorm(y, `${at}.transform.LayerNorm`, e.eps), `${at}.decoder`);
  }
  if (config.modelType === "distilbert") {
    const y = b.activation(b.linear(x, "vocab_transform"), e.activation);
    return b.linear(b.layerNorm(y, "vocab_layer_norm", e.eps), "vocab_projector");
  }
  if (config.modelType === "electra") {
    const y = b.activation(b.linear(x, "generator_predictions.dense"), "gelu");
    return b.linear(b.layerNorm(y, "generator_predictions.LayerNorm", e.eps), "generator_lm_head");
  }
  const y = b.activation(b.linear(x, "lm_head.dense"), "gelu");
  return b.linear(b.layerNorm(y, "lm_head.layer_norm", e.eps), "lm_head.decoder");
}

/** Logits from the first token. */
function classify(b: OnnxBuilder, config: PretrainedConfig, x: string): string {
  const first = b.select(x, 1, 0);
  if (config.modelType === "bert") {
    return b.linear(b.op("Tanh", [b.linear(first, "bert.pooler.dense")]), "classifier");
  }
  if (config.modelType === "distilbert")
    return b.linear(b.op("Relu", [b.linear(first, "pre_classifier")]), "classifier");
  const activation = config.modelType === "electra" ? "gelu" : "tanh";
  return b.linear(b.activation(b.linear(first, "classifier.dense"), activation), "classifier.out_proj");
}

/** Builds BERT, RoBERTa, XLM-R, DistilBERT and ELECTRA with any of their heads; names as Optimum's. */
export function buildEncoder(b: OnnxBuilder, config: PretrainedConfig, head: Head, basePrefix: string): void {
  const prefix = head === "base" ? "" : `${basePrefix}.`;
  const distil = config.modelType === "distilbert";
  const e = distil
    ? distilLike(config as DistilBertConfig, prefix)
    : bertLike(config as BertConfig | ElectraConfig, prefix);
  const { x: embedded, mask } = embed(b, config, prefix, e);
  const x = blocks(b, embedded, mask, e);
  const labels = () => labelsOf(config).length;
  const logits = (y: string, shape: readonly (string | number)[]) => b.graph.output("logits", y, "F32", shape);
  if (head === "base") b.graph.output("last_hidden_state", x, "F32", [...TOKENS, e.width]);
  else if (head === "sequenceClassification") logits(classify(b, config, x), [TOKENS[0], labels()]);
  else if (head === "tokenClassification") logits(b.linear(x, "classifier"), [...TOKENS, labels()]);
  else if (head === "maskedLm") logits(maskedLm(b, config, x, e), [...TOKENS, e.vocabSize]);
  else {
    const both = b.linear(x, "qa_outputs");
    for (const [i, name] of ["start_logits", "end_logits"].entries())
      b.graph.output(name, b.select(both, 2, i), "F32", TOKENS);
  }
}
