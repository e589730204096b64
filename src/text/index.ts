export {
  type BagOfWordsOptions,
  type BagOfWordsState,
  BagOfWordsVectorizer,
  type SparseVector,
  VectorizerError,
} from "./bag-of-words.ts";
export { words } from "./words.ts";
