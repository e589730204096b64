import { flag, real, text, whole } from "../../options/index.ts";

/** Share of numbers that are left out while training. */
const share = (help: string) => real({ from: 0, to: 1, argument: "p", help });

/** Hidden layers, of every preset that has some. */
export const LAYERS = {
  layers: whole({ from: 0, help: "hidden layers" }),
  hiddenSize: whole({ from: 1, help: "numbers in a layer" }),
  dropout: share("share of numbers that are left out while training"),
};
export const EMBEDDING = { embeddingSize: whole({ from: 1, help: "numbers of a word's or token's vector" }) };
/** What Transformers have besides. */
export const HEADS = {
  heads: whole({ from: 1, help: "of attention" }),
  /** Width inside a Transformer's feed-forward layer. */
  intermediateSize: whole({ from: 1, help: "inside a Transformer's layer" }),
};
/** Of the preset `awd-lstm`. */
export const AWD_DROPOUTS = {
  /** Of the preset `awd-lstm`: of the embedded words, between layers, of whole words, of the weights from state to state. */
  inputDropout: share("dropout of the embedded words"),
  hiddenDropout: share("dropout between layers"),
  embeddingDropout: share("dropout of whole words"),
  weightDropout: share("dropout of the weights from state to state"),
};
/** What is known of a language's words. */
export const WORDS = {
  vocabSize: whole({ from: 1, help: "at most so many words or tokens" }),
  /** A file of word vectors (word2vec, GloVe, fastText) that the embedding begins with; its size is theirs. */
  embeddings: text({
    argument: "file",
    help: "word vectors to begin with: word2vec, GloVe, fastText; text or binary",
  }),
};
export const LENGTH = {
  /** Longest text in tokens; what is beyond is cut off. */
  maxLength: whole({ from: 1, help: "longest text in tokens" }),
};
/** Of models that write. */
export const TOKENIZER = {
  /** A kind (character, word, bpe, unigram, wordpiece) or a folder. */
  tokenizer: text({ argument: "kind", help: "character, word, bpe, unigram, wordpiece, or a folder" }),
};
export const BLOCK = {
  /** Tokens of context that a step learns from. */
  blockSize: whole({ from: 1, help: "tokens of context in a step" }),
};
export const TIED = {
  /** Input and output share a table. */
  tieWeights: flag({ help: "input and output share a table" }),
};

/** ε of label smoothing. */
export const SMOOTHING = {
  /** Share of every label that goes to all classes alike, 0 to 1 (Szegedy et al. 2016). */
  labelSmoothingFactor: real({ from: 0, to: 1, help: "share of a label that goes to all classes alike" }),
};
/** Of models of classes. */
export const CLASSES = {
  ...SMOOTHING,
  /** `balanced`, or a weight for each class in order. */
  classWeights: text({ list: true, argument: "w", help: "balanced, or numbers separated by commas" }),
};

/** Which of a pretrained model's parameters learn. */
export const ADAPTER = {
  /** Of pretrained models: rank of an adapter that is trained in the weights' place. */
  lora: whole({
    from: 1,
    argument: "r",
    help: "train an adapter of this rank in a pretrained model, and merge it at the end",
  }),
  loraAlpha: real({ above: 0, help: "the adapter's change counts alpha / r times; 8" }),
  /** Ends of the names of layers that get an adapter, separated by commas, or `all-linear`. */
  loraTarget: text({
    list: true,
    argument: "names",
    help: "ends of the names of layers that get one, or all-linear",
  }),
  /** A regular expression: parameters whose names it is found in do not learn. */
  freeze: text({
    argument: "pattern",
    help: "parameters of a pretrained model that do not learn: a regular expression",
  }),
};
/** Of pretrained models alone, by their task. */
export const CHATS = {
  /** Conversations: several in a block, one after another. */
  packing: flag({ help: "conversations: several in a block" }),
};
export const MASKS = {
  /** fill-mask: share of the tokens that are hidden; 0.15. */
  mlmProbability: real({ above: 0, to: 1, argument: "p", help: "share of the tokens that are hidden; 0.15" }),
};
export const PREFIX = {
  /** Translation: what stands before every text that is read, as T5 wants it. */
  sourcePrefix: text({ empty: true, help: "stands before every text, as T5 wants it" }),
};
