"""Records what Transformers computes with odd but legal configurations of BERT, RoBERTa, XLM-R, DistilBERT, ELECTRA, T5, mT5 and
Marian, each as versions 4 and 5 write a folder:

    python3 scripts/record/encoders.py tests/models/pretrained/recorded/odd

Weights are waves, so that none need to be stored: element i of the tensor NAME of a file is 0.2 cos(0.7 i + phase(NAME)), and 1 more
where it scales a norm. Everything is read with from_pretrained from a folder, so that what is recorded is what Transformers makes of
these keys and names; in float64, so that the error of one side alone counts. `eps` of AdamW is 1e-5: gradients that are 0 but for rounding (those of key biases) must not move anything.

    python3 scripts/record/encoders.py --open FOLDER

opens what Shoshin wrote (`savePretrained`): FOLDER/N/ and FOLDER/cases.json, and prints what is not as it was recorded.
"""

import json, math, os, sys, tempfile, warnings

os.environ.setdefault("HF_HUB_OFFLINE", "1")
import torch, transformers as hf
from safetensors.torch import save_file

warnings.filterwarnings("ignore")
hf.logging.set_verbosity_error()
hf.utils.logging.disable_progress_bar()
torch.set_num_threads(1)

HEADS = {
    "base": "Model",
    "sequenceClassification": "ForSequenceClassification",
    "tokenClassification": "ForTokenClassification",
    "questionAnswering": "ForQuestionAnswering",
    "maskedLm": "ForMaskedLM",
    "seq2seqLm": "ForConditionalGeneration",
    "encoder": "EncoderModel",
}
PREFIX = {"bert": "Bert", "roberta": "Roberta", "xlm-roberta": "XLMRoberta", "distilbert": "DistilBert", "electra": "Electra", "t5": "T5", "mt5": "MT5", "marian": "Marian"}
STEPS = 5


def class_of(family, head):
    if family == "marian":
        return hf.MarianMTModel
    return getattr(hf, PREFIX[family] + HEADS[head])


def phase(name):
    h = 7
    for c in name:
        h = (h * 31 + ord(c)) % 1000003
    return (h % 1000) / 100


def wave(name, shape, dtype):
    n = math.prod(shape)
    if not dtype.is_floating_point:
        return torch.arange(n).reshape(shape).to(dtype)
    values = 0.2 * torch.cos(0.7 * torch.arange(n, dtype=torch.float64) + phase(name))
    if len(shape) == 1 and name.endswith(("weight", "gamma")):
        values += 1
    return values.reshape(shape).to(dtype)


def numbers(t, digits=7):
    return [float(f"{x:.{digits}g}") for x in t.detach().flatten().double().tolist()]


def fingerprint(t, digits=7):
    x = t.detach().flatten().double()
    return numbers(torch.stack([x.norm(), (x * torch.cos(0.3 * torch.arange(len(x)))).sum()]), digits)


def some(t):
    """Two numbers of all, and the first six."""
    return fingerprint(t) + numbers(t.flatten()[:6])


BATCH, LENGTH, TARGET = 2, 7, 5
PADDINGS = ["none", "right", "left"]


def inputs_of(config, padding):
    vocab = config.vocab_size
    ids = ((torch.arange(BATCH * LENGTH) * 7 + 3) % (vocab - 6) + 6).view(BATCH, LENGTH)
    mask = torch.ones(BATCH, LENGTH, dtype=torch.long)
    pad = config.pad_token_id
    fill = pad if pad is not None and 0 <= pad < vocab else 0
    if padding == "right":
        ids[1, -2:] = fill
        mask[1, -2:] = 0
    if padding == "left":
        ids[1, :2] = fill
        mask[1, :2] = 0
    return ids, mask


def batch_of(config, head, padding):
    ids, mask = inputs_of(config, padding)
    x = {"input_ids": ids}
    if padding != "none":
        x["attention_mask"] = mask
    if getattr(config, "type_vocab_size", 1) > 1:
        x["token_type_ids"] = (torch.arange(BATCH * LENGTH) % 3 % 2).view(BATCH, LENGTH)
    if head == "sequenceClassification":
        n = config.num_labels
        if n == 1:
            x["labels"] = torch.tensor([0.5, -1.5])
        elif config.problem_type in ("multi_label_classification", "regression"):
            x["labels"] = (torch.arange(BATCH * n) % 2).float().view(BATCH, n)
        else:
            x["labels"] = torch.tensor([n - 1, 0])
    if head == "tokenClassification":
        x["labels"] = torch.where(mask == 1, torch.arange(BATCH * LENGTH).view(BATCH, LENGTH) % config.num_labels, -100)
    if head == "questionAnswering":
        x["start_positions"], x["end_positions"] = torch.tensor([1, 2]), torch.tensor([3, 4])
    if head == "maskedLm":
        x["labels"] = torch.where((mask == 1) & (torch.arange(BATCH * LENGTH).view(BATCH, LENGTH) % 2 == 0), ids, -100)
    if head == "seq2seqLm":
        vocab = getattr(config, "decoder_vocab_size", None) or config.vocab_size
        labels = ((torch.arange(BATCH * TARGET) * 5 + 1) % (vocab - 6) + 6).view(BATCH, TARGET)
        if padding == "right" and config.pad_token_id >= 0:
            labels[1, -2:] = -100
        x["labels"] = labels
    return x, mask


def outputs(model, head, padding):
    x, mask = batch_of(model.config, head, padding)
    shown = mask.bool()
    if "labels" in x and x["labels"].is_floating_point():
        x["labels"] = x["labels"].to(model.dtype)
    found = model(**x)
    if head in ("base", "encoder"):
        out = [found.last_hidden_state[shown]]
        if getattr(found, "pooler_output", None) is not None:
            out.append(found.pooler_output)
    elif head in ("tokenClassification", "maskedLm"):
        out = [found.logits[shown]]
    elif head == "questionAnswering":
        out = [found.start_logits[shown], found.end_logits[shown]]
    elif head == "seq2seqLm":
        out = [found.encoder_last_hidden_state[shown], found.logits[x["labels"] != -100]]
    else:
        out = [found.logits]
    loss = getattr(found, "loss", None)
    return torch.cat([t.flatten() for t in out]), loss, x


def train(model, head):
    model.eval()
    opt = torch.optim.AdamW(model.parameters(), lr=5e-4, weight_decay=0.01, eps=1e-5)
    losses = []
    for _ in range(STEPS):
        opt.zero_grad()
        out, loss, _ = outputs(model, head, "right")
        loss = out.square().mean() if loss is None else loss
        loss.backward()
        opt.step()
        losses.append(loss.item())
    named = sorted((n, p) for n, p in model.named_parameters() if p.requires_grad)
    after = [fingerprint(p, 6) for _, p in named]
    return {"losses": numbers(torch.tensor(losses, dtype=torch.float64)), "after": [x for two in after for x in two]}, [n for n, _ in named]


# What version 4 wrote besides, or wrote otherwise.
def old_config(family, config, case):
    c = {k: v for k, v in config.items() if k not in ("scale_decoder_outputs",)}
    if "dtype" in c:
        c["torch_dtype"] = c.pop("dtype")
    c.update({"_name_or_path": "some/where", "transformers_version": "4.31.0", "use_cache": True})
    if family in ("bert", "roberta", "xlm-roberta", "electra"):
        c.update({"position_embedding_type": "absolute", "gradient_checkpointing": False})
    if family in ("t5", "mt5"):
        c.update({"n_positions": 512, "output_past": True, "tokenizer_class": "T5Tokenizer", "task_specific_params": {"summarization": {"num_beams": 4, "early_stopping": True}}})
        c["tie_word_embeddings"] = not case.get("untied", False)
    if family == "distilbert":
        c.update({"tie_weights_": True, "output_past": True})
    if family == "marian":
        c.update({"add_bias_logits": False, "add_final_layer_norm": False, "normalize_before": False, "normalize_embedding": False, "static_position_embeddings": True, "classif_dropout": 0.0, "classifier_dropout": 0.0, "num_beams": 6, "max_length": 512, "bad_words_ids": [[c["pad_token_id"]]], "num_hidden_layers": c["encoder_layers"]})
    c.update(case.get("old", {}))
    return c


def old_name(family, name, case):
    if case.get("gamma"):
        name = name.replace("LayerNorm.weight", "LayerNorm.gamma").replace("LayerNorm.bias", "LayerNorm.beta")
    return name


def folder_of(case, layout, dir):
    """Writes the folder, and says what is in it: config and tensors by name."""
    family, head = case["family"], case["head"]
    cls = class_of(family, head)
    dropout = {k: 0.0 for k in ("hidden_dropout_prob", "attention_probs_dropout_prob")}
    if family == "distilbert":
        dropout = {k: 0.0 for k in ("dropout", "attention_dropout", "qa_dropout", "seq_classif_dropout")}
    if family in ("t5", "mt5"):
        dropout = {"dropout_rate": 0.0}
    if family == "marian":
        dropout = {k: 0.0 for k in ("dropout", "attention_dropout", "activation_dropout")}
    config = cls.config_class(**{**dropout, **case["config"]})
    model = cls(config)
    model.save_pretrained(dir)
    with open(os.path.join(dir, "config.json")) as f:
        written = json.load(f)
    state = model.state_dict()
    from safetensors import safe_open

    with safe_open(os.path.join(dir, "model.safetensors"), "pt") as f:
        names = sorted(f.keys())
    if case.get("untied") and family in ("t5", "mt5"):
        names.append("lm_head.weight")
    dtype = getattr(torch, case.get("dtype", "float32"))
    tensors = {n: wave(n, state[n].shape, dtype if state[n].is_floating_point() else state[n].dtype) for n in names}
    like = {}
    if layout == 4:
        written = old_config(family, config.to_dict() if case.get("full") else written, case)
        if family in ("t5", "mt5"):
            written.setdefault("num_layers", config.num_layers)
        written["torch_dtype"] = case.get("dtype", "float32")
        written.pop("dtype", None)
        renamed = {old_name(family, n, case): t for n, t in tensors.items()}
        tensors = {n: wave(n, t.shape, t.dtype) for n, t in renamed.items()}
        base = cls.base_model_prefix + "."
        if case.get("bare") and any(n.startswith(base) for n in tensors):
            # A checkpoint of the part below the head, and a head beside it.
            tensors = {n.removeprefix(base): wave(n.removeprefix(base), t.shape, t.dtype) for n, t in tensors.items()}
        if case.get("position_ids"):
            name = next(n for n in tensors if n.endswith("position_embeddings.weight"))
            n = tensors[name].shape[0]
            tensors[name.replace("position_embeddings.weight", "position_ids")] = torch.arange(n).view(1, n)
        if case.get("twice") and case["head"] == "maskedLm":
            # What pytorch_model.bin had: every name of what is one.
            words = next(n for n in tensors if n.endswith("word_embeddings.weight"))
            both = {"bert": "cls.predictions.decoder.weight", "roberta": "lm_head.decoder.weight", "xlm-roberta": "lm_head.decoder.weight", "distilbert": "vocab_projector.weight", "electra": "generator_lm_head.weight"}[family]
            like[both] = words
        if case.get("twice") and family == "t5":
            for n in ("encoder.embed_tokens.weight", "decoder.embed_tokens.weight"):
                like[n] = "shared.weight"
        if case.get("twice") and family == "marian":
            for n in ("model.encoder.embed_tokens.weight", "model.decoder.embed_tokens.weight", "lm_head.weight"):
                like[n] = "model.shared.weight"
    tensors.update({n: tensors[other].clone() for n, other in like.items()})
    written["dtype" if layout == 5 else "torch_dtype"] = case.get("dtype", "float32")
    with open(os.path.join(dir, "config.json"), "w") as f:
        json.dump(written, f)
    save_file(tensors, os.path.join(dir, "model.safetensors"), {"format": "pt"})
    return written, tensors, like


def record(case, layout):
    with tempfile.TemporaryDirectory() as dir:
        config, tensors, like = folder_of(case, layout, dir)
        cls = class_of(case["family"], case["head"])
        model, info = cls.from_pretrained(dir, output_loading_info=True, dtype=torch.float64)
        for key in ("missing_keys", "mismatched_keys", "unexpected_keys"):
            left = [k for k in info[key] if not str(k).endswith(("position_ids", "decoder.bias"))]
            assert not left, (case, layout, key, left)
        model.eval()
        for n, p in model.named_parameters():
            # Fixed, as the class has them: from_pretrained of 5.24 forgets it.
            if n.endswith("embed_positions.weight"):
                p.requires_grad = False
        out = {"family": case["family"], "layout": layout, "head": case["head"], "config": config}
        out["tensors"] = [[n, *t.shape] for n, t in tensors.items()]
        if like:
            out["like"] = like
        if case.get("dtype"):
            out["dtype"] = case["dtype"]
        with torch.no_grad():
            runs = {p: outputs(model, case["head"], p) for p in PADDINGS}
        out["out"] = {p: some(o) + ([] if loss is None else numbers(loss)) for p, (o, loss, _) in runs.items()}
        out["training"], out["names"] = train(model, case["head"])
        return out


B = dict(vocab_size=40, hidden_size=12, num_hidden_layers=1, num_attention_heads=2, intermediate_size=10, max_position_embeddings=12)
D = dict(vocab_size=40, dim=12, n_layers=1, n_heads=2, hidden_dim=10, max_position_embeddings=12)
T = dict(vocab_size=40, d_model=12, d_kv=4, d_ff=10, num_layers=1, num_heads=2, decoder_start_token_id=0)
M = dict(vocab_size=40, d_model=12, encoder_layers=1, decoder_layers=1, encoder_attention_heads=2, decoder_attention_heads=2, encoder_ffn_dim=10, decoder_ffn_dim=10, max_position_embeddings=12, pad_token_id=39, eos_token_id=0, forced_eos_token_id=0, decoder_start_token_id=39)
three = dict(id2label={0: "a", 1: "b", 2: "c"}, label2id={"a": 0, "b": 1, "c": 2})


def kin(family, **base):
    """Odd configurations of BERT and its kin."""
    base = {**B, **base}
    positions = "roberta" in family
    if positions:
        base["max_position_embeddings"] = 14
    cases = [
        ("base", dict(hidden_size=15, num_attention_heads=3, intermediate_size=7), dict(position_ids=True)),
        ("sequenceClassification", dict(hidden_act="gelu_new", layer_norm_eps=1e-3, **three), dict(gamma=True)),
        ("tokenClassification", dict(hidden_act="relu", type_vocab_size=1, num_attention_heads=12, **three), dict(full=True)),
        ("questionAnswering", dict(hidden_act="silu", num_hidden_layers=3, type_vocab_size=3), dict(position_ids=True, gamma=True)),
        ("maskedLm", dict(tie_word_embeddings=False, vocab_size=37), {}),
        ("maskedLm", dict(hidden_act="gelu_python", num_attention_heads=1, layer_norm_eps=1.0), dict(twice=True)),
        ("maskedLm", dict(hidden_act="relu", tie_word_embeddings=False, pad_token_id=3), dict(dtype="bfloat16")),
        ("sequenceClassification", dict(pad_token_id=-1, num_labels=1, intermediate_size=1), dict(full=True)),
        ("sequenceClassification", dict(problem_type="multi_label_classification", classifier_dropout=0.0, initializer_range=1.0, **three), dict(dtype="float16")),
        ("base", dict(num_hidden_layers=0, hidden_act="tanh"), dict(full=True)),
        ("tokenClassification", dict(hidden_act="quick_gelu", max_position_embeddings=7 + (base.get("pad_token_id", 1) + 1 if positions else 0), num_hidden_layers=2), dict(bare=True)),
        ("questionAnswering", dict(hidden_act="gelu_pytorch_tanh", pad_token_id=5, max_position_embeddings=20), {}),
        ("base", dict(hidden_act="mish", use_cache=False, chunk_size_feed_forward=7, hidden_size=8, num_attention_heads=8), dict(bare=True, gamma=True)),
        ("sequenceClassification", dict(problem_type="regression", hidden_act="leaky_relu", bos_token_id=None, eos_token_id=None, **three), {}),
    ]
    if family == "electra":
        sizes = [9, 12, 16, 12, 8, 12, 20, 3, 12, 12, 4, 12, 8, 5]
        cases = [(h, {**c, "embedding_size": s}, m) for (h, c, m), s in zip(cases, sizes)]
        cases[9] = (cases[9][0], {**cases[9][1], "embedding_size": 6}, cases[9][2])
    return [dict(family=family, head=h, config={**base, **c}, **m) for h, c, m in cases]


def distil():
    cases = [
        ("base", dict(dim=15, n_heads=3, hidden_dim=7), dict(position_ids=True)),
        ("sequenceClassification", dict(activation="gelu_new", **three), dict(gamma=True)),
        ("tokenClassification", dict(activation="relu", n_heads=12, **three), dict(full=True)),
        ("questionAnswering", dict(activation="silu", n_layers=3), dict(position_ids=True)),
        ("maskedLm", dict(tie_word_embeddings=False, vocab_size=37), {}),
        ("maskedLm", dict(activation="gelu_new", n_heads=1), dict(twice=True)),
        ("maskedLm", dict(sinusoidal_pos_embds=True, activation="relu"), dict(dtype="bfloat16")),
        ("sequenceClassification", dict(pad_token_id=-1, num_labels=1, hidden_dim=1), dict(full=True)),
        ("sequenceClassification", dict(problem_type="multi_label_classification", initializer_range=1.0, **three), dict(dtype="float16")),
        ("base", dict(n_layers=0), dict(full=True)),
        ("tokenClassification", dict(activation="gelu_fast", max_position_embeddings=7, n_layers=2), dict(bare=True)),
        ("base", dict(pad_token_id=None, dim=8, n_heads=8), dict(bare=True)),
        ("sequenceClassification", dict(problem_type="regression", activation="relu6", pad_token_id=7, **three), {}),
    ]
    return [dict(family="distilbert", head=h, config={**D, **c}, **m) for h, c, m in cases]


def fives(family):
    one = "seq2seqLm"
    cases = [
        (one, dict(feed_forward_proj="relu"), dict(twice=family == "t5")),
        (one, dict(feed_forward_proj="gated-gelu"), dict(untied=True)),
        (one, dict(feed_forward_proj="gated-silu", num_decoder_layers=2, d_kv=5), dict(untied=True)),
        (one, dict(feed_forward_proj="gelu", num_layers=2, num_decoder_layers=1), {}),
        (one, dict(feed_forward_proj="gated-relu", relative_attention_num_buckets=4, relative_attention_max_distance=5), dict(dtype="bfloat16", untied=True)),
        (one, dict(feed_forward_proj="gelu_new", num_heads=3, d_kv=7, initializer_factor=2.0), dict(dtype="float16")),
        (one, dict(layer_norm_epsilon=1.0, d_ff=1), {}),
        (one, dict(feed_forward_proj="silu", pad_token_id=3, decoder_start_token_id=5, vocab_size=37), dict(untied=True)),
        (one, dict(num_layers=2, layer_norm_epsilon=0.1, relative_attention_num_buckets=7, relative_attention_max_distance=4), {}),
        (one, dict(num_heads=1, d_kv=1, feed_forward_proj="gated-gelu_new"), dict(full=True, untied=True)),
        (one, dict(feed_forward_proj="tanh", num_heads=12, d_kv=1, initializer_factor=1.0, classifier_dropout=0.0), dict(full=True)),
        ("encoder", dict(feed_forward_proj="gated-gelu", num_layers=2), {}),
        ("encoder", dict(relative_attention_num_buckets=9, relative_attention_max_distance=6), dict(full=True)),
        (one, dict(num_layers=0, num_decoder_layers=1), {}),
    ]
    return [dict(family=family, head=h, config={**T, **c}, **m) for h, c, m in cases]


def marians():
    cases = [
        (dict(activation_function="swish", scale_embedding=True), dict(twice=True)),
        (dict(activation_function="relu", decoder_layers=2), {}),
        (dict(share_encoder_decoder_embeddings=False), {}),
        (dict(share_encoder_decoder_embeddings=False, tie_word_embeddings=False), {}),
        (dict(share_encoder_decoder_embeddings=False, decoder_vocab_size=31, pad_token_id=30, decoder_start_token_id=30), {}),
        (dict(share_encoder_decoder_embeddings=False, tie_word_embeddings=False, decoder_vocab_size=45), dict(dtype="bfloat16")),
        (dict(tie_word_embeddings=False), {}),
        (dict(d_model=10, encoder_attention_heads=5, decoder_attention_heads=1, encoder_ffn_dim=3), dict(full=True)),
        (dict(d_model=9, encoder_attention_heads=3, decoder_attention_heads=9, activation_function="gelu_new"), {}),
        (dict(pad_token_id=-1, scale_embedding=True, decoder_start_token_id=1), {}),
        (dict(encoder_layers=3, decoder_layers=1, decoder_ffn_dim=17, activation_function="tanh"), dict(dtype="float16")),
        (dict(max_position_embeddings=7, eos_token_id=[0, 5], pad_token_id=2), dict(full=True)),
        (dict(init_std=1.0, activation_function="quick_gelu", forced_eos_token_id=None, decoder_start_token_id=0), {}),
        (dict(encoder_layers=0, decoder_layers=2, scale_embedding=True), {}),
    ]
    return [dict(family="marian", head="seq2seqLm", config={**M, **c}, **m) for c, m in cases]


CASES = {
    "bert": lambda: kin("bert"),
    "roberta": lambda: kin("roberta", pad_token_id=1),
    "xlm-roberta": lambda: kin("xlm-roberta", pad_token_id=2, type_vocab_size=1),
    "electra": lambda: kin("electra"),
    "distilbert": distil,
    "t5": lambda: fives("t5"),
    "mt5": lambda: fives("mt5"),
    "marian": marians,
}


def open_all(folder):
    """Opens what was written again: nothing missing or unexpected, the same numbers."""
    with open(os.path.join(folder, "cases.json")) as f:
        cases = json.load(f)
    wrong = []
    for case in cases:
        label = f"{case['folder']} ({case['family']}, {case['head']}, layout {case['layout']})"
        try:
            cls = class_of(case["family"], case["head"])
            model, info = cls.from_pretrained(os.path.join(folder, case["folder"]), output_loading_info=True)
            left = {k: [str(x) for x in info[k]] for k in ("missing_keys", "mismatched_keys", "unexpected_keys") if info[k]}
            if left:
                wrong.append(f"{label}: {left}")
            if model.dtype != torch.float32:
                wrong.append(f"{label}: dtype {model.dtype}")
            with torch.no_grad():
                for p in PADDINGS:
                    out, loss, _ = outputs(model.eval(), case["head"], p)
                    got = some(out) + ([] if loss is None else numbers(loss))
                    want = case["out"][p]
                    scale = [max(1, abs(want[0] if i == 1 else b)) for i, b in enumerate(want)]
                    far = max(abs(a - b) / s for a, b, s in zip(got, want, scale))
                    if not far <= 1e-5 or len(got) != len(want):
                        wrong.append(f"{label}: {p}: off by {far}")
        except Exception as error:
            wrong.append(f"{label}: {type(error).__name__}: {error}")
    print(json.dumps({"opened": len(cases), "wrong": wrong}))


if __name__ == "__main__":
    if sys.argv[1] == "--open":
        open_all(sys.argv[2])
    else:
        os.makedirs(sys.argv[1], exist_ok=True)
        for name, cases in CASES.items():
            if len(sys.argv) > 2 and name not in sys.argv[2:]:
                continue
            all = [record(case, layout) for case in cases() for layout in (4, 5)]
            # Names are many and the same: each once, in a table.
            names = sorted({n for c in all for n in [t[0] for t in c["tensors"]] + c["names"]})
            for c in all:
                c["tensors"] = [[names.index(n), *shape] for n, *shape in c["tensors"]]
                c["names"] = [names.index(n) for n in c["names"]]
            text = [json.dumps(c, separators=(",", ":")) for c in all]
            with open(os.path.join(sys.argv[1], f"{name}.json"), "w") as f:
                f.write('{"names":' + json.dumps(names) + ',\n"cases":[\n' + ",\n".join(text) + "\n]}\n")
            print(name, len(text), sum(map(len, text)))
