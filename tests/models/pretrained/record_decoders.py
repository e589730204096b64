"""Records decoders and encoder-decoders, as record.py does encoders: python3 record_decoders.py NAME > recorded/NAME.json"""
import json, sys
import torch, transformers as hf
from record import encoder_inputs, fill, fingerprint, numbers, train


def decoder_inputs(vocab=50, pad=0):
    x = encoder_inputs(vocab, types=False)
    x["input_ids"] = x["input_ids"].masked_fill(x["attention_mask"] == 0, pad)
    return x


def wide(model):
    """Weights far enough from each other that generated tokens differ."""
    with torch.no_grad():
        for name, p in sorted(model.named_parameters()):
            if p.ndim > 1:
                p.mul_(3)
    return model


def decoder_family(config, prefix, lm):
    """Hidden states, the logits of every head, training of the language model, what it writes."""
    inputs = decoder_inputs()
    shown = inputs["attention_mask"].bool()
    out = {"config": config.to_dict()}
    found = fill(getattr(hf, f"{prefix}Model")(config))(**inputs, output_hidden_states=True)
    out["hiddenStates"] = [numbers(h[shown]) for h in found.hidden_states]
    labels = inputs["input_ids"].masked_fill(~shown, -100)
    model = fill(getattr(hf, lm)(config))
    found = model(**inputs, labels=labels)
    out["causalLm"] = {"logits": fingerprint(found.logits[shown]), "loss": found.loss.item()}
    out["training"] = train(model, {**inputs, "labels": labels})
    classes = torch.tensor([2, 0])
    found = fill(getattr(hf, f"{prefix}ForSequenceClassification")(config))(**inputs, labels=classes)
    out["sequenceClassification"] = {"logits": numbers(found.logits), "loss": found.loss.item()}
    if prefix == "GPT2":
        tokens = torch.tensor([[0, 1, 2, -100, 1, 0, 2], [2, 1, 0, 0, 1, -100, -100]])
        found = fill(hf.GPT2ForTokenClassification(config))(**inputs, labels=tokens)
        out["tokenClassification"] = {"logits": numbers(found.logits[shown]), "loss": found.loss.item()}
    model = wide(fill(getattr(hf, lm)(config)))
    prompts = torch.tensor([[5, 9, 13, 40], [0, 0, 7, 21]])
    mask = (prompts != 0).long()
    made = model.generate(prompts, attention_mask=mask, max_new_tokens=9, do_sample=False, eos_token_id=None)
    out["greedy"] = made[:, 4:].tolist()
    return out


def seq2seq_family(config, prefix, lm):
    """Hidden states of the encoder, logits, training, and what is written: greedily, by beams, with rules."""
    x = decoder_inputs(pad=config.pad_token_id)
    shown = x["attention_mask"].bool()
    out = {"config": config.to_dict()}
    labels = torch.tensor([[5, 9, 30, 2, 44], [7, 7, 12, -100, -100]])

    def make():
        model = getattr(hf, lm)(config)
        learned = [(n, p) for n, p in sorted(model.named_parameters()) if p.requires_grad]
        for k, (name, p) in enumerate(learned):
            values = 0.2 * torch.cos(0.7 * torch.arange(p.numel(), dtype=torch.float64) + k)
            if name.endswith("weight") and p.ndim == 1:
                values += 1
            with torch.no_grad():
                p.copy_(values.reshape(p.shape).float())
        if hasattr(model, "final_logits_bias"):
            model.final_logits_bias.copy_(0.3 * torch.sin(torch.arange(config.vocab_size))[None])
        return model.eval()

    model = make()
    found = model(**x, labels=labels, output_hidden_states=True)
    out["hiddenStates"] = [numbers(h[shown]) for h in found.encoder_hidden_states]
    out["logits"] = numbers(found.logits[0, :2]) + fingerprint(found.logits)
    out["loss"] = found.loss.item()
    trained = train(model, {**x, "labels": labels})
    out["training"] = {**trained, "after": {n: v for n, v in trained["after"].items() if "embed_positions" not in n}}
    model = wide(make()) if prefix == "T5" else make()
    eos = config.eos_token_id
    cases = [dict(num_beams=b, max_new_tokens=n, **more) for b, n, more in [
        (1, 9, {}), (1, 9, dict(no_repeat_ngram_size=2)), (1, 6, dict(forced_eos_token_id=eos)), (1, 9, dict(bad_words_ids=[[config.pad_token_id], [4], [7, 9]], repetition_penalty=1.3)),
        (3, 8, {}), (4, 8, dict(length_penalty=2.0)), (4, 8, dict(length_penalty=-1.0, early_stopping=True)), (2, 9, dict(early_stopping="never", no_repeat_ngram_size=2)), (5, 5, dict(forced_eos_token_id=eos, bad_words_ids=[[config.pad_token_id]])),
    ]]
    out["written"] = []
    # The end becomes likely at different moments.
    for push in (0.0, 2.0):
        for case in cases:
            with torch.no_grad():
                head = model.lm_head.weight
                kept = head.clone()
                head[eos] += push * torch.cos(torch.arange(head.shape[1]) * 1.0)
                made = model.generate(**x, do_sample=False, eos_token_id=eos, return_dict_in_generate=True, output_scores=True, **{"forced_eos_token_id": None, "bad_words_ids": None, **case})
                head.copy_(kept)
            rows = []
            for row in made.sequences[:, 1:].tolist():
                rows.append(row[: row.index(eos) + 1] if eos in row else row)
            scores = numbers(made.sequences_scores) if case["num_beams"] > 1 else None
            out["written"].append({"push": push, "options": case, "ids": rows, "scores": scores})
    return out


# eager: the default attention leaves scale_attn_by_inverse_layer_idx out.
GPT2 = dict(attn_implementation="eager", vocab_size=50, n_positions=20, n_embd=24, n_layer=2, n_head=4, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, classifier_dropout=0.0, num_labels=3, pad_token_id=0, bos_token_id=1, eos_token_id=2)
LLAMA = dict(vocab_size=50, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=32, num_labels=3, pad_token_id=0, bos_token_id=1, eos_token_id=2)
LLAMA3 = dict(rope_type="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16)
T5 = dict(vocab_size=50, d_model=16, d_kv=6, d_ff=24, num_layers=2, num_heads=4, relative_attention_num_buckets=8, relative_attention_max_distance=12, dropout_rate=0.0, decoder_start_token_id=0)
MARIAN = dict(vocab_size=50, d_model=16, encoder_layers=2, decoder_layers=2, encoder_attention_heads=4, decoder_attention_heads=2, encoder_ffn_dim=24, decoder_ffn_dim=20, max_position_embeddings=20, activation_function="swish", dropout=0.0, pad_token_id=49, eos_token_id=0, decoder_start_token_id=49, forced_eos_token_id=0)
CASES = {
    "t5": lambda: seq2seq_family(hf.T5Config(**T5), "T5", "T5ForConditionalGeneration"),
    "t5-1.1": lambda: seq2seq_family(hf.T5Config(**T5, feed_forward_proj="gated-gelu", tie_word_embeddings=False), "T5", "T5ForConditionalGeneration"),
    "marian": lambda: seq2seq_family(hf.MarianConfig(**MARIAN, scale_embedding=True), "Marian", "MarianMTModel"),
    "gpt2": lambda: decoder_family(hf.GPT2Config(**GPT2), "GPT2", "GPT2LMHeadModel"),
    "gpt2-scaled": lambda: decoder_family(hf.GPT2Config(**GPT2, n_inner=20, activation_function="relu", scale_attn_by_inverse_layer_idx=True, tie_word_embeddings=False), "GPT2", "GPT2LMHeadModel"),
    "llama": lambda: decoder_family(hf.LlamaConfig(**LLAMA), "Llama", "LlamaForCausalLM"),
    "llama3": lambda: decoder_family(hf.LlamaConfig(**LLAMA, rope_theta=100.0, rope_scaling=LLAMA3, tie_word_embeddings=True, attention_bias=True, mlp_bias=True, head_dim=6), "Llama", "LlamaForCausalLM"),
    "llama-linear": lambda: decoder_family(hf.LlamaConfig(**LLAMA, rope_scaling=dict(rope_type="linear", factor=2.0)), "Llama", "LlamaForCausalLM"),
    "qwen2": lambda: decoder_family(hf.Qwen2Config(**LLAMA, rope_theta=1000.0, tie_word_embeddings=True), "Qwen2", "Qwen2ForCausalLM"),
    "mistral": lambda: decoder_family(hf.MistralConfig(**LLAMA, sliding_window=3), "Mistral", "MistralForCausalLM"),
}

if __name__ == "__main__":
    print(json.dumps(CASES[sys.argv[1]](), separators=(",", ":"), default=str))
