/** A key of config.json that is not done here unless it has one of a few values; null is always fine. */
export interface Refusal {
  readonly allowed: readonly unknown[];
  /** What to do instead, or why it cannot be. */
  readonly hint: string;
}

/** Refuses every value but these, and null. */
export const only = (hint: string, ...allowed: readonly unknown[]): Refusal => ({ allowed, hint });

const isEmpty = (value: unknown) =>
  value !== null && typeof value === "object" && Object.keys(value as object).length === 0;

/** Whether a value is one that changes nothing. */
export const isAllowed = ({ allowed }: Refusal, value: unknown): boolean =>
  value == null || isEmpty(value) || allowed.includes(value);

/** Keys that change results for any kind of model, and are not done here. */
export const REFUSED: Readonly<Record<string, Refusal>> = {
  quantization_config: only("Quantised weights cannot be read: take the checkpoint they were made from."),
  add_cross_attention: only("Attention to another model's states is not done here.", false),
  cross_attention_hidden_size: only("Attention to another model's states is not done here."),
  tie_encoder_decoder: only("Encoder and decoder have weights of their own here.", false),
  pruned_heads: only("Heads that were cut out of some layers are not done here."),
  per_layer_config: only("Every layer has the same sizes here."),
  tie_last_hidden_states: only("The last of the hidden states is the one behind the last norm.", true),
};

/** Models that look in both directions. */
export const ENCODER_REFUSED: Readonly<Record<string, Refusal>> = {
  is_decoder: only("This kind of model looks in both directions here, and writes nothing.", false),
  position_embedding_type: only("Only absolute positions are done here.", "absolute"),
};

/** Numbers with a fraction among the keys that are kept but not used: a strict reader wants a point in them. */
export const KEPT_FLOATS: ReadonlySet<string> = new Set([
  ...["temperature", "top_p", "min_p", "typical_p", "epsilon_cutoff", "eta_cutoff", "guidance_scale"],
  ...["repetition_penalty", "encoder_repetition_penalty", "length_penalty", "diversity_penalty", "penalty_alpha"],
  ...["router_aux_loss_coef", "summary_first_dropout", "summary_last_dropout"],
]);

/**
 * Keys of Transformers' PretrainedConfig, versions 2 to 5, that change no result here: what writes a text is read from
 * generation_config.json or given to `generate`, the rest tells how a Python process runs the model or where it comes from.
 */
export const HARMLESS: ReadonlySet<string> = new Set([
  ...KEPT_FLOATS,
  // Where it comes from.
  ...["transformers_version", "_name_or_path", "name_or_path", "_commit_hash", "model_type", "finetuning_task"],
  ...[
    "architectures",
    "tokenizer_class",
    "processor_class",
    "feature_extractor_type",
    "language",
    "languages",
    "license",
  ],
  ...["tags", "pipeline_tag", "library_name", "task", "id", "unsloth_version", "unsloth_fixed", "model_max_length"],
  // How it is run.
  ...["dtype", "torch_dtype", "_pre_quantization_dtype", "torchscript", "use_bfloat16", "tf_legacy_loss", "xla_device"],
  ...[
    "use_cache",
    "return_dict",
    "use_return_dict",
    "output_past",
    "chunk_size_feed_forward",
    "gradient_checkpointing",
  ],
  ...["output_attentions", "output_hidden_states", "_output_attentions", "attn_implementation", "_attn_implementation"],
  ...["_attn_implementation_autoset", "_attn_implementation_internal", "_experts_implementation"],
  ...["_experts_implementation_internal", "experts_implementation", "use_flash_attn", "_flash_attn_2_enabled"],
  ...[
    "is_encoder_decoder",
    "is_decoder",
    "return_logits",
    "keys_to_ignore_at_inference",
    "neuron",
    "torch_compile",
    "loss_type",
  ],
  ...["gradient_checkpointing_kwargs", "transformers.js_config", "tie_weights_", "sub_configs"],
  // What writes.
  ...["max_length", "min_length", "max_new_tokens", "min_new_tokens", "do_sample", "early_stopping", "num_beams"],
  ...["num_beam_groups", "top_k", "no_repeat_ngram_size", "encoder_no_repeat_ngram_size", "bad_words_ids"],
  ...["num_return_sequences", "output_scores", "output_logits", "return_dict_in_generate", "forced_bos_token_id"],
  ...["forced_eos_token_id", "forced_decoder_ids", "remove_invalid_values", "exponential_decay_length_penalty"],
  ...["suppress_tokens", "begin_suppress_tokens", "force_words_ids", "constraints", "renormalize_logits"],
  ...["sequence_bias", "cache_implementation", "cache_config", "max_time", "stop_strings", "low_memory"],
  ...["num_assistant_tokens", "prefix", "task_specific_params", "is_decoder_only", "prompt_lookup_num_tokens"],
  // Tokens that the tokenizer knows.
  ...["sep_token_id", "cls_token_id", "mask_token_id", "unk_token_id", "additional_special_tokens_ids"],
]);

/** Old keys of BERT and its kin that no version of Transformers' PyTorch code reads. */
export const BERT_HARMLESS: readonly string[] = [
  ...["directionality", "pooler_fc_size", "pooler_num_attention_heads", "pooler_num_fc_layers"],
  ...["pooler_size_per_head", "pooler_type", "ln_type", "model_name", "classifier_activation"],
];
