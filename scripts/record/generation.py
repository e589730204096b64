"""Records what Transformers writes under each option of GenerationConfig, for tests/models/generation-options.test.ts:

    python3 scripts/record/generation.py > tests/models/recorded/generation.json; npx biome check --write tests/models/recorded

Weights are waves (parameter number k by sorted name is 0.6 cos(0.7 i + k) for tables, 1 + 0.2 cos(0.7 i + k) for norms); the row of
the end token in the last layer gets `push` cos(i) more, so that texts end at different moments.
"""
import json, warnings, logging
import torch, transformers as hf
from transformers.generation import logits_process as lp

warnings.filterwarnings("ignore")
logging.disable(logging.WARNING)


def fill(model):
    learned = [(n, p) for n, p in sorted(model.named_parameters()) if p.requires_grad]
    for k, (name, p) in enumerate(learned):
        wave = torch.cos(0.7 * torch.arange(p.numel(), dtype=torch.float64) + k)
        values = 1 + 0.2 * wave if name.endswith("weight") and p.ndim == 1 else (0.6 if p.ndim > 1 else 0.2) * wave
        with torch.no_grad():
            p.copy_(values.reshape(p.shape).float())
    return model.eval()


GPT2 = dict(vocab_size=30, n_positions=40, n_embd=16, n_layer=2, n_head=2, tie_word_embeddings=False, pad_token_id=0, bos_token_id=1, eos_token_id=2, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0)
LLAMA = dict(vocab_size=30, hidden_size=16, intermediate_size=24, num_hidden_layers=2, num_attention_heads=4, num_key_value_heads=2, max_position_embeddings=40, pad_token_id=0, bos_token_id=1, eos_token_id=2)
T5 = dict(vocab_size=30, d_model=16, d_kv=6, d_ff=24, num_layers=2, num_heads=4, relative_attention_num_buckets=8, relative_attention_max_distance=12, dropout_rate=0.0, decoder_start_token_id=0, pad_token_id=0, eos_token_id=2)
MODELS = {
    "gpt2": lambda: hf.GPT2LMHeadModel(hf.GPT2Config(**GPT2)),
    "llama": lambda: hf.LlamaForCausalLM(hf.LlamaConfig(**LLAMA)),
    "t5": lambda: hf.T5ForConditionalGeneration(hf.T5Config(**T5)),
}
PROMPT = [5, 9, 13, 9, 21, 5, 9]
SHORT = [7]
COMMON = [
    {}, dict(max_new_tokens=5), dict(max_length=12), dict(max_new_tokens=16),
    dict(max_new_tokens=12, no_repeat_ngram_size=1), dict(max_new_tokens=12, no_repeat_ngram_size=2), dict(max_new_tokens=12, no_repeat_ngram_size=3),
    dict(max_new_tokens=12, encoder_no_repeat_ngram_size=1), dict(max_new_tokens=12, encoder_no_repeat_ngram_size=2),
    dict(max_new_tokens=12, repetition_penalty=1.7), dict(max_new_tokens=12, repetition_penalty=0.7), dict(max_new_tokens=12, encoder_repetition_penalty=1.6),
    dict(max_new_tokens=12, min_new_tokens=6), dict(max_new_tokens=12, min_length=10), dict(max_length=14, min_length=4),
    dict(max_new_tokens=12, bad_words_ids=[[2], [4], [9, 13], [21, 5, 9]]), dict(max_new_tokens=12, bad_words_ids=[[i] for i in range(6, 20)]),
    dict(max_new_tokens=12, sequence_bias=[[[4], 3.0], [[5, 9], -8.0], [[2], 1.5], [[11, 12], 6.0]]),
    dict(max_new_tokens=12, suppress_tokens=[2, 3, 7, 11]), dict(max_new_tokens=12, begin_suppress_tokens=list(range(10, 30))),
    dict(max_new_tokens=6, forced_eos_token_id=2), dict(max_new_tokens=6, forced_eos_token_id=[4, 2]), dict(max_length=11, forced_eos_token_id=3),
    dict(max_new_tokens=8, forced_bos_token_id=17), dict(max_new_tokens=8, forced_bos_token_id=17, begin_suppress_tokens=[5, 6, 7, 8, 9, 10, 11, 12]),
    dict(max_new_tokens=14, exponential_decay_length_penalty=[3, 1.4]), dict(max_new_tokens=14, exponential_decay_length_penalty=[0, 1.9]),
    dict(max_new_tokens=12, eos_token_id=[2, 8, 14]), dict(max_new_tokens=12, eos_token_id=11), dict(max_new_tokens=12, remove_invalid_values=True, suppress_tokens=[4]),
    dict(max_new_tokens=12, no_repeat_ngram_size=2, repetition_penalty=1.2, min_new_tokens=4, bad_words_ids=[[6], [8, 9]], suppress_tokens=[12], forced_eos_token_id=2),
]
BEAMS = [
    {}, dict(length_penalty=2.0), dict(length_penalty=-1.0), dict(early_stopping=True), dict(early_stopping="never"), dict(num_return_sequences=3),
    dict(no_repeat_ngram_size=2), dict(min_new_tokens=5), dict(repetition_penalty=1.5), dict(renormalize_logits=True, repetition_penalty=1.5),
    dict(bad_words_ids=[[4], [9, 13]], forced_eos_token_id=2), dict(eos_token_id=[2, 8]), dict(suppress_tokens=[2, 5], num_return_sequences=2), dict(sequence_bias=[[[4], 2.0], [[5, 9], -4.0]]),
    dict(encoder_no_repeat_ngram_size=1), dict(exponential_decay_length_penalty=[2, 1.5]), dict(forced_bos_token_id=17),
]


def texts():
    out = []
    for name, make in MODELS.items():
        model = fill(make())
        for push in (0.0, 1.5):
            head = model.lm_head.weight
            kept = head.detach().clone()
            with torch.no_grad():
                head[2] += push * torch.cos(torch.arange(head.shape[1]) * 1.0)
            cases = COMMON + [dict(num_beams=b, max_new_tokens=8, **more) for b in (3, 4) for more in BEAMS]
            for n, options in enumerate(cases):
                prompt = SHORT if n % 5 == 4 or "forced_bos_token_id" in options else PROMPT
                if "max_length" in options and name != "t5" and len(prompt) >= options["max_length"]:
                    continue
                given = {"do_sample": False, **options}
                made = model.generate(torch.tensor([prompt]), attention_mask=torch.ones(1, len(prompt), dtype=torch.long), return_dict_in_generate=True, output_scores=True, **given)
                begin = 1 if name == "t5" else len(prompt)
                ends = options.get("eos_token_id", 2)
                ends = ends if isinstance(ends, list) else [ends]
                rows = []
                for row in made.sequences[:, begin:].tolist():
                    stop = next((i for i, id in enumerate(row) if id in ends), None)
                    rows.append(row if stop is None else row[: stop + 1])
                record = {"model": name, "push": push, "prompt": prompt, "options": options, "ids": rows}
                if options.get("num_beams", 1) > 1:
                    record["scores"] = [float(f"{x:.7g}") for x in made.sequences_scores.tolist()]
                out.append(record)
            with torch.no_grad():
                head.copy_(kept)
    return out


def drawn():
    """Which tokens may be drawn, and how likely each is, for logits 3 cos(1.3 i) + cos(0.37 i²)."""
    i = torch.arange(40, dtype=torch.float64)
    logits = (3 * torch.cos(1.3 * i) + torch.cos(0.37 * i * i)).float()[None]
    config = hf.GPT2LMHeadModel(hf.GPT2Config(**{**GPT2, "vocab_size": 40, "n_layer": 1}))
    out = []
    for options in [
        {}, dict(temperature=0.5), dict(temperature=2.5), dict(top_k=5), dict(top_k=0), dict(top_k=0, top_p=0.8), dict(top_k=0, min_p=0.2), dict(top_k=0, typical_p=0.6), dict(top_k=0, typical_p=0.2),
        dict(top_k=0, epsilon_cutoff=0.02), dict(top_k=0, eta_cutoff=0.05), dict(top_k=0, eta_cutoff=0.3), dict(top_k=0, top_h=0.4), dict(top_k=0, top_h=0.9),
        dict(temperature=1.4, top_k=20, top_p=0.9, min_p=0.05, typical_p=0.9, epsilon_cutoff=0.01, eta_cutoff=0.02), dict(temperature=0.7, top_k=12, top_h=0.7, typical_p=0.8),
    ]:
        g = hf.GenerationConfig(do_sample=True, **options)
        g.update(**hf.GenerationConfig._get_default_generation_params(), defaults_only=True)
        config._prepare_special_tokens(g, device="cpu")
        processors = config._get_logits_processor(g, input_ids_seq_length=1, encoder_input_ids=torch.tensor([[1]]), device="cpu", model_kwargs={})
        p = processors(torch.tensor([[1]]), logits.clone()).double().softmax(-1)[0]
        out.append({"options": options, "p": [float(f"{x:.6g}") for x in p.tolist()]})
    return out


print(json.dumps({"texts": texts(), "drawn": drawn()}, separators=(",", ":")))
