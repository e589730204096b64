"""Records peft 0.21's logits of tiny models with adapters, weights as waves, into recorded/lora.json."""

import json
import math
from pathlib import Path

import torch
from peft import LoraConfig, get_peft_model
from transformers import BertConfig, BertForSequenceClassification, GPT2Config, GPT2LMHeadModel


def waves(named):
    for k, (name, p) in enumerate(sorted(named, key=lambda item: item[0])):
        shift = 1 if name.endswith("weight") and p.ndim == 1 else 0
        i = torch.arange(p.numel(), dtype=torch.float64)
        p.data.copy_((shift + 0.2 * torch.cos(0.7 * i + k)).reshape(p.shape))


def record(model, config, inputs):
    waves(model.named_parameters())
    peft = get_peft_model(model, config)
    tensors = {n.replace(".default", "").replace(".modules_to_save", ""): p for n, p in peft.named_parameters() if p.requires_grad}
    waves(tensors.items())
    peft.eval()
    out = peft(**inputs, labels=inputs["input_ids"] if "gpt2" == model.config.model_type else torch.tensor([2, 0]))
    out.loss.backward()
    gradients = {n: [p.grad.norm().item(), (p.grad.flatten() * torch.cos(0.3 * torch.arange(p.numel()))).sum().item()] for n, p in tensors.items()}
    merged = peft.merge_and_unload()
    again = merged(**inputs)
    assert torch.allclose(out.logits, again.logits, atol=1e-5)
    return {
        "config": {k: v for k, v in model.config.to_dict().items() if v is not None and k not in ("dtype", "transformers_version")},
        "adapter": json.loads(json.dumps(config.to_dict(), default=lambda o: sorted(o) if isinstance(o, set) else str(o))),
        "shapes": {n: list(p.shape) for n, p in tensors.items()},
        "logits": out.logits.flatten().tolist(),
        "loss": out.loss.item(),
        "gradients": gradients,
    }


ids = torch.tensor([[(i * 7 + 3) % 45 + 4 for i in range(row * 7, row * 7 + 7)] for row in range(2)])
bert = BertConfig(vocab_size=50, hidden_size=8, num_hidden_layers=2, num_attention_heads=2, intermediate_size=12, max_position_embeddings=16, num_labels=3)
gpt2 = GPT2Config(vocab_size=50, n_embd=8, n_layer=2, n_head=2, n_positions=16)
cases = {
    "bert": record(
        BertForSequenceClassification(bert),
        LoraConfig(r=2, lora_alpha=5, target_modules=["query", "value", "intermediate.dense"], task_type="SEQ_CLS",
                   rank_pattern={"0.attention.self.query": 3}, alpha_pattern={"value": 7}),
        {"input_ids": ids},
    ),
    "gpt2": record(
        GPT2LMHeadModel(gpt2),
        LoraConfig(r=4, lora_alpha=6, use_rslora=True, fan_in_fan_out=True, target_modules=["c_attn", "c_fc"], task_type="CAUSAL_LM"),
        {"input_ids": ids},
    ),
}
Path(__file__).with_name("recorded").joinpath("lora.json").write_text(json.dumps(cases) + "\n")
