import { DataError } from "../../data/lines.ts";
import type {
  AddedTokenJson,
  DecoderJson,
  ModelJson,
  NormalizerJson,
  PreTokenizerJson,
  TokenizerJson,
} from "../tokenizers/schema.ts";
import { added, BPE, type ConvertOptions, idIn, llamaTemplate, template, whole } from "./convert.ts";
import { mergesOf, PieceType, type SentencePieceModel } from "./sentencepiece.ts";

const SIGN = "▁";

/** Longest expression of a model's own pieces; where they are more, they are added tokens. */
const LONGEST = 20_000;

/** The texts as an expression that Oniguruma and JavaScript read alike, the longest first. */
const anyOf = (texts: readonly string[]): string =>
  [...texts]
    .sort((a, b) => b.length - a.length)
    .map((text) => text.replace(/[^\p{L}\p{N}<>_▁]/gu, (c) => `\\x{${(c.codePointAt(0) as number).toString(16)}}`))
    .join("|");

type Steps = Exclude<NormalizerJson, { type: "Sequence" }>[];
type PreTokenizerStep = Exclude<PreTokenizerJson, { type: "Sequence" }>;

function sequence(normalizers: Steps): NormalizerJson | null {
  return normalizers.length > 1 ? { type: "Sequence", normalizers } : (normalizers[0] ?? null);
}

/** The replacements of the model's normaliser. */
function charsMap({ charsMap: map }: SentencePieceModel, longest?: boolean): Steps {
  if (map.length === 0) return [];
  return [{ type: "Precompiled", precompiled_charsmap: toBase64(map), ...(longest && { longest }) }];
}

/** What `remove_extra_whitespaces` does: only spaces count, and ▁ at the end, as SentencePiece writes them by then. */
function withoutExtraSpaces(spm: SentencePieceModel): Steps {
  if (!spm.removeExtraWhitespaces) return [];
  const ends = spm.escapeWhitespaces && !spm.whitespaceAsSuffix ? `\\A +|[ ${SIGN}]+\\z` : "\\A +| +\\z";
  return [
    { type: "Replace", pattern: { Regex: ends }, content: "" },
    { type: "Replace", pattern: { Regex: " {2,}" }, content: " " },
  ];
}

/**
 * A text as SentencePiece itself prepares it, by the flags of the model's normaliser.
 * @param longest its map is applied as SentencePiece does it, the longest replacement first; `tokenizers` takes graphemes
 */
export function sentencePieceNormalizer(spm: SentencePieceModel, longest?: boolean): NormalizerJson | null {
  const sign = spm.escapeWhitespaces ? SIGN : " ";
  const steps = [...charsMap(spm, longest), ...withoutExtraSpaces(spm)];
  if (spm.escapeWhitespaces) steps.push({ type: "Replace", pattern: { String: " " }, content: SIGN });
  if (spm.addDummyPrefix && spm.whitespaceAsSuffix) {
    steps.push({ type: "Replace", pattern: { Regex: "(?<=[\\s\\S])\\z" }, content: sign });
    if (spm.removeExtraWhitespaces) steps.push({ type: "Replace", pattern: { Regex: `${sign}+\\z` }, content: sign });
  } else if (spm.addDummyPrefix) steps.push({ type: "Prepend", prepend: sign });
  return sequence(steps);
}

/** SentencePiece's way back: bytes joined, the space that was put to a text taken off again. */
function sentencePieceDecoder(spm: SentencePieceModel, prefix: boolean): DecoderJson {
  const side = spm.whitespaceAsSuffix ? { start: 0, stop: 1 } : { start: 1, stop: 0 };
  return {
    type: "Sequence",
    decoders: [
      { type: "Replace", pattern: { String: SIGN }, content: " " },
      ...(spm.byteFallback ? [{ type: "ByteFallback" } as const] : []),
      { type: "Fuse" },
      ...(prefix ? [{ type: "Strip", content: " ", ...side } as const] : []),
    ],
  };
}

/** How texts become pieces and back. */
interface Spaces {
  normalizer: NormalizerJson | null;
  pre_tokenizer: PreTokenizerJson | null;
  decoder: DecoderJson;
}

/**
 * The class's own way with spaces where the model's flags agree with it, as Transformers 5.24 has it; else the flags', with the
 * way of SentencePiece.
 */
function spaces(spm: SentencePieceModel, config: ConvertOptions["config"], kind: Kind): Spaces {
  const prefix = typeof config.add_prefix_space === "boolean" ? config.add_prefix_space : spm.addDummyPrefix;
  const { escapeWhitespaces, whitespaceAsSuffix } = spm;
  const metaspace = (prepend_scheme: "always" | "first" | "never", split: boolean) =>
    ({ type: "Metaspace", replacement: SIGN, prepend_scheme, split }) as const;
  if ((kind === "t5" || kind === "xlm-roberta") && escapeWhitespaces && !whitespaceAsSuffix) {
    if (spm.addDummyPrefix && spm.removeExtraWhitespaces) {
      const space = metaspace(kind === "t5" || prefix ? "always" : "never", true);
      const pretokenizers: PreTokenizerJson = { type: "Sequence", pretokenizers: [{ type: "WhitespaceSplit" }, space] };
      const decoder: DecoderJson = spm.byteFallback ? sentencePieceDecoder(spm, prefix) : space;
      return { normalizer: sequence(charsMap(spm)), pre_tokenizer: pretokenizers, decoder };
    }
  }
  const decoder = sentencePieceDecoder(spm, prefix);
  // Not legacy: a space before the first part alone, not before each part between added tokens, and none before another.
  if (config.legacy === false && prefix && escapeWhitespaces && !whitespaceAsSuffix) {
    return {
      normalizer: sequence([...charsMap(spm), ...withoutExtraSpaces(spm)]),
      pre_tokenizer: metaspace("first", false),
      decoder,
    };
  }
  return { normalizer: sentencePieceNormalizer({ ...spm, addDummyPrefix: prefix }), pre_tokenizer: null, decoder };
}

type Kind = "llama" | "t5" | "xlm-roberta" | undefined;
const KINDS: Readonly<Record<string, Kind>> = {
  LlamaTokenizer: "llama",
  T5Tokenizer: "t5",
  MT5Tokenizer: "t5",
  XLMRobertaTokenizer: "xlm-roberta",
};

/** The roles of a model's special tokens by its own numbers, for folders that name no class. */
export function sentencePieceRoles({ pieces, bosId, eosId, unkId, padId }: SentencePieceModel): Record<string, string> {
  const ids = { bos_token: bosId, eos_token: eosId, unk_token: unkId, pad_token: padId };
  const found = Object.entries(ids).map(([role, id]) => [role, pieces[id]] as const);
  const special = [PieceType.control, PieceType.unknown] as readonly number[];
  return Object.fromEntries(
    found.flatMap(([role, piece]) => (piece && special.includes(piece.type) ? [[role, piece.piece]] : [])),
  );
}

/**
 * A SentencePiece model with its own flags and the conventions of its class: Llama's start, T5's extra ids, XLM-R's own first ids.
 */
export function fromSentencePiece(
  spm: SentencePieceModel,
  { config, tokens, className }: ConvertOptions,
  source: string,
): TokenizerJson {
  const kind = Object.hasOwn(KINDS, className) ? KINDS[className] : undefined;
  let pieces = spm.pieces.map(({ piece, score }): [string, number] => [piece, score]);
  let { unkId } = spm;
  if (kind === "xlm-roberta") {
    const first = ["<s>", "<pad>", "</s>", "<unk>"].map((piece): [string, number] => [piece, 0]);
    pieces = [...first, ...pieces.slice(3), ["<mask>", 0]];
    unkId = 3;
  }
  const extra = kind === "t5" ? Number(config.extra_ids ?? 100) : 0;
  if (!(Number.isInteger(extra) && extra >= 0 && extra <= 10_000))
    throw new DataError(`${source}: extra_ids is ${extra}, expected a whole number up to 10000`);
  for (let i = extra - 1; i >= 0; i--) pieces.push([`<extra_id_${i}>`, 0]);

  const ids = new Map(pieces.map(([piece], id) => [piece, id]));
  const idOf = idIn(ids, source);
  const ofType = (type: number) => spm.pieces.filter((piece) => piece.type === type).map(({ piece }) => piece);
  // Without a class the model alone says what its own pieces do: they are found after the spaces are written as ▁.
  const pattern = anyOf(kind === undefined ? ofType(PieceType.userDefined) : []);
  const own = pattern !== "" && pattern.length <= LONGEST;
  let model: ModelJson;
  if (spm.type === "bpe") {
    const normal = new Set(ofType(PieceType.normal));
    const merges = mergesOf(
      new Map(spm.pieces.flatMap(({ piece }, id) => (normal.has(piece) ? [[piece, id] as const] : []))),
      pieces.filter(([piece]) => normal.has(piece)),
    );
    const vocab = Object.fromEntries(ids);
    const options = { unk_token: pieces[unkId][0], fuse_unk: true, byte_fallback: spm.byteFallback };
    model = { ...BPE, ...options, ignore_merges: own, vocab, merges };
  } else model = { type: "Unigram", unk_id: unkId, vocab: pieces, byte_fallback: spm.byteFallback };

  const special = new Set(Object.values(tokens));
  const addedTokens = new Map<string, AddedTokenJson>();
  spm.pieces.forEach(({ piece, type }) => {
    if (type !== PieceType.control && (type !== PieceType.userDefined || own)) return;
    const id = ids.get(piece);
    if (id !== undefined) addedTokens.set(piece, added(piece, id, type === PieceType.control || special.has(piece)));
  });
  // Special tokens of the class that the model lacks get the next ids, as in Transformers.
  let next = pieces.length;
  for (const token of special) {
    if (ids.has(token)) continue;
    ids.set(token, next++);
    addedTokens.set(token, added(token, idOf(token)));
  }
  for (let i = 0; i < extra; i++) {
    const content = `<extra_id_${i}>`;
    addedTokens.set(content, added(content, idOf(content)));
  }

  const { normalizer, pre_tokenizer, decoder } = spaces(spm, config, kind);
  const split = { type: "Split", pattern: { Regex: pattern }, behavior: "Isolated", invert: false } as const;
  return {
    ...whole,
    added_tokens: [...addedTokens.values()].sort((a, b) => a.id - b.id),
    normalizer,
    pre_tokenizer: !own
      ? pre_tokenizer
      : pre_tokenizer === null
        ? split
        : { type: "Sequence", pretokenizers: [pre_tokenizer as PreTokenizerStep, split] },
    post_processor:
      kind === "llama"
        ? llamaTemplate(config, tokens, idOf)
        : kind === "t5"
          ? template("$A </s>", "$A </s> $B </s>", idOf)
          : kind === "xlm-roberta"
            ? template("<s> $A </s>", "<s> $A </s> </s> $B </s>", idOf)
            : null,
    decoder,
    model,
  };
}

function toBase64(bytes: Uint8Array): string {
  let text = "";
  for (const byte of bytes) text += String.fromCharCode(byte);
  return btoa(text);
}
