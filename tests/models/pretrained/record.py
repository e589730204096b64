"""Records what Transformers computes, for the tests beside this file: python3 record.py NAME > recorded/NAME.json

Weights are waves, so that none need to be stored: parameter number k (by sorted name) is 0.2 cos(0.7 i + k), and 1 more where
it scales a norm. `eps` of AdamW is 1e-6: gradients that are 0 but for rounding (those of key biases) must not move anything.
"""
import json, sys
import torch, transformers as hf


def fill(model):
    for k, (name, p) in enumerate(sorted(model.named_parameters())):
        values = 0.2 * torch.cos(0.7 * torch.arange(p.numel(), dtype=torch.float64) + k)
        if name.endswith("weight") and p.ndim == 1:
            values += 1
        with torch.no_grad():
            p.copy_(values.reshape(p.shape).float())
    return model.eval()


def ids(batch, length, vocab, step=7):
    return (torch.arange(batch * length) * step + 3) % (vocab - 5) + 5 - 1


def padded(batch, length):
    mask = torch.ones(batch, length, dtype=torch.long)
    mask[1:, length - 2 :] = 0
    return mask


def numbers(t):
    return [float(f"{x:.8g}") for x in t.detach().flatten().double().tolist()]


def fingerprint(t):
    x = t.detach().flatten().double()
    return numbers(torch.stack([x.norm(), (x * torch.cos(0.3 * torch.arange(len(x)))).sum()]))


def train(model, inputs, steps=10):
    """Losses of ten AdamW steps without dropout, and two numbers of each parameter afterwards."""
    opt = torch.optim.AdamW(model.parameters(), lr=1e-3, weight_decay=0.01, eps=1e-6)
    losses = []
    for _ in range(steps):
        opt.zero_grad()
        loss = model(**inputs).loss
        loss.backward()
        opt.step()
        losses.append(loss.item())
    return {"losses": losses, "after": {n: fingerprint(p) for n, p in sorted(model.named_parameters())}}


def encoder_inputs(vocab=50, types=True):
    x = {"input_ids": ids(2, 7, vocab).view(2, 7), "attention_mask": padded(2, 7)}
    if types:
        x["token_type_ids"] = torch.tensor([[0, 0, 0, 1, 1, 1, 1]] * 2)
    return x


def encoder_family(config, prefix, types=True, vocab=50):
    """Hidden states, the logits of every head, training of the classifier."""
    inputs = encoder_inputs(vocab, types)
    out = {"config": config.to_dict()}
    base = fill(getattr(hf, f"{prefix}Model")(config))
    found = base(**inputs, output_hidden_states=True)
    shown = inputs["attention_mask"].bool()
    out["hiddenStates"] = [numbers(h[shown]) for h in found.hidden_states]
    if getattr(found, "pooler_output", None) is not None:
        out["pooler"] = numbers(found.pooler_output)
    labels = torch.tensor([2, 0])
    tokens = torch.tensor([[0, 1, 2, -100, 1, 0, 2], [2, 1, 0, 0, 1, -100, -100]])
    model = fill(getattr(hf, f"{prefix}ForSequenceClassification")(config))
    found = model(**inputs, labels=labels)
    out["sequenceClassification"] = {"logits": numbers(found.logits), "loss": found.loss.item()}
    out["training"] = train(model, {**inputs, "labels": labels})
    found = fill(getattr(hf, f"{prefix}ForTokenClassification")(config))(**inputs, labels=tokens)
    out["tokenClassification"] = {"logits": numbers(found.logits[shown]), "loss": found.loss.item()}
    two = type(config)(**{**config.to_dict(), "num_labels": 2, "id2label": None, "label2id": None})
    found = fill(getattr(hf, f"{prefix}ForQuestionAnswering")(two))(**inputs, start_positions=torch.tensor([1, 0]), end_positions=torch.tensor([3, 2]))
    out["questionAnswering"] = {"start": numbers(found.start_logits[shown]), "end": numbers(found.end_logits[shown]), "loss": found.loss.item()}
    words = torch.tensor([[5, -100, 7, -100, 9, 4, 8], [-100, 6, 3, 2, -100, -100, -100]])
    found = fill(getattr(hf, f"{prefix}ForMaskedLM")(config))(**inputs, labels=words)
    out["maskedLm"] = {"logits": fingerprint(found.logits[shown]), "loss": found.loss.item()}
    return out


SMALL = dict(vocab_size=50, hidden_size=16, num_hidden_layers=2, num_attention_heads=4, intermediate_size=24, max_position_embeddings=20, num_labels=3, hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
CASES = {
    "bert": lambda: encoder_family(hf.BertConfig(**SMALL), "Bert"),
    "roberta": lambda: encoder_family(hf.RobertaConfig(**{**SMALL, "type_vocab_size": 1}), "Roberta", types=False),
    "electra": lambda: encoder_family(hf.ElectraConfig(**SMALL, embedding_size=12), "Electra"),
    "distilbert": lambda: encoder_family(hf.DistilBertConfig(vocab_size=50, dim=16, n_layers=2, n_heads=4, hidden_dim=24, max_position_embeddings=20, num_labels=3, dropout=0.0, attention_dropout=0.0, qa_dropout=0.0, seq_classif_dropout=0.0), "DistilBert", types=False),
}

if __name__ == "__main__":
    print(json.dumps(CASES[sys.argv[1]](), separators=(",", ":")))
