"""Records what Transformers' pipelines give, for tests/tasks/pipeline.test.ts: python3 scripts/record/pipelines.py > tests/tasks/recorded/pipelines.json; npx biome check --write tests/tasks/recorded

Models of waves as in generation.py, words as tokens.
"""
import json, logging, os, tempfile, warnings
import torch, transformers as hf

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)
WORDS = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", "a", "cat", "dog", "sat", "ran", "home"]
SIZES = dict(vocab_size=len(WORDS), hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, max_position_embeddings=12)


def fill(model):
    learned = [(n, p) for n, p in sorted(model.named_parameters()) if p.requires_grad]
    for k, (name, p) in enumerate(learned):
        wave = torch.cos(0.7 * torch.arange(p.numel(), dtype=torch.float64) + k)
        values = 1 + 0.2 * wave if name.endswith("weight") and p.ndim == 1 else (0.6 if p.ndim > 1 else 0.2) * wave
        with torch.no_grad():
            p.copy_(values.reshape(p.shape).float())
    return model.eval()


def rounded(x):
    if isinstance(x, float):
        return float(f"{x:.6g}")
    if isinstance(x, dict):
        return {k: rounded(v) for k, v in x.items()}
    return [rounded(v) for v in x] if isinstance(x, (list, tuple)) else x


folder = tempfile.mkdtemp()
with open(os.path.join(folder, "vocab.txt"), "w") as f:
    f.write("\n".join(WORDS))
tokenizer = hf.BertTokenizer.from_pretrained(folder) if not hasattr(hf, "BertTokenizerFast") else hf.BertTokenizerFast(vocab=os.path.join(folder, "vocab.txt"))
labels = dict(id2label={0: "x", 1: "y", 2: "z"}, label2id={"x": 0, "y": 1, "z": 2})
TEXTS = ["a cat sat", "a dog ran home"]
out = {}

def classify(name, make, **config):
    model = fill(hf.BertForSequenceClassification(hf.BertConfig(**SIZES, **labels, **config)))
    pipe = hf.pipeline("text-classification", model=model, tokenizer=tokenizer, device="cpu", **make)
    calls = [{}, {"top_k": None}, {"top_k": 2}, {"top_k": 1}, {"function_to_apply": "sigmoid"}, {"function_to_apply": "none", "top_k": None}]
    out[name] = [{"call": c, "one": rounded(pipe(TEXTS[0], **c)), "several": rounded(pipe(TEXTS, **c))} for c in calls]

classify("classification", {})
classify("topAlways", {"top_k": 2})
classify("multiLabel", {}, problem_type="multi_label_classification")
model = fill(hf.BertForMaskedLM(hf.BertConfig(**SIZES)))
pipe = hf.pipeline("fill-mask", model=model, tokenizer=tokenizer, device="cpu")
out["fillMask"] = [{"call": c, "one": rounded(pipe("a [MASK] sat", **c)), "several": rounded(pipe(["a [MASK] sat", "a [MASK] [MASK]"], **c))} for c in [{}, {"top_k": 1}, {"targets": ["dog", "cat"]}, {"targets": "home"}, {"targets": ["dog", "cat", "home"], "top_k": 2}]]
model = fill(hf.GPT2LMHeadModel(hf.GPT2Config(vocab_size=len(WORDS), n_positions=40, n_embd=16, n_layer=2, n_head=2, tie_word_embeddings=False, bos_token_id=2, eos_token_id=3, pad_token_id=0, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)))
model.generation_config.pad_token_id = 0
pipe = hf.pipeline("text-generation", model=model, tokenizer=tokenizer, device="cpu")
out["generation"] = [{"call": c, "one": rounded(pipe("a cat", do_sample=False, add_special_tokens=False, **c)), "several": rounded(pipe(["a cat", "home"], do_sample=False, add_special_tokens=False, **c))} for c in [{"max_new_tokens": 5}, {"max_new_tokens": 5, "return_full_text": False}, {"max_new_tokens": 4, "num_beams": 3, "num_return_sequences": 2}, {"max_new_tokens": 6, "no_repeat_ngram_size": 1, "prefix": "a dog "}]]
print(json.dumps(out, separators=(",", ":")))
