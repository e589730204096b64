"""Records what Transformers 5.24 computes with odd but legal configurations of Llama, Qwen2, Mistral and GPT-2:

    python3 scripts/record/decoders.py llama > tests/models/pretrained/recorded/odd-llama.json

Every configuration is written in version 4's layout (`rope_theta`, `rope_scaling`, `torch_dtype`, GPT-2 also by the names of
`attribute_map`) and in version 5's (what `save_pretrained` writes); both must give the same here before anything is recorded.
Of each: logits without padding, with padding on the right and on the left; three single tokens after five with a cache; a
classifier's logits; five steps of AdamW. Weights are made by a formula of name order and index (`fill`), so that none are stored.
"""
import json, sys
import torch, transformers as hf

hf.logging.set_verbosity_error()
torch.set_num_threads(1)
T, CUT, VOCAB, PAD = 10, 6, 24, 3


def fill(model):
    for k, (name, p) in enumerate(sorted(model.named_parameters())):
        i = torch.arange(p.numel(), dtype=torch.float64)
        values = 0.35 * torch.cos(0.7 * i + 0.05 * (i % 31) * (i % 7) + k)
        if name.endswith("weight") and p.ndim == 1:
            values += 1
        with torch.no_grad():
            p.copy_(values.reshape(p.shape).float())
    return model.eval()


def numbers(t):
    return [float(f"{x:.7g}") for x in t.detach().flatten().double().tolist()]


def fingerprint(t):
    x = t.detach().flatten().double()
    return numbers(torch.stack([x.norm(), (x * torch.cos(0.3 * torch.arange(len(x)))).sum()]))


def ids():
    x = (torch.arange(2 * T) * 7 + 5) % (VOCAB - 4) + 4
    return x.view(2, T)


def padded(side):
    """The second text has CUT tokens."""
    x, mask = ids(), torch.ones(2, T, dtype=torch.long)
    if side == "none":
        return x, None
    if side == "right":
        x[1, CUT:], mask[1, CUT:] = PAD, 0
    else:
        x[1, T - CUT :] = x[1, :CUT].clone()
        x[1, : T - CUT], mask[1, : T - CUT] = PAD, 0
    return x, mask


def logits_of(model, side):
    x, mask = padded(side)
    with torch.no_grad():
        return model(x, attention_mask=mask, use_cache=False).logits[mask.bool() if mask is not None else slice(None)].reshape(-1, VOCAB)


def record(prefix, lm, name, v4, eager=False):
    cls = getattr(hf, f"{prefix}Config")
    v4 = {"model_type": cls.model_type, "architectures": [lm], "vocab_size": VOCAB, **v4}

    def configured(d):
        config = cls.from_dict(json.loads(json.dumps(d)))
        config._attn_implementation = "eager" if eager else "sdpa"
        config.dtype = torch.float32
        return config

    v5 = json.loads(configured(v4).to_json_string(use_diff=False))
    v5 = {k: v for k, v in v5.items() if k not in ("_name_or_path", "transformers_version", "_attn_implementation")}
    v5["architectures"], v5["dtype"] = [lm], "float32"
    make = lambda layout, head=lm: fill(getattr(hf, head)(configured(layout)))
    out = {"name": name, "v4": v4, "v5": v5}
    one, other = make(v4), make(v5)
    for side in ("none", "right", "left"):
        found = logits_of(one, side)
        assert torch.equal(found, logits_of(other, side)), (name, side)
        assert found.isfinite().all() and found.abs().max() < 300, (name, found.abs().max())
        # The last row of each text and two numbers of all.
        last = [T - 1, 2 * T - 1] if side == "none" else [T - 1, T + CUT - 1]
        out[side] = {"all": fingerprint(found), "last": numbers(found[last])}
    with torch.no_grad():
        x = ids()
        state = one(x[:, :5], use_cache=True)
        steps = []
        for at in range(5, 8):
            state = one(x[:, at : at + 1], cache=state.cache, use_cache=True)
            steps.append(state.logits[:, -1])
        whole = one(x[:, :8], use_cache=False).logits[:, 5:].transpose(0, 1)
        # Angles of these change with the length, and those of what is cached do not; without layers nothing is cached.
        if "dynamic" not in name and "longrope" not in name and v4.get("n_layer") != 0:
            assert torch.allclose(torch.stack(steps), whole, atol=1e-4), name
        if v4.get("n_layer") == 0:
            steps = list(whole)
        out["steps"] = fingerprint(torch.stack(steps)) + numbers(steps[-1][1])
        out["classes"] = {}
        for side in ("right", "left"):
            x, mask = padded(side)
            model = make({**v4, "id2label": {"0": "a", "1": "b", "2": "c"}, "label2id": {"a": 0, "b": 1, "c": 2}, "pad_token_id": PAD}, f"{prefix}ForSequenceClassification")
            out["classes"][side] = numbers(model(x, attention_mask=mask).logits)
            tagger = make({**v4, "id2label": {"0": "a", "1": "b", "2": "c"}, "label2id": {"a": 0, "b": 1, "c": 2}}, f"{prefix}ForTokenClassification")
            out["classes"][f"{side}Tokens"] = fingerprint(tagger(x, attention_mask=mask).logits[mask.bool()])
    model = make(v5)
    x, mask = padded("right")
    labels = x.masked_fill(mask == 0, -100)
    # Gradients of key biases are 0 but for rounding, where positions do not turn: they must not move anything.
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, eps=1e-5 if prefix == "GPT2" else 1e-6)
    losses = []
    for _ in range(5):
        opt.zero_grad()
        loss = model(x, attention_mask=mask, labels=labels).loss
        loss.backward()
        opt.step()
        losses.append(loss)
    out["losses"] = numbers(torch.stack(losses))
    out["after"] = {n: fingerprint(p) for n, p in sorted(model.named_parameters())}
    return out


SIZES = dict(hidden_size=16, intermediate_size=20, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=16, bos_token_id=1, eos_token_id=2)
ROPES = {
    "linear": dict(rope_theta=300.0, rope_scaling=dict(type="linear", factor=2.5)),
    "dynamic": dict(rope_theta=300.0, max_position_embeddings=6, rope_scaling=dict(type="dynamic", factor=2.0)),
    "yarn": dict(rope_theta=500.0, rope_scaling=dict(rope_type="yarn", factor=4.0, original_max_position_embeddings=4)),
    "yarn mscale": dict(rope_theta=40.0, rope_scaling=dict(type="yarn", factor=3.0, mscale=0.9, mscale_all_dim=0.5, beta_fast=4, beta_slow=0.5, truncate=False, original_max_position_embeddings=8)),
    "yarn attention": dict(rope_theta=90.0, rope_scaling=dict(rope_type="yarn", factor=None, attention_factor=1.3, beta_fast=2.0, original_max_position_embeddings=8)),
    "longrope": dict(rope_theta=100.0, original_max_position_embeddings=8, rope_scaling=dict(type="longrope", short_factor=[1.0, 1.5], long_factor=[2.0, 6.0])),
    "longrope short": dict(rope_theta=100.0, rope_scaling=dict(rope_type="longrope", short_factor=[1.1, 1.7], long_factor=[2.0, 6.0], factor=4.0, original_max_position_embeddings=12)),
    "longrope attention": dict(rope_theta=100.0, rope_scaling=dict(rope_type="longrope", short_factor=[1.0, 3.0], long_factor=[1.5, 4.0], attention_factor=0.8, original_max_position_embeddings=6)),
    "llama3": dict(rope_theta=60.0, rope_scaling=dict(rope_type="llama3", factor=8.0, low_freq_factor=1.0, high_freq_factor=4.0, original_max_position_embeddings=12)),
    "proportional": dict(rope_theta=70.0, partial_rotary_factor=0.5, rope_scaling=dict(rope_type="proportional", factor=2.0)),
    "theta": dict(rope_theta=500000.0, rope_scaling=None),
}


def roped(*names):
    return {name: {**SIZES, **ROPES[name]} for name in names}


GPT2 = dict(n_positions=16, n_embd=16, n_layer=2, n_head=4, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0, classifier_dropout=0.0, bos_token_id=1, eos_token_id=2)
CASES = {
    "llama": ("Llama", "LlamaForCausalLM", {
        **roped(*ROPES),
        "biases": {**SIZES, "head_dim": 6, "attention_bias": True, "mlp_bias": True},
        "one key head, tied": {**SIZES, "num_key_value_heads": 1, "tie_word_embeddings": True, "torch_dtype": "bfloat16"},
        "gelu": {**SIZES, "hidden_act": "gelu", "rms_norm_eps": 0.01, "pretraining_tp": 2},
        "relu2": {**SIZES, "hidden_act": "relu2", "pad_token_id": -1, "eos_token_id": [2, 5], "use_cache": False},
        "window unheard": {**SIZES, "sliding_window": None, "num_key_value_heads": None, "partial_rotary_factor": 0.5, "initializer_range": 1.0},
    }),
    "qwen2": ("Qwen2", "Qwen2ForCausalLM", {
        **roped("linear", "dynamic", "yarn", "yarn mscale", "longrope", "llama3", "theta"),
        "head_dim": {**SIZES, "head_dim": 8, "tie_word_embeddings": True, "rope_theta": 1000000},
        "window": {**SIZES, "use_sliding_window": True, "sliding_window": 3, "max_window_layers": 1},
        "every layer slides": {**SIZES, "use_sliding_window": True, "sliding_window": 4, "max_window_layers": 0, "num_key_value_heads": 4},
        "window switched off": {**SIZES, "use_sliding_window": False, "sliding_window": 3, "max_window_layers": 0},
        "layer_types": {**SIZES, "use_sliding_window": True, "sliding_window": 2, "layer_types": ["sliding_attention", "full_attention"]},
        "gelu_pytorch_tanh": {**SIZES, "hidden_act": "gelu_pytorch_tanh", "num_key_value_heads": 1, "pad_token_id": 3, "bos_token_id": None},
        "odd width": {**SIZES, "hidden_size": 18, "rms_norm_eps": 0.1, "attention_bias": False},
        "quick_gelu": {**SIZES, "hidden_act": "quick_gelu", "eos_token_id": [2, 4], "initializer_range": 1.0},
    }),
    "mistral": ("Mistral", "MistralForCausalLM", {
        **roped("linear", "dynamic", "yarn", "longrope", "longrope short", "llama3", "theta"),
        "window": {**SIZES, "sliding_window": 3},
        "window of two": {**SIZES, "sliding_window": 2, "use_cache": False},
        "no window": {**SIZES, "sliding_window": None, "head_dim": 2},
        "window and head_dim": {**SIZES, "sliding_window": 4, "head_dim": 8, "tie_word_embeddings": True},
        "yarn and window": {**SIZES, **ROPES["yarn mscale"], "sliding_window": 5},
        "relu": {**SIZES, "hidden_act": "relu", "num_key_value_heads": 4, "pad_token_id": 0},
        "mish": {**SIZES, "hidden_act": "mish", "num_key_value_heads": 1, "rms_norm_eps": 1.0},
        "odd width": {**SIZES, "hidden_size": 18, "attention_bias": False, "eos_token_id": None},
    }),
    "gpt2": ("GPT2", "GPT2LMHeadModel", {
        "plain": GPT2,
        "names of attribute_map": {"max_position_embeddings": 12, "hidden_size": 24, "num_hidden_layers": 3, "num_attention_heads": 6, "resid_pdrop": 0.0, "embd_pdrop": 0.0, "attn_pdrop": 0.0, "classifier_dropout": 0.0, "bos_token_id": 1, "eos_token_id": 2},
        "unscaled": {**GPT2, "scale_attn_weights": False},
        "scaled by layer": {**GPT2, "scale_attn_by_inverse_layer_idx": True, "n_layer": 3},
        "unscaled, by layer": {**GPT2, "scale_attn_weights": False, "scale_attn_by_inverse_layer_idx": True},
        "reordered": {**GPT2, "reorder_and_upcast_attn": True, "scale_attn_by_inverse_layer_idx": True},
        "n_inner": {**GPT2, "n_inner": 10, "activation_function": "relu"},
        "untied": {**GPT2, "tie_word_embeddings": False, "activation_function": "gelu"},
        "silu": {**GPT2, "activation_function": "silu", "pad_token_id": -1, "is_decoder": True},
        "tanh": {**GPT2, "activation_function": "tanh", "n_head": 1, "layer_norm_epsilon": 0.1},
        "quick_gelu": {**GPT2, "activation_function": "quick_gelu", "n_ctx": 8, "n_head": 16},
        "relu6": {**GPT2, "activation_function": "relu6", "eos_token_id": [2, 7], "use_cache": False},
        "leaky_relu": {**GPT2, "activation_function": "leaky_relu", "n_layer": 1, "summary_type": "mean", "initializer_range": 1.0},
        "no layers": {**GPT2, "n_layer": 0},
    }),
}

if __name__ == "__main__":
    prefix, lm, cases = CASES[sys.argv[1]]
    print("[\n" + ",\n".join(json.dumps(record(prefix, lm, name, v4, eager=prefix == "GPT2"), separators=(",", ":")) for name, v4 in cases.items()) + "\n]")
