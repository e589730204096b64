import { OnnxError, OnnxGraph } from "../../formats/index.ts";
import { headOfArchitecture } from "../pretrained/head-of.ts";
import type { PreTrainedModel } from "../pretrained/model.ts";
import { OnnxBuilder } from "./builder.ts";
import { buildDecoder, type DecoderOptions } from "./decoders.ts";
import { buildEncoder } from "./encoders.ts";

const ENCODERS = ["bert", "roberta", "xlm-roberta", "distilbert", "electra"];
const DECODERS = ["gpt2", "llama", "qwen2", "mistral"];
export type OnnxExportOptions = DecoderOptions;

/** What a written graph takes and gives. */
export interface OnnxExport {
  inputs: string[];
  outputs: string[];
}

/**
 * Writes a model as an ONNX file (opset 17, float32), with inputs, outputs and axes named as Optimum names them, for onnxruntime
 * and transformers.js. Whole numbers are int64; batch and lengths vary. Encoders take input_ids and attention_mask [batch, T] and,
 * BERT and ELECTRA, token_type_ids; decoders take input_ids, attention_mask, position_ids and, with `useCache`,
 * `past_key_values.N.key` and `.value` [batch, heads, past, size], empty at the start, and give `present.N.…`.
 * @throws OnnxError for a model that has no ONNX form here, or of more than 2 GiB; WriteError of the file system.
 */
export function exportOnnx(model: PreTrainedModel, path: string, options: OnnxExportOptions = {}): OnnxExport {
  const { architecture, baseModelPrefix } = model.constructor as typeof PreTrainedModel;
  const { modelType } = model.config;
  const head = headOfArchitecture(architecture);
  const graph = new OnnxGraph(architecture);
  const builder = new OnnxBuilder(graph, model.stateDict());
  const decodes = DECODERS.includes(modelType);
  if (head !== undefined && ENCODERS.includes(modelType)) buildEncoder(builder, model.config, head, baseModelPrefix);
  else if (decodes && (head === "base" || head === "causalLm"))
    buildDecoder(builder, model.config, head, baseModelPrefix, options);
  else {
    throw new OnnxError(
      `${architecture} has no ONNX form here`,
      `${ENCODERS.join(", ")} with every head, and ${DECODERS.join(", ")}, bare or as language models, have one.`,
    );
  }
  graph.write(path, { metadata: { model_type: modelType } });
  return { inputs: graph.inputs, outputs: graph.outputs };
}
