# Records recorded.json: small tokenizers of our own making and what tokenizers 0.22.2 makes of TEXTS with them.
import json
import os

from tokenizers import Tokenizer, pre_tokenizers

TEXTS = [
    "", " ", "the cat sat", " the  cats ", "The Cat, the cat!", "catcat <mask> the", "a <sep>b", "x<sep>", "the <keep> cat<keep>s keep",
    "caf\u00e9 cafe\u0301 na\u00efve", "\ufb01ne \u00bd \uff21\uff11", "\u4e2d\u6587 cat", "\U0001f642 the", "12345 3.14", "don't we'll THE'S",
    "tab\tnl\n\nend", "\u1100\u1161\u11a8 \uac01", "I\u0307 \u0130 \u00df", "\u2581the\u2581cat", "zero\u200bwidth \u00a0nbsp",
]
PAIRS = [("the cat", "sat on"), ("", "the"), ("the cat sat on the mat", "cat")]


def tok(content, id, special=False, **more):
    base = dict(single_word=False, lstrip=False, rstrip=False, normalized=not special)
    return dict(id=id, content=content, special=special) | base | more


def whole(model, added=(), **parts):
    base = dict(version="1.0", truncation=None, padding=None, normalizer=None, pre_tokenizer=None, post_processor=None, decoder=None)
    return base | dict(added_tokens=list(added)) | parts | dict(model=model)


def template(single, pair, ids):
    def read(text):
        parts = [p.rsplit(":", 1) for p in text.split()]
        return [{"Sequence" if n in "AB" else "SpecialToken": {"id": n, "type_id": int(t)}} for n, t in parts]

    specials = {n: {"id": n, "ids": [i], "tokens": [n]} for n, i in ids.items()}
    return dict(type="TemplateProcessing", single=read(single), pair=read(pair), special_tokens=specials)


def bpe(vocab, merges, **more):
    base = dict(type="BPE", dropout=None, unk_token=None, continuing_subword_prefix=None, end_of_word_suffix=None, fuse_unk=False, byte_fallback=False, ignore_merges=False)
    return base | more | dict(vocab={t: i for i, t in enumerate(vocab)}, merges=merges)


letters = "abcdefghijklmnopqrstuvwxyz"
fallback = [f"<0x{b:02X}>" for b in range(256)]
byte_letters = sorted(pre_tokenizers.ByteLevel.alphabet())
regex_vocab = byte_letters + ["\u0120the", "cat", "at", "123", "th"]
regex = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?+\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+"
byte_level = dict(type="ByteLevel", add_prefix_space=False, trim_offsets=True, use_regex=True)
metaspace = dict(type="Metaspace", replacement="\u2581", prepend_scheme="always", split=True)

TOKENIZERS = {
    # Llama's: no pre-tokenizer, unknown characters as bytes.
    "fallback": whole(
        bpe(["<unk>", "<s>", "</s>", *fallback, "\u2581", *letters, "th", "\u2581th", "\u2581the", "at", "cat", "\u2581cat"],
            ["t h", "\u2581 th", "\u2581th e", "a t", "c at", "\u2581 cat"], unk_token="<unk>", fuse_unk=True, byte_fallback=True),
        [tok("<unk>", 0, True), tok("<s>", 1, True), tok("</s>", 2, True)],
        normalizer=dict(type="Sequence", normalizers=[dict(type="Prepend", prepend="\u2581"), dict(type="Replace", pattern={"String": " "}, content="\u2581")]),
        post_processor=template("<s>:0 A:0", "<s>:0 A:0 <s>:1 B:1", {"<s>": 1}),
        decoder=dict(type="Sequence", decoders=[dict(type="Replace", pattern={"String": "\u2581"}, content=" "), dict(type="ByteFallback"), dict(type="Fuse"), dict(type="Strip", content=" ", start=1, stop=0)]),
    ),
    # Llama 3's and GPT-4's: an expression, then bytes; whole words first.
    "regex": whole(
        bpe(regex_vocab, ["a t", "t h"], ignore_merges=True),
        [tok("<sep>", len(regex_vocab), True), tok("<mask>", len(regex_vocab) + 1, lstrip=True, normalized=False)],
        normalizer=dict(type="NFC"),
        pre_tokenizer=dict(type="Sequence", pretokenizers=[dict(type="Split", pattern={"Regex": regex}, behavior="Isolated", invert=False), byte_level | dict(use_regex=False)]),
        post_processor=dict(type="Sequence", processors=[byte_level | dict(trim_offsets=False), template("<sep>:0 A:0", "<sep>:0 A:0 <sep>:1 B:1", {"<sep>": len(regex_vocab)})]),
        decoder=byte_level,
    ),
    # RoBERTa's template and trimmed offsets.
    "roberta": whole(
        bpe(["<s>", "</s>", "<mask>"] + byte_letters + ["th", "the", "\u0120th", "\u0120the"], ["t h", "th e", "\u0120 th", "\u0120th e"]),
        [tok("<s>", 0, True), tok("</s>", 1, True), tok("<mask>", 2, True, lstrip=True)],
        pre_tokenizer=byte_level | dict(add_prefix_space=True),
        post_processor=dict(type="RobertaProcessing", sep=["</s>", 1], cls=["<s>", 0], trim_offsets=True, add_prefix_space=True),
        decoder=byte_level,
    ),
    # CLIP's ends of words, unknown characters joined.
    "suffix": whole(
        bpe(["<unk>", *letters, *[c + "</w>" for c in letters], "th", "the</w>", "cat</w>", "at</w>"], ["t h", "th e</w>", "a t</w>", "c at</w>"],
            unk_token="<unk>", end_of_word_suffix="</w>", fuse_unk=True),
        [tok("<unk>", 0, True), tok("<sep>", 57, True, rstrip=True)],
        normalizer=dict(type="Sequence", normalizers=[dict(type="NFKC"), dict(type="Lowercase"), dict(type="Strip", strip_left=True, strip_right=True)]),
        pre_tokenizer=dict(type="Sequence", pretokenizers=[dict(type="WhitespaceSplit"), dict(type="Punctuation", behavior="Isolated"), dict(type="Digits", individual_digits=True)]),
        decoder=dict(type="BPEDecoder", suffix="</w>"),
    ),
    # BERT's with added tokens of every kind.
    "bert": whole(
        dict(type="WordPiece", unk_token="[UNK]", continuing_subword_prefix="##", max_input_chars_per_word=8,
             vocab={t: i for i, t in enumerate(["[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "cat", "##s", "sat", "a", "##b", "cafe", "\u4e2d", ",", "!", "'", "don", "t", "3", "##1", "fin", "##e"])}),
        [tok("[CLS]", 2, True), tok("[SEP]", 3, True), tok("<mask>", 21, True, lstrip=True, rstrip=True), tok("keep", 22, single_word=True), tok("<Sep>", 23)],
        normalizer=dict(type="BertNormalizer", clean_text=True, handle_chinese_chars=True, strip_accents=None, lowercase=True),
        pre_tokenizer=dict(type="BertPreTokenizer"),
        post_processor=dict(type="BertProcessing", sep=["[SEP]", 3], cls=["[CLS]", 2]),
        decoder=dict(type="WordPiece", prefix="##", cleanup=True),
    ),
    # T5's and ALBERT's: accents off, spaces joined, bytes for unknown pieces.
    "unigram": whole(
        dict(type="Unigram", unk_id=0, byte_fallback=True, vocab=[["<unk>", 0], ["</s>", 0], ["\u2581", -2], ["\u2581the", -3], ["\u2581cat", -3.5], ["cat", -4], ["s", -3], ["e", -3.2], ["\u2581c", -4], ["a", -3], ["t", -3], ["th", -5], ["\u2581caf", -4.5], ["n", -4], ["1", -4], *[[b, -20] for b in fallback]]),
        [tok("<unk>", 0, True), tok("</s>", 1, True), tok("<sep>", 271, True)],
        normalizer=dict(type="Sequence", normalizers=[dict(type="NFKD"), dict(type="StripAccents"), dict(type="Lowercase"), dict(type="Replace", pattern={"Regex": " {2,}"}, content=" ")]),
        pre_tokenizer=metaspace,
        post_processor=template("A:0 </s>:0", "A:0 </s>:0 B:0 </s>:0", {"</s>": 1}),
        decoder=dict(type="Sequence", decoders=[dict(type="ByteFallback"), metaspace]),
    ),
    # The other ways to split.
    "split": whole(
        dict(type="WordLevel", unk_token="?", vocab={t: i for i, t in enumerate(["?", "the ", "the", "cat", "cat ", " cat", "'", "12345", ",", "!", "a", "-"])}),
        normalizer=dict(type="NFD"),
        pre_tokenizer=dict(type="Sequence", pretokenizers=[dict(type="Split", pattern={"Regex": "\\s"}, behavior="MergedWithPrevious", invert=False), dict(type="Split", pattern={"String": ","}, behavior="MergedWithNext", invert=False), dict(type="Split", pattern={"Regex": "[a-z]+"}, behavior="Contiguous", invert=True), dict(type="Digits", individual_digits=False), dict(type="CharDelimiterSplit", delimiter="!")]),
    ),
}


def row(e, t):
    return dict(ids=e.ids, tokens=e.tokens, offsets=[n for o in e.offsets for n in o], types=e.type_ids, mask=e.special_tokens_mask, decoded=t.decode(e.ids))


out = dict(texts=TEXTS, pairs=PAIRS, tokenizers={})
for name, description in TOKENIZERS.items():
    t = Tokenizer.from_str(json.dumps(description))
    rows = [row(t.encode(x), t) for x in TEXTS] + [row(t.encode(*p), t) for p in PAIRS]
    out["tokenizers"][name] = dict(json=description, rows=rows)
path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "recorded.json")
json.dump(out, open(path, "w"), ensure_ascii=True, separators=(",", ":"))
