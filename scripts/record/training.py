"""Writes tests/train/training.record.json: what PyTorch's clipping and optimizers and Transformers' Trainer give.

python scripts/record/training.py  (torch 2.13, transformers 5.24, accelerate)

Weights are functions of their name's place: parameter i of the sorted names is sin(j * (0.3 + 0.01 i) + 0.5) * 0.2 at element j,
plus 1 for the weights of layer norms.
"""

import json
import math
import pathlib
import tempfile

import torch
import transformers
from transformers import Trainer, TrainingArguments

OUT = pathlib.Path(__file__).resolve().parents[2] / "tests" / "train" / "training.record.json"


def pattern(shape, k, scale=1.0):
    n = math.prod(shape)
    return (torch.sin(torch.arange(n, dtype=torch.float64) * k + 0.5) * scale).float().reshape(shape)


def numbers(tensor, most=6):
    return [float(f"{x:.9g}") for x in tensor.detach().double().flatten()[:most].tolist()]


def clipping():
    """Parameters [3, 4] and [5] with gradients by a pattern; each case clips the named ones."""
    out = []
    for max_norm, norm_type, which in [
        (0.5, 2.0, "ab"), (100.0, 2.0, "ab"), (0.5, 2.0, "b"), (0.5, math.inf, "ab"), (0.5, 1.0, "ab"), (0.5, 3.0, "ab"),
        (0.5, 0.0, "ab"), (0.5, -math.inf, "ab"), (0.0, 2.0, "a"), (2.0, 0.5, "ab"),
    ]:
        a, b = torch.nn.Parameter(torch.zeros(3, 4)), torch.nn.Parameter(torch.zeros(5))
        a.grad, b.grad = pattern((3, 4), 0.7), pattern((5,), 1.3)
        chosen = [p for name, p in (("a", a), ("b", b)) if name in which]
        norm = torch.nn.utils.clip_grad_norm_(chosen, max_norm, norm_type)
        out.append({"maxNorm": max_norm, "normType": str(norm_type), "which": which, "norm": numbers(norm)[0],
                    "a": numbers(a.grad, 12), "b": numbers(b.grad)})
    # Twice in a row, and with gradients that have come since.
    a = torch.nn.Parameter(torch.zeros(3, 4))
    a.grad = pattern((3, 4), 0.7)
    norms = [numbers(torch.nn.utils.clip_grad_norm_([a], 0.5))[0]]
    a.grad += pattern((3, 4), 0.2)
    norms.append(numbers(torch.nn.utils.clip_grad_norm_([a], 0.25))[0])
    b = torch.nn.Parameter(torch.zeros(3, 4))
    b.grad = pattern((3, 4), 0.7)
    torch.nn.utils.clip_grad_value_([b], 0.3)
    return {"cases": out, "twice": {"norms": norms, "a": numbers(a.grad, 12)}, "value": numbers(b.grad, 12)}


def optimizers():
    """Five steps of parameters [3, 4] and [5] with gradients pattern(k = 0.7 + 0.1 step) and pattern(k = 1.3 - 0.1 step)."""
    kinds = {
        "sgd-maximize": lambda p: torch.optim.SGD(p, lr=0.1, momentum=0.9, weight_decay=0.1, maximize=True),
        "adam-maximize": lambda p: torch.optim.Adam(p, lr=0.1, weight_decay=0.1, maximize=True),
        "adamw-maximize": lambda p: torch.optim.AdamW(p, lr=0.1, weight_decay=0.1, maximize=True, amsgrad=True),
        "rmsprop-maximize": lambda p: torch.optim.RMSprop(p, lr=0.05, alpha=0.9, momentum=0.5, centered=True, maximize=True),
        "adagrad-maximize": lambda p: torch.optim.Adagrad(p, lr=0.1, maximize=True, weight_decay=0.1),
        "adagrad": lambda p: torch.optim.Adagrad(p, lr=0.1, lr_decay=0.3, initial_accumulator_value=0.7),
        "sgd-group": lambda p: torch.optim.SGD([{"params": [p[0]], "maximize": True}, {"params": [p[1]], "lr": 0.3}], lr=0.1),
    }
    out = {}
    for name, make in kinds.items():
        a, b = torch.nn.Parameter(pattern((3, 4), 0.4)), torch.nn.Parameter(pattern((5,), 0.9))
        optimizer = make([a, b])
        for step in range(5):
            a.grad, b.grad = pattern((3, 4), 0.7 + 0.1 * step), pattern((5,), 1.3 - 0.1 * step)
            optimizer.step()
        out[name] = {"a": numbers(a, 12), "b": numbers(b)}
    return out


def fill(model):
    names = sorted(name for name, _ in model.named_parameters())
    parameters = dict(model.named_parameters())
    with torch.no_grad():
        for i, name in enumerate(names):
            p = parameters[name]
            value = pattern(p.shape, 0.3 + 0.01 * i, 0.2)
            if p.ndim == 1 and name.endswith("weight"):
                value = value + 1
            p.copy_(value)


LENGTHS = [3, 7, 4, 8, 2, 6, 5, 8, 3, 4]


def example(i, kind):
    n = LENGTHS[i]
    ids = [1 + (i * 5 + j * 3) % 18 for j in range(n)]
    if kind == "causal":
        # An answer after a prompt; the third example has none.
        labels = [-100 if (i == 2 or j < (i % 3)) else token for j, token in enumerate(ids)]
    elif kind == "token":
        labels = [-100 if (i == 4 or j % 3 == 2) else (i + j) % 3 for j in range(n)]
    elif kind == "masked":
        labels = [token if j % 3 == i % 2 else -100 for j, token in enumerate(ids)]
    elif kind == "seq2seq":
        labels = [1 + (i * 3 + j * 2) % 18 for j in range(1 + (i * 2) % 5)]
    elif kind == "regression":
        labels = math.sin(i)
    else:
        labels = i % 3
    return {"input_ids": ids, "labels": labels}


def collate(rows):
    def padded(lists, value):
        t = max(map(len, lists))
        return torch.tensor([x + [value] * (t - len(x)) for x in lists])

    ids = [r["input_ids"] for r in rows]
    labels = [r["labels"] for r in rows]
    return {
        "input_ids": padded(ids, 0),
        "attention_mask": padded([[1] * len(x) for x in ids], 0),
        "labels": padded(labels, -100) if isinstance(labels[0], list) else torch.tensor(labels),
    }


def models():
    small = dict(vocab_size=20, hidden_size=16, num_hidden_layers=1, num_attention_heads=2, intermediate_size=24,
                 max_position_embeddings=12, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    three = dict(id2label={0: "a", 1: "b", 2: "c"}, label2id={"a": 0, "b": 1, "c": 2})
    bert = transformers.BertConfig
    yield "causal", transformers.GPT2LMHeadModel(transformers.GPT2Config(
        vocab_size=20, n_positions=12, n_embd=16, n_layer=1, n_head=2, resid_pdrop=0, embd_pdrop=0, attn_pdrop=0))
    yield "token", transformers.BertForTokenClassification(bert(**small, **three))
    yield "masked", transformers.BertForMaskedLM(bert(**small))
    yield "classes", transformers.BertForSequenceClassification(bert(**small, **three))
    yield "regression", transformers.BertForSequenceClassification(bert(**small, num_labels=1, problem_type="regression"))
    yield "seq2seq", transformers.T5ForConditionalGeneration(transformers.T5Config(
        vocab_size=20, d_model=16, d_kv=8, d_ff=24, num_layers=1, num_heads=2, dropout_rate=0.0,
        decoder_start_token_id=0, tie_word_embeddings=True))


def trainings():
    out = {}
    for kind, model in models():
        for batch, accumulate, smoothing in [(4, 1, 0.0), (2, 2, 0.0), (1, 4, 0.0), (2, 2, 0.1)]:
            # Without smoothing only GPT-2 divides by the labels of the whole step: BERT and T5 are counted as if they did
            # (`model_accepts_loss_kwargs`) and give means, so that two batches of 2 weigh twice what one of 4 does. That is
            # not recorded; of them one batch a step is.
            if accumulate > 1 and smoothing == 0 and kind != "causal":
                continue
            if smoothing > 0 and kind in ("regression", "seq2seq"):
                continue  # numbers are not smoothed; T5's labels are taken away, and nothing is made decoder_input_ids of
            fill(model)
            with tempfile.TemporaryDirectory() as folder:
                args = TrainingArguments(
                    folder, per_device_train_batch_size=batch, gradient_accumulation_steps=accumulate, optim="sgd",
                    learning_rate=0.5, num_train_epochs=2, warmup_steps=0.2, label_smoothing_factor=smoothing,
                    train_sampling_strategy="sequential", use_cpu=True, report_to="none", save_strategy="no",
                    logging_steps=1, disable_tqdm=True)
                trainer = Trainer(model, args, train_dataset=[example(i, kind) for i in range(10)], data_collator=collate)
                trainer.train()
            losses = [round(entry["loss"], 6) for entry in trainer.state.log_history if "loss" in entry]
            weights = {n: numbers(p, 4) for n, p in sorted(model.named_parameters())[::3]}
            out[f"{kind} {batch}x{accumulate} {smoothing}"] = {"losses": losses, "weights": weights}
    return out


if __name__ == "__main__":
    record = {"torch": torch.__version__, "transformers": transformers.__version__, "clipping": clipping(),
              "optimizers": optimizers(), "trainings": trainings()}
    OUT.write_text(json.dumps(record, indent=1) + "\n")
    print(OUT, OUT.stat().st_size)
