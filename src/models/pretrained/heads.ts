import type { InitialisedConfig } from "./config.ts";
import {
  type Decoder,
  DecoderForCausalLM,
  DecoderForSequenceClassification,
  DecoderForTokenClassification,
  type DecoderTraits,
} from "./decoder-heads.ts";
import {
  type Encoder,
  EncoderForMaskedLM,
  EncoderForQuestionAnswering,
  EncoderForSequenceClassification,
  EncoderForTokenClassification,
  type EncoderTraits,
} from "./encoder-heads.ts";
import { headed } from "./headed.ts";

/** The classes of a family of encoders for each use, to be extended. `family`: what their names begin with. */
export const encoderHeads = <C extends InitialisedConfig, P extends string, E extends Encoder>(
  family: string,
  traits: EncoderTraits<C, P, E>,
) => ({
  ForSequenceClassification: headed(EncoderForSequenceClassification<C>, `${family}ForSequenceClassification`, traits),
  ForTokenClassification: headed(EncoderForTokenClassification<C>, `${family}ForTokenClassification`, traits),
  ForQuestionAnswering: headed(EncoderForQuestionAnswering<C>, `${family}ForQuestionAnswering`, traits),
  ForMaskedLM: headed(EncoderForMaskedLM<C>, `${family}ForMaskedLM`, traits),
});

/** The classes of a family of decoders for each use, to be extended. `languageModel`: the name of one of them. */
export const decoderHeads = <
  C extends InitialisedConfig & { vocabSize: number; classifierDropout?: number | null },
  P extends string,
  D extends Decoder,
>(
  family: string,
  traits: DecoderTraits<C, P, D>,
  languageModel = `${family}ForCausalLM`,
) => ({
  ForCausalLM: headed(DecoderForCausalLM<C>, languageModel, traits),
  ForSequenceClassification: headed(DecoderForSequenceClassification<C>, `${family}ForSequenceClassification`, traits),
  ForTokenClassification: headed(DecoderForTokenClassification<C>, `${family}ForTokenClassification`, traits),
});
