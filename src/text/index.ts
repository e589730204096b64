export {
  type BagOfWordsOptions,
  type BagOfWordsState,
  BagOfWordsVectorizer,
  type SparseVector,
  VectorizerError,
} from "./bag-of-words.ts";
export { KeyedVectors, type MostSimilarOptions, WordVectorsError } from "./keyed-vectors.ts";
export { AutoTokenizer } from "./pretrained/auto-tokenizer.ts";
export {
  type BatchEncoding,
  batchTensors,
  type EncodeOptions,
  type PaddingStrategy,
  type TextInputs,
  type TruncationStrategy,
} from "./pretrained/batch.ts";
export type { ChatMessage } from "./pretrained/chat-template.ts";
export {
  type CollatedTexts,
  type CollatorOptions,
  dataCollatorForSeq2Seq,
  dataCollatorForTokenClassification,
  dataCollatorWithPadding,
  type LabelledText,
  type LabelledTokens,
  type TextPairInputs,
} from "./pretrained/collators.ts";
export {
  type ChatOptions,
  PreTrainedTokenizer,
  type PreTrainedTokenizerOptions,
} from "./pretrained/pretrained-tokenizer.ts";
export { splitWords, type WordSpan } from "./split-words.ts";
export type { OnTokenizerProgress } from "./tokenizers/count-words.ts";
export { TOKENIZER_KINDS, type TokenizerKind } from "./tokenizers/kinds.ts";
export type { Encoding, Sequence } from "./tokenizers/post-process.ts";
export type { TokenizerJson } from "./tokenizers/schema.ts";
export { Tokenizer } from "./tokenizers/tokenizer.ts";
export { type TokenizerTrainOptions, trainTokenizer } from "./tokenizers/train.ts";
export { wordFeatures } from "./word-features.ts";
export { words } from "./words.ts";
