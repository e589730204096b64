"""Writes tests/text/tokenizers/parts.json: what tokenizers 0.23.3 makes of random texts with each normaliser, pre-tokeniser, set of added
tokens and decoder. Results are kept as hashes. Run: python scripts/record/tokenizer_parts.py
"""

import json
import random
import unicodedata
from pathlib import Path

from tokenizers import AddedToken, Regex, Tokenizer, decoders as D, models as M, normalizers as N, pre_tokenizers as P

rnd = random.Random(16)
# Letters younger than the oldest engine's tables change their case in some engines only.
YOUNG = [(0xA7C0, 0xA7DF), (0x10D40, 0x10D8F), (0x16EA0, 0x16EDF), (0x1C89, 0x1C8A), (0x10570, 0x105BF)]
CODES = [c for c in range(1, 0x110000) if not 0xD800 <= c <= 0xDFFF and not any(a <= c <= b for a, b in YOUNG)]
ASSIGNED = [c for c in CODES if unicodedata.category(chr(c)) not in ("Cn", "Co")]
MARKS = [c for c in ASSIGNED if unicodedata.category(chr(c))[0] == "M"]
LOW = [c for c in ASSIGNED if c < 0x3000]
ASCII = list(range(32, 127))
SPACES = [9, 10, 11, 12, 13, 28, 32, 32, 0x85, 0xA0, 0x1680, 0x2003, 0x2028, 0x200B, 0x3000, 0xFEFF]
POOLS = [[CODES], [ASSIGNED], [LOW], [LOW, MARKS], [ASCII, MARKS, LOW], [ASCII, list(range(0x4E00, 0x4F00)), SPACES, LOW], [ASCII, SPACES], [list(range(0xAC00, 0xAD00)), list(range(0x1100, 0x1200))],
         [[0x1F468, 0x200D, 0x1F469, 0x1F3FD, 0xFE0F, 0x1F1E6, 0x1F1E7, 0x30, 0x20E3], ASCII]]
TEXTS = ["".join(chr(rnd.choice(rnd.choice(POOLS[i % len(POOLS)]))) for _ in range(rnd.randint(1, 12))) for i in range(400)]

LLAMA3 = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
O200K = (r"[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]*[\p{Ll}\p{Lm}\p{Lo}\p{M}]+(?i:'s|'t|'re|'ve|'m|'ll|'d)?|[^\r\n\p{L}\p{N}]?[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]+[\p{Ll}\p{Lm}\p{Lo}\p{M}]*"
         r"(?i:'s|'t|'re|'ve|'m|'ll|'d)?|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n/]*|\s*[\r\n]+|\s+(?!\S)|\s+")
DEEPSEEK = r"""[!"#$%&'()*+,\-./:;<=>?@\[\\\]^_`{|}~][A-Za-z]+|[^\r\n\p{L}\p{P}\p{S}]?[\p{L}\p{M}]+| ?[\p{P}\p{S}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"""

NORMALIZERS = {
    "NFC": N.NFC(), "NFD": N.NFD(), "NFKC": N.NFKC(), "NFKD": N.NFKD(), "Lowercase": N.Lowercase(), "StripAccents": N.StripAccents(), "Nmt": N.Nmt(),
    "Strip": N.Strip(), "Strip left": N.Strip(right=False), "ByteLevel": N.ByteLevel(), "BERT": N.BertNormalizer(), "BERT, cased": N.BertNormalizer(lowercase=False),
    "BERT, cased, without accents": N.BertNormalizer(lowercase=False, strip_accents=True), "BERT, nothing else": N.BertNormalizer(False, False, False, False),
    "ALBERT": N.Sequence([N.Replace("``", '"'), N.NFKD(), N.StripAccents(), N.Lowercase(), N.Replace(Regex(" {2,}"), " ")]),
    "NFD, without accents": N.Sequence([N.NFD(), N.StripAccents(), N.Lowercase()]), "Replace a class": N.Replace(Regex(r"[\p{M}\p{Cf}\p{Zs}]+"), "-"),
    "Prepend": N.Sequence([N.Prepend("\u2581"), N.Replace(" ", "\u2581")]),
}
PRE_TOKENIZERS = {
    "BERT": P.BertPreTokenizer(), "Whitespace": P.Whitespace(), "WhitespaceSplit": P.WhitespaceSplit(), "ByteLevel": P.ByteLevel(add_prefix_space=False), "ByteLevel, prefix": P.ByteLevel(),
    "Punctuation": P.Punctuation(), "Punctuation, contiguous": P.Punctuation("contiguous"), "Digits": P.Digits(), "Digits, one by one": P.Digits(True), "Metaspace": P.Metaspace(),
    "Metaspace, whole": P.Metaspace(split=False, prepend_scheme="never"), "a delimiter": P.CharDelimiterSplit("-"), "Llama 3": P.Split(Regex(LLAMA3), "isolated"),
    "o200k": P.Split(Regex(O200K), "isolated"), "DeepSeek": P.Split(Regex(DEEPSEEK), "isolated"), "words": P.Split(Regex(r"\b\w+\b|\W"), "isolated"),
    "with the one before": P.Split(Regex(r"\s"), "merged_with_previous"), "with the one after": P.Split(Regex(r"\p{P}"), "merged_with_next"), "not spaces": P.Split(Regex(r"\S+"), "removed", invert=True),
    "fixed": P.FixedLength(3), "a hyphen": P.Split("-", "isolated"), "a sequence": P.Sequence([P.WhitespaceSplit(), P.Punctuation(), P.Digits(True)]),
}


def hashed(text):
    """FNV-1a over UTF-16 units, in base 36."""
    h = 0x811C9DC5
    units = text.encode("utf-16-le")
    for i in range(0, len(units), 2):
        h = ((h ^ (units[i] | units[i + 1] << 8)) * 0x01000193) & 0xFFFFFFFF
    out = ""
    while True:
        out = "0123456789abcdefghijklmnopqrstuvwxyz"[h % 36] + out
        h //= 36
        if h == 0:
            return out


def compact(value):
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def hashes(rows):
    return " ".join(hashed(row) for row in rows)


CONTENTS = ["<|end-of-turn|>", "<|end|>", "<|end", "[SEP]", "a-b", "-", "(x+)*$", "a|b", "\\d", "x.y", "^$", "{2}", "\n\n", "\n", "  ", " a", "a ", "🙂", "👩\u200d👧", "é", "e\u0301", "É", "Ａ", "the", "The", "he",
            "[A]", "aa", "a", "ß", "İ", "中文", "\u2581", "\u00a0", "</s>", "<s>", "_x_", "x"]
FILL = [" ", " ", "  ", "\t", "\n", "a", "b", "x", "the", "THE", "1", "-", ".", "é", "中", "🙂", "_", "\u00a0", "\u0301"]


def added_tokens():
    sets = []
    for i in range(60):
        tokenizer = Tokenizer(M.BPE(vocab={c: n for n, c in enumerate(sorted(P.ByteLevel.alphabet()))}, merges=[]))
        tokenizer.pre_tokenizer = P.ByteLevel(add_prefix_space=i % 4 == 3, use_regex=i % 2 == 0)
        tokenizer.normalizer = [None, N.Lowercase(), N.NFKC(), N.Sequence([N.NFD(), N.StripAccents()]), N.Prepend("_"), N.Replace(" ", "")][i % 6]
        flag = lambda: rnd.random() < 0.4
        chosen = rnd.sample(CONTENTS, rnd.randint(1, 9))
        for content in chosen:
            special = flag()
            token = AddedToken(content, single_word=flag(), lstrip=flag(), rstrip=flag(), normalized=flag(), special=special)
            (tokenizer.add_special_tokens if special else tokenizer.add_tokens)([token])
        texts = ["".join(rnd.choice(rnd.choice([chosen, FILL])) for _ in range(rnd.randint(1, 9))) for _ in range(12)]
        rows, read = [], []
        for text in texts:
            try:
                e = tokenizer.encode(text)
            except BaseException:  # Rust panics where a token takes the space that the one before has taken.
                continue
            read.append(text)
            rows.append(compact([e.ids, [list(o) for o in e.offsets]]))
        full = json.loads(tokenizer.to_str())
        sets.append(dict(added=full["added_tokens"], normalizer=full["normalizer"], pre=full["pre_tokenizer"], texts=read, hashes=hashes(rows)))
    return sets


def decoded():
    tokens = ["a", "b", "</w>", "a</w>", "##a", "▁", "▁a", "|", "<pad>", "<0x61>", "<0xE4>", "<0xB8>", "<0xAD>", "Ġ", "Ġa", "Ã", "©", "ñ", " ", "  a", "n't", " 's", ".", " .", "\u0301", "中"]
    kinds = {
        "WordPiece": D.WordPiece(), "WordPiece, not cleaned": D.WordPiece(cleanup=False), "BPE": D.BPEDecoder(), "ByteLevel": D.ByteLevel(), "Metaspace": D.Metaspace(), "Metaspace, never": D.Metaspace(prepend_scheme="never"),
        "CTC": D.CTC(), "CTC, not cleaned": D.CTC(cleanup=False), "CTC, other": D.CTC("a", "▁"), "Fuse": D.Fuse(), "ByteFallback": D.ByteFallback(), "Strip": D.Strip(" ", 1, 0), "Replace": D.Replace("▁", " "),
        "Llama": D.Sequence([D.Replace("▁", " "), D.ByteFallback(), D.Fuse(), D.Strip(" ", 1, 0)]),
    }
    rows = [[rnd.choice(tokens) for _ in range(rnd.randint(1, 8))] for _ in range(150)]
    return dict(tokens=tokens, rows=[" ".join(str(tokens.index(t)) for t in row) for row in rows],
                kinds={k: dict(json=json.loads(d.__getstate__()), hashes=hashes(d.decode(row) for row in rows)) for k, d in kinds.items()})


def main():
    out = dict(texts=TEXTS, normalizers={}, preTokenizers={})
    for name, n in NORMALIZERS.items():
        out["normalizers"][name] = dict(json=json.loads(n.__getstate__()), hashes=hashes(n.normalize_str(t) for t in TEXTS))
    for name, p in PRE_TOKENIZERS.items():
        rows = [compact([[piece, list(at)] for piece, at in p.pre_tokenize_str(t)]) for t in TEXTS]
        out["preTokenizers"][name] = dict(json=json.loads(p.__getstate__()), hashes=hashes(rows))
    out["added"] = added_tokens()
    out["decoders"] = decoded()
    path = Path(__file__).parents[2] / "tests/text/tokenizers/parts.json"
    path.write_text(json.dumps(out, separators=(",", ":")) + "\n")


main()
