"""Writes tests/text/pretrained/sentencepiece.json: small models trained on a few lines with every flag, and what SentencePiece's own
library and Transformers make of texts with odd spaces. Run: python scripts/record/sentencepiece_models.py
(sentencepiece 0.2.1, transformers 5.24)
"""

import base64
import io
import itertools
import json
import os
import random
import tempfile
import warnings
from pathlib import Path

import sentencepiece
import transformers

warnings.filterwarnings("ignore")
transformers.logging.set_verbosity_error()

CORPUS = [
    "The lighthouse keeper kept a log of every ship that passed.", "Ships came slowly,  ships left slowly.",
    "the the keeper keeper light light night night ship ship slowly", "Naïve café owners keep coffee <sep> a<b>c", "灯塔 看守人 船",
] * 4
# The map is small, so that the models are; published ones have that of NFKC.
RULES = [("\uff21", "A"), ("\u00bd", "1/2"), ("\u3000", " "), ("\u00a0", " "), ("\ufb01", "fi"), ("\u200b", "")]

ALPHABET = [" ", " ", " ", "\t", "\n", "\u3000", "\u00a0", "\u2581", "the", "ship", "keep", "<sep>", "<b>", "a", "é", "🙂", "灯", "x", "1", ",", "\uff21", "\ufb01"]
random.seed(16)
TEXTS = ["", " ", "   ", "the keeper", "  the  keeper  ", " the ship", "the ship ", "a\tb", "\n\nthe ship\n", "\u3000the\u3000ship\u3000", "\u2581the ship", "the\u2581ship\u2581", "\u2581",
         "<sep>the <sep> ship<sep>", "<b>ship<b>  night", "🙂 the ship 🙂🙂", "  <b>  the", "end  <b>"]
TEXTS += ["".join(random.choice(ALPHABET) for _ in range(random.randint(1, 9))) for _ in range(32)]


def train(rules, **options):
    out = io.BytesIO()
    options = dict(vocab_size=380 if options.get("byte_fallback") else 90, hard_vocab_limit=False, minloglevel=2) | options
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter(CORPUS), model_writer=out, **options,
        **(dict(normalization_rule_tsv=rules) if rules else dict(normalization_rule_name="identity")))
    return out.getvalue()


def transformed(model, class_name):
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "tokenizer.model" if class_name is None else "sentencepiece.bpe.model").write_bytes(model)
        Path(folder, "config.json").write_text("{}")
        Path(folder, "tokenizer_config.json").write_text(json.dumps({} if class_name is None else {"tokenizer_class": class_name}))
        tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
        ids = [tokenizer.encode(text, add_special_tokens=False) for text in TEXTS]
        return ids, [tokenizer.decode(i, skip_special_tokens=True) for i in ids]


def main():
    path = Path(__file__).resolve().parents[2] / "tests/text/pretrained/sentencepiece.json"
    models = []
    with tempfile.TemporaryDirectory() as folder:
        # The model keeps the name of the file.
        os.chdir(folder)
        tsv = "rules.tsv"
        hexed = lambda text: " ".join(f"{ord(c):X}" for c in text)
        Path(tsv).write_text("".join(f"{hexed(a)}\t{hexed(b)}\n" for a, b in RULES))
        settings = []
        for kind, bytes_, prefix, extra in itertools.product(["unigram", "bpe"], *[[True, False]] * 3):
            settings.append((tsv if extra else None, dict(model_type=kind, byte_fallback=bytes_, add_dummy_prefix=prefix, remove_extra_whitespaces=extra)))
        for kind in ["unigram", "bpe"]:
            settings.append((tsv, dict(model_type=kind, user_defined_symbols=["<sep>", "<b>", "\u2581the", "ip"])))
            settings.append((None, dict(model_type=kind, treat_whitespace_as_suffix=True)))
        settings.append((tsv, dict(model_type="unigram", pad_id=0, unk_id=3, bos_id=1, eos_id=2, unk_piece="[UNK]", pad_piece="[PAD]", bos_piece="[BOS]", eos_piece="[EOS]")))
        settings.append((tsv, dict(model_type="bpe", pad_id=0, eos_id=1, unk_id=2, bos_id=-1)))
        settings.append((tsv, dict(model_type="char")))
        settings.append((None, dict(model_type="char", add_dummy_prefix=False, remove_extra_whitespaces=False)))
        for rules, options in settings:
            model = train(rules, **options)
            own = sentencepiece.SentencePieceProcessor(model_proto=model)
            ids = [own.encode(text) for text in TEXTS]
            entry = dict(options=options, model=base64.b64encode(model).decode(), ids=ids)
            theirs, decoded = transformed(model, None)
            # Texts where Transformers differs from the library count as the library has them.
            entry["decoded"] = [d if a == b else None for a, b, d in zip(ids, theirs, decoded)]
            flags = {k: options.get(k, d) for k, d in dict(byte_fallback=False, add_dummy_prefix=True, remove_extra_whitespaces=True, treat_whitespace_as_suffix=False).items()}
            if options["model_type"] == "unigram" and flags == dict(byte_fallback=False, add_dummy_prefix=True, remove_extra_whitespaces=True, treat_whitespace_as_suffix=False):
                entry["xlmRoberta"] = transformed(model, "XLMRobertaTokenizer")[0]
            models.append(entry)
            print(options, sum(a == b for a, b in zip(ids, theirs)), "of", len(TEXTS), "as Transformers")
        word = base64.b64encode(train(None, model_type="word", vocab_size=40)).decode()
    path.write_text(json.dumps(dict(texts=TEXTS, models=models, word=word), separators=(",", ":")) + "\n")


main()
