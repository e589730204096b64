import { checkOptions, type Known } from "../../backend/options.ts";
import { OnnxError, OnnxGraph } from "../../formats/index.ts";
import { headOfArchitecture } from "../pretrained/head-of.ts";
import type { PreTrainedModel } from "../pretrained/model.ts";
import { OnnxBuilder } from "./builder.ts";
import { buildDecoder, type DecoderOptions } from "./decoders.ts";
import { buildEncoder } from "./encoders.ts";
import { buildSeq2Seq, SEQ2SEQ_PARTS, type Seq2SeqPart } from "./seq2seq.ts";

const ENCODERS = ["bert", "roberta", "xlm-roberta", "distilbert", "electra"];
const DECODERS = ["gpt2", "llama", "qwen2", "mistral"];
const ENCODER_DECODERS = ["t5", "mt5", "marian"];
/** The files of a model by their names, without the ending: one, or those of a model that writes another text. */
export type OnnxPart = "model" | Seq2SeqPart;

export interface OnnxExportOptions extends DecoderOptions {
  /** Which of the model's graphs: one of {@link onnxParts}; "model". */
  part?: OnnxPart;
}

/** What a written graph takes and gives. */
export interface OnnxExport {
  inputs: string[];
  outputs: string[];
}

const KNOWN: Known<OnnxExportOptions> = { part: true, useCache: true };
/** What Optimum's exporter has besides. */
const OPTIMUM = {
  opset: "Graphs have opset 17.",
  dtype: "Weights are float32.",
  device: "Nothing is computed.",
  optimize: "onnxruntime does it when it loads the file.",
  task: "The model's class says what it is for.",
};

const facts = (model: PreTrainedModel) => {
  const { architecture, baseModelPrefix } = model.constructor as typeof PreTrainedModel;
  return { architecture, baseModelPrefix, head: headOfArchitecture(architecture) };
};

/**
 * The graphs that a model is written as, by the names that Optimum gives their files. A model that writes another text has an
 * encoder and a decoder, and with `useCache` (true) the decoder that goes on from `past_key_values`, which transformers.js runs.
 */
export function onnxParts(model: PreTrainedModel, options: DecoderOptions = {}): OnnxPart[] {
  checkOptions("onnxParts", options, { useCache: true });
  const { useCache = true } = options;
  if (facts(model).head !== "seq2seqLm") return ["model"];
  return useCache ? [...SEQ2SEQ_PARTS] : SEQ2SEQ_PARTS.slice(0, 2);
}

/**
 * Writes a model, or one part of it, as an ONNX file (opset 17, float32), with inputs, outputs and axes named as Optimum names
 * them, for onnxruntime and transformers.js. Whole numbers are int64; batch and lengths vary. Encoders take input_ids and
 * attention_mask [batch, T] and, BERT and ELECTRA, token_type_ids; decoders take input_ids, attention_mask, position_ids and, with
 * `useCache`, `past_key_values.N.key` and `.value` [batch, heads, past, size], empty at the start, and give `present.N.…`.
 *
 * Decoders of T5, mT5 and MarianMT take encoder_attention_mask [batch, S], input_ids [batch, T] and encoder_hidden_states
 * [batch, S, width] and give logits and `present.N.{decoder,encoder}.{key,value}`, without `useCache` only logits. The merged one
 * takes `past_key_values.N.…` of both kinds too, and use_cache_branch, bool [1]: false reads the text and no past, true goes on
 * from the past alone.
 * @throws OnnxError for a model that has no ONNX form here, a part that it does not have, or more than 2 GiB; WriteError of the
 * file system.
 */
export function exportOnnx(model: PreTrainedModel, path: string, options: OnnxExportOptions = {}): OnnxExport {
  checkOptions("exportOnnx", options, KNOWN, OPTIMUM);
  const { part = "model", useCache = true } = options;
  const { architecture, baseModelPrefix, head } = facts(model);
  const { modelType } = model.config;
  const parts = onnxParts(model);
  if (!parts.includes(part))
    throw new OnnxError(`${architecture}: no part ${part}`, `Written as ${parts.join(", ")}: say which, as \`part\`.`);
  const graph = new OnnxGraph(architecture);
  const builder = new OnnxBuilder(graph, model.stateDict());
  const decodes = DECODERS.includes(modelType);
  if (head !== undefined && ENCODERS.includes(modelType)) buildEncoder(builder, model.config, head, baseModelPrefix);
  else if (decodes && (head === "base" || head === "causalLm"))
    buildDecoder(builder, model.config, head, baseModelPrefix, { useCache });
  else if (ENCODER_DECODERS.includes(modelType))
    buildSeq2Seq(builder, model.config, part === "model" ? "encoder_model" : part, useCache);
  else {
    throw new OnnxError(
      `${architecture} has no ONNX form here`,
      `${ENCODERS.join(", ")} with every head, ${DECODERS.join(", ")}, bare or as language models, and ${ENCODER_DECODERS.join(", ")} have one.`,
    );
  }
  graph.write(path, { metadata: { model_type: modelType } });
  return { inputs: graph.inputs, outputs: graph.outputs };
}
