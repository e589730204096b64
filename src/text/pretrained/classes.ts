/** What a tokenizer class of Transformers takes for granted. */
export interface TokenizerClass {
  /** Where the vocabulary comes from when there is no tokenizer.json. */
  files?: "vocab.txt" | "vocab.json" | "sentencepiece" | "marian";
  /** Special tokens by their roles. */
  tokens: Readonly<Record<string, string>>;
  /** Whether the model takes `token_type_ids`. */
  tokenTypes?: boolean;
  paddingSide?: "left" | "right";
}

const BERT = { unk_token: "[UNK]", sep_token: "[SEP]", pad_token: "[PAD]", cls_token: "[CLS]", mask_token: "[MASK]" };
const ROBERTA = {
  bos_token: "<s>",
  eos_token: "</s>",
  unk_token: "<unk>",
  sep_token: "</s>",
  pad_token: "<pad>",
  cls_token: "<s>",
  mask_token: "<mask>",
};
const GPT2 = { bos_token: "<|endoftext|>", eos_token: "<|endoftext|>", unk_token: "<|endoftext|>" };
const LLAMA = { bos_token: "<s>", eos_token: "</s>", unk_token: "<unk>" };
const MARIAN = { eos_token: "</s>", unk_token: "<unk>", pad_token: "<pad>" };

const bert: TokenizerClass = { files: "vocab.txt", tokens: BERT, tokenTypes: true };
const roberta: TokenizerClass = { files: "vocab.json", tokens: ROBERTA };
const xlmRoberta: TokenizerClass = { files: "sentencepiece", tokens: ROBERTA };

/** By their names without "Fast". */
const CLASSES: Readonly<Record<string, TokenizerClass>> = {
  BertTokenizer: bert,
  ElectraTokenizer: bert,
  DistilBertTokenizer: { ...bert, tokenTypes: false },
  MobileBertTokenizer: bert,
  RobertaTokenizer: roberta,
  LongformerTokenizer: roberta,
  BartTokenizer: roberta,
  XLMRobertaTokenizer: xlmRoberta,
  GPT2Tokenizer: { files: "vocab.json", tokens: GPT2 },
  Qwen2Tokenizer: {
    files: "vocab.json",
    tokens: { unk_token: "<|endoftext|>", eos_token: "<|endoftext|>", pad_token: "<|endoftext|>" },
  },
  LlamaTokenizer: { files: "sentencepiece", tokens: LLAMA, paddingSide: "left" },
  CodeLlamaTokenizer: { tokens: LLAMA, paddingSide: "left" },
  GemmaTokenizer: {
    tokens: { bos_token: "<bos>", eos_token: "<eos>", unk_token: "<unk>", pad_token: "<pad>" },
    paddingSide: "left",
  },
  T5Tokenizer: { files: "sentencepiece", tokens: { eos_token: "</s>", unk_token: "<unk>", pad_token: "<pad>" } },
  MT5Tokenizer: { files: "sentencepiece", tokens: { eos_token: "</s>", unk_token: "<unk>", pad_token: "<pad>" } },
  MarianTokenizer: { files: "marian", tokens: MARIAN },
  AlbertTokenizer: {
    tokens: { ...BERT, unk_token: "<unk>", pad_token: "<pad>", bos_token: "[CLS]", eos_token: "[SEP]" },
    tokenTypes: true,
  },
};

/** Classes by the `model_type` of config.json, for folders whose tokenizer names none. */
const BY_MODEL: Readonly<Record<string, string>> = {
  bert: "BertTokenizer",
  electra: "ElectraTokenizer",
  distilbert: "DistilBertTokenizer",
  mobilebert: "MobileBertTokenizer",
  roberta: "RobertaTokenizer",
  longformer: "LongformerTokenizer",
  bart: "BartTokenizer",
  "xlm-roberta": "XLMRobertaTokenizer",
  gpt2: "GPT2Tokenizer",
  qwen2: "Qwen2Tokenizer",
  llama: "LlamaTokenizer",
  mistral: "LlamaTokenizer",
  gemma: "GemmaTokenizer",
  t5: "T5Tokenizer",
  mt5: "MT5Tokenizer",
  marian: "MarianTokenizer",
  albert: "AlbertTokenizer",
};

/** The class of a folder under its name without "Fast"; a class that is not known here has no conventions. */
export function tokenizerClass(name: unknown, modelType: unknown): [name: string, conventions: TokenizerClass] {
  const own = (table: object, key: unknown) => typeof key === "string" && Object.hasOwn(table, key);
  const named = typeof name === "string" ? name.replace(/Fast$/, "") : undefined;
  const found = named ?? (own(BY_MODEL, modelType) ? BY_MODEL[modelType as string] : "PreTrainedTokenizer");
  return [found, own(CLASSES, found) ? CLASSES[found] : { tokens: {}, tokenTypes: true }];
}
