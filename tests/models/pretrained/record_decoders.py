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


# eager: the default attention leaves scale_attn_by_inverse_layer_idx out.
GPT2 = dict(attn_implementation="eager", vocab_size=50, n_positions=20, n_embd=24, n_layer=2, n_head=4, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, classifier_dropout=0.0, num_labels=3, pad_token_id=0, bos_token_id=1, eos_token_id=2)
LLAMA = dict(vocab_size=50, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=32, num_labels=3, pad_token_id=0, bos_token_id=1, eos_token_id=2)
LLAMA3 = dict(rope_type="llama3", factor=4.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=16)
CASES = {
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
