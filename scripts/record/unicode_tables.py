"""Writes src/text/tokenizers/unicode-tables.ts: the character tables of Hugging Face's `tokenizers`.

Its parts follow different versions of Unicode, none of them the one of the JavaScript engine at hand; so every code point is
put through it. Run: python scripts/record/unicode_tables.py  (tokenizers 0.23.3)
"""

import sys
import unicodedata
from pathlib import Path

import tokenizers
from tokenizers import Regex, normalizers as N, pre_tokenizers as P

CODES = [c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF]


def matched(regex):
    split = P.Split(Regex(regex), "removed")
    return {c for c in CODES if not split.pre_tokenize_str(chr(c))}


def removed(normalizer):
    return {c for c in CODES if normalizer.normalize_str(chr(c)) == ""}


def bert(**options):
    off = dict(clean_text=False, handle_chinese_chars=False, strip_accents=False, lowercase=False)
    return N.BertNormalizer(**{**off, **options})


def ranges(codes):
    out = []
    for c in sorted(codes):
        # Surrogates lie between: no text that is well-formed has them.
        if out and (out[-1][1] == c - 1 or (out[-1][1] == 0xD7FF and c == 0xE000)):
            out[-1][1] = c
        else:
            out.append([c, c])
    return out


def base36(n):
    digits = ""
    while True:
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[n % 36] + digits
        n //= 36
        if n == 0:
            return digits


def coded(codes):
    """Ranges as gaps and lengths in base 36."""
    out, at = [], 0
    for a, b in ranges(codes):
        out.append(base36(a - at) + (" " + base36(b - a) if b > a else ""))
        at = b
    return ",".join(out)


# General categories as Oniguruma has them, one letter a run.
LETTERS = {"Lu": "A", "Ll": "B", "Lt": "C", "Lm": "D", "Lo": "E", "Mn": "F", "M": "G", "Nd": "H", "N": "I", "P": "J", "S": "K"}
kind = {}
for name, letter in reversed(LETTERS.items()):
    for c in matched(f"\\p{{{name}}}"):
        kind[c] = letter
runs = []
for c in range(0x110000):
    letter = kind.get(c, "Z")
    if runs and runs[-1][1] == letter:
        runs[-1][0] += 1
    else:
        runs.append([1, letter])
# A run of one character says no number.
categories = "".join(("" if n == 1 else base36(n)) + letter for n, letter in runs)
of = lambda letters: {c for c, letter in kind.items() if letter in letters}

word = matched(r"\w")
whitespace = P.Whitespace()
rust_word = {c for c in CODES if len(whitespace.pre_tokenize_str("a" + chr(c))) == 1 and whitespace.pre_tokenize_str("a" + chr(c))[0][1] == (0, 2)}
punctuation_step = P.Punctuation("removed")
punctuation = {c for c in CODES if not punctuation_step.pre_tokenize_str(chr(c))}
bert_step = P.BertPreTokenizer()
assert punctuation == {c for c in CODES if len(bert_step.pre_tokenize_str("a" + chr(c) + "a")) == 3}

nfd = N.NFD()
reordered = lambda c, before, after: nfd.normalize_str("a" + before + after) == "a" + after + before
combining = {c for c in CODES if c and (reordered(c, chr(c), "\u0334") or reordered(c, "\u0345", chr(c)))}
forms = {name: getattr(N, name)() for name in ("NFC", "NFD", "NFKC", "NFKD")}
changed = {name: {c for c in CODES if form.normalize_str(chr(c)) != chr(c)} for name, form in forms.items()}

tables = {
    # Characters that combine in any order, and those that have another form: what is not here stays as it is.
    "COMBINING": combining,
    "CHANGED": changed["NFD"] | changed["NFKD"],
    "MARKS": removed(N.StripAccents()),
    "NONSPACING": removed(bert(strip_accents=True)),
    "CONTROLS": removed(bert(clean_text=True)),
    "PUNCTUATION": punctuation,
    "WORD": word,
    "RUST_WORD": rust_word,
    "HAN": matched(r"\p{Han}"),
}
text = f"""// Made by scripts/record/unicode_tables.py from tokenizers {tokenizers.__version__}; not edited by hand.

/** Runs of code points: their number in base 36 (none: 1) and a letter for Oniguruma's general category. */
export const CATEGORIES =
  "{categories}";

/** Ranges of code points: gaps and lengths in base 36. */
export const RANGES = {{
"""
for name, codes in tables.items():
    text += f'  {name}:\n    "{coded(codes)}",\n'
text += "};\n"
(Path(__file__).parents[2] / "src/text/tokenizers/unicode-tables.ts").write_text(text, encoding="utf-8")
print(len(text), {k: (len(v), len(ranges(v))) for k, v in tables.items()}, file=sys.stderr)
