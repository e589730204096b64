import type { GivenArguments, Metrics, TrainerCallbacks } from "../train/index.ts";

/** What `train` of every task takes; the command line's options under their camelCase names. */
export interface TaskOptions {
  data: string;
  /** A source, a share like 0.2, or `none`. By default the source's own part, else a stratified 10 %. */
  validation?: string;
  output: string;
  /** A preset. */
  model?: string;
  textColumn?: string;
  labelColumn?: string;
  /** Translation: which languages of the data are read and written, and in which columns they lie. */
  sourceLanguage?: string;
  targetLanguage?: string;
  sourceColumn?: string;
  targetColumn?: string;
  /** Translation: what stands before every text that is read, as T5 wants it. */
  sourcePrefix?: string;
  /** `A:B` of the data. */
  range?: string;
  labelSmoothingFactor?: number;
  /** `balanced`, or a weight for each class in order. */
  classWeights?: string;
  layers?: number;
  hiddenSize?: number;
  embeddingSize?: number;
  dropout?: number;
  /** Of the preset `awd-lstm`: of the embedded words, between layers, of whole words, of the weights from state to state. */
  inputDropout?: number;
  hiddenDropout?: number;
  embeddingDropout?: number;
  weightDropout?: number;
  vocabSize?: number;
  /** Longest text in tokens; what is beyond is cut off. */
  maxLength?: number;
  /** A file of word vectors (word2vec, GloVe, fastText) that the embedding begins with; its size is theirs. */
  embeddings?: string;
  /** Language models: a kind (character, word, bpe, unigram, wordpiece) or a folder. */
  tokenizer?: string;
  /** Tokens of context that a step learns from. */
  blockSize?: number;
  tieWeights?: boolean;
  heads?: number;
  /** Width inside a Transformer's feed-forward layer. */
  intermediateSize?: number;
  /** Of pretrained models: rank of an adapter that is trained in the weights' place. */
  lora?: number;
  loraAlpha?: number;
  /** Ends of the names of layers that get an adapter, separated by commas, or `all-linear`. */
  loraTarget?: string;
  /** A regular expression: parameters whose names it is found in do not learn. */
  freeze?: string;
  /** Conversations: several in a block, one after another. */
  packing?: boolean;
  /** fill-mask: share of the tokens that are hidden; 0.15. */
  mlmProbability?: number;
  args?: GivenArguments;
  /** Called as training goes on; may stop it. */
  callbacks?: TrainerCallbacks[];
  /** Where lines for the reader go (what was chosen, progress). */
  say?: (line: string) => void;
}

export interface TaskReport {
  task: string;
  model: string;
  backend: string;
  output: string;
  parameters: number;
  epochs: number;
  steps: number;
  seconds: number;
  examplesPerSecond: number;
  train: { loss: number };
  validation: Metrics | null;
}

export interface EvaluateOptions {
  data: string;
  textColumn?: string;
  labelColumn?: string;
  /** Translation; those of the training where left out. */
  sourceLanguage?: string;
  targetLanguage?: string;
  sourceColumn?: string;
  targetColumn?: string;
  range?: string;
  /** No progress. */
  quiet?: boolean;
}
export interface EvaluateReport {
  task: string;
  examples: number;
  seconds: number;
  metrics: Metrics;
}
