import { readLlama2c } from "../../formats/llama2c.ts";
import { init } from "../../nn/index.ts";
import { noGrad } from "../../tensor/no-grad.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import { llamaConfig } from "./config.ts";
import { LlamaForCausalLM } from "./index.ts";

/** Names of a layer's weights there and here. */
const LAYER: Record<string, string> = {
  rms_att_weight: "input_layernorm.weight",
  wq: "self_attn.q_proj.weight",
  wk: "self_attn.k_proj.weight",
  wv: "self_attn.v_proj.weight",
  wo: "self_attn.o_proj.weight",
  rms_ffn_weight: "post_attention_layernorm.weight",
  w1: "mlp.gate_proj.weight",
  w2: "mlp.down_proj.weight",
  w3: "mlp.up_proj.weight",
};

/** Rows of every head from neighbouring pairs, as llama2.c turns them, to pairs half a head apart, as Hugging Face does. */
function apart(rows: Float32Array, head: number, width: number): Float32Array {
  const out = new Float32Array(rows.length);
  const half = head / 2;
  for (let r = 0; r < rows.length / width; r++) {
    const [h, i] = [Math.floor(r / head), r % head];
    const from = h * head + (i < half ? 2 * i : 2 * (i - half) + 1);
    out.set(rows.subarray(from * width, (from + 1) * width), r * width);
  }
  return out;
}

/**
 * A model from llama2.c's file, as `LlamaForCausalLM`; `savePretrained` then writes it in Hugging Face's form.
 * @throws Llama2cError for a damaged file.
 */
export function llamaFromLlama2c(path: string): LlamaForCausalLM {
  const file = readLlama2c(path);
  const config = llamaConfig.make({
    vocabSize: file.vocabSize,
    hiddenSize: file.dim,
    intermediateSize: file.hiddenDim,
    numHiddenLayers: file.nLayers,
    numAttentionHeads: file.nHeads,
    numKeyValueHeads: file.nKvHeads,
    maxPositionEmbeddings: file.maxSeqLen,
    rmsNormEps: 1e-5,
    tieWordEmbeddings: file.sharedClassifier,
  });
  const { value: model } = init.deferInit(() => new LlamaForCausalLM(config));
  const own = model.stateDict();
  const head = file.dim / file.nHeads;
  const data = (name: string) => (file.tensors.get(name) as { data: Float32Array }).data;
  const set = (name: string, values: Float32Array) => void (own.get(name) as Tensor).copy_(values);
  noGrad(() => {
    set("model.embed_tokens.weight", data("tok_embeddings"));
    set("model.norm.weight", data("rms_final_weight"));
    if (!file.sharedClassifier) set("lm_head.weight", data("wcls"));
    for (const [theirs, ours] of Object.entries(LAYER)) {
      const all = data(theirs);
      const size = all.length / file.nLayers;
      for (let i = 0; i < file.nLayers; i++) {
        const part = all.subarray(i * size, (i + 1) * size);
        const turned = theirs === "wq" || theirs === "wk" ? apart(part, head, file.dim) : part.slice();
        set(`model.layers.${i}.${ours}`, turned);
      }
    }
  });
  return model.eval();
}
