import { z } from "zod";
import { type ConfigOf, defineConfig, kinds } from "../pretrained/config.ts";

const KEYS = {
  vocabSize: kinds.rows,
  embeddingSize: kinds.width.default(256),
  hiddenSize: kinds.width.default(256),
  numHiddenLayers: kinds.layers.min(1).default(1),
  dropout: kinds.share.default(0.3),
  initRange: kinds.deviation.default(0.25),
  isEncoderDecoder: z.boolean().default(true),
  padTokenId: kinds.tokenId.default(0),
  eosTokenId: kinds.tokenIds.default(1),
  decoderStartTokenId: kinds.tokenId.default(0),
  forcedEosTokenId: kinds.tokenId.nullish(),
  badWordsIds: z.array(z.array(kinds.tokenId)).nullish(),
};
export type LstmAttentionConfig = ConfigOf<typeof KEYS>;

export const lstmAttentionConfig = defineConfig("lstm-attention", KEYS);
