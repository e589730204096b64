"""Opens folders with Transformers and prints what they compute: python3 scripts/record/reopen_decoders.py FOLDER ... (JSON on stdout)

Used by tests/models/pretrained/back-to-python.test.ts: the logits of two texts of ten tokens, without padding, and of the greedy
token after each of three more steps with a cache.
"""
import json, sys, warnings
import torch, transformers as hf

warnings.filterwarnings("ignore")
hf.logging.set_verbosity_error()
hf.logging.disable_progress_bar()
torch.set_num_threads(1)

x = ((torch.arange(20) * 7 + 5) % 20 + 4).view(2, 10)
found = []
for folder in sys.argv[1:]:
    model, report = hf.AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32, output_loading_info=True)
    config = json.load(open(f"{folder}/config.json"))
    if config["model_type"] == "gpt2":
        model.config._attn_implementation = "eager"
    with torch.no_grad():
        logits = model.eval()(x).logits
    keys = {k: sorted(map(str, report[k])) for k in ("missing_keys", "unexpected_keys", "mismatched_keys")}
    found.append({"logits": logits.double().flatten().tolist(), **keys})
print(json.dumps(found))
