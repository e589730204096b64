import {
  AutoTokenizer,
  PreTrainedTokenizer,
  TOKENIZER_KINDS,
  Tokenizer,
  type TokenizerKind,
  trainTokenizer,
} from "../../text/index.ts";

const [PAD, EOS, UNK] = ["<pad>", "</s>", "<unk>"];

/** Pieces of both languages together, unless another number is asked for. */
const VOCABULARY = 8_000;

/**
 * One tokenizer for the texts of both languages: trained, or that of a folder. Every text ends in `</s>`; padding has the id 0.
 * @param kind of {@link TOKENIZER_KINDS}, or a folder
 * @throws DataError for a folder without a tokenizer; RangeError for sizes that cannot be
 */
export async function makePairTokenizer(
  kind: string,
  texts: readonly string[],
  vocabSize = VOCABULARY,
): Promise<PreTrainedTokenizer> {
  if (!TOKENIZER_KINDS.includes(kind as TokenizerKind)) return AutoTokenizer.fromPretrained(kind);
  const specialTokens = [PAD, EOS, UNK];
  const trained = await trainTokenizer(kind as TokenizerKind, texts, { vocabSize, specialTokens, lowercase: false });
  const special = { SpecialToken: { id: EOS, type_id: 0 } };
  const text = (id: "A" | "B") => ({ Sequence: { id, type_id: 0 } });
  const tokenizer = Tokenizer.fromJSON({
    ...trained.toJSON(),
    post_processor: {
      type: "TemplateProcessing",
      single: [text("A"), special],
      pair: [text("A"), text("B"), special],
      special_tokens: { [EOS]: { id: EOS, ids: [specialTokens.indexOf(EOS)], tokens: [EOS] } },
    },
  });
  return new PreTrainedTokenizer(tokenizer, {
    tokens: { pad_token: PAD, eos_token: EOS, unk_token: UNK },
    tokenTypes: false,
  });
}
