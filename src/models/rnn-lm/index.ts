import { checkOptions, type Known } from "../../backend/options.ts";
import * as nn from "../../nn/index.ts";
import { concat, embedding, lockedDropout, stack } from "../../ops/index.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { CausalLm, LmState } from "../causal-lm.ts";
import type { GenerationConfig } from "../generation-config.ts";

export const RNN_CELLS = ["rnn", "gru", "lstm"] as const;

export interface RnnLmConfig {
  modelType: (typeof RNN_CELLS)[number];
  vocabSize: number;
  embeddingSize: number;
  hiddenSize: number;
  numHiddenLayers: number;
  dropout: number;
  /** The output layer shares the embedding's table (Press and Wolf, 2017); needs embeddingSize = hiddenSize. */
  tieWordEmbeddings: boolean;
  /**
   * Dropout as the AWD-LSTM has it (Merity et al., 2018): one mask for all steps of a batch, and a probability for each place.
   * `dropout` stays that of the output.
   */
  regularization?: {
    /** Of the embedded words. */
    inputDropout: number;
    /** Between layers. */
    hiddenDropout: number;
    /** Of whole words: rows of the embedding's table. */
    embeddingDropout: number;
    /** Of the weights from state to state. */
    weightDropout: number;
  };
}

const CONFIG: Known<RnnLmConfig> = {
  modelType: true,
  vocabSize: true,
  embeddingSize: true,
  hiddenSize: true,
  numHiddenLayers: true,
  dropout: true,
  tieWordEmbeddings: true,
  regularization: true,
};
const REGULARIZATION: Known<NonNullable<RnnLmConfig["regularization"]>> = {
  inputDropout: true,
  hiddenDropout: true,
  embeddingDropout: true,
  weightDropout: true,
};

/**
 * Recurrent language model: embedding, recurrent layers, a linear layer over the vocabulary, dropout between all of them
 * (Zaremba et al., 2014), or with `regularization` an AWD-LSTM (Merity et al., 2018). Parameter names are those of PyTorch's word_language_model example: `encoder`, `rnn`, `decoder`.
 */
export class RnnForCausalLM extends nn.Module implements CausalLm {
  readonly encoder: nn.Embedding;
  readonly rnn: nn.RNN | nn.GRU | nn.LSTM;
  readonly decoder: nn.Linear;
  readonly dropout: nn.Dropout;
  readonly regularization: RnnLmConfig["regularization"];
  readonly vocabSize: number;
  readonly maxPositions = Number.POSITIVE_INFINITY;
  generationConfig?: GenerationConfig;

  /** Throws OptionError for keys that are not known, ShapeError for sizes below 1, or tied weights of two sizes. */
  constructor(config: RnnLmConfig) {
    checkOptions("RnnForCausalLM", config, CONFIG);
    checkOptions("RnnForCausalLM: regularization", config.regularization, REGULARIZATION);
    super();
    const { modelType, vocabSize, embeddingSize, hiddenSize, numHiddenLayers: numLayers, dropout } = config;
    this.vocabSize = vocabSize;
    this.encoder = new nn.Embedding(vocabSize, embeddingSize);
    const Cell = { rnn: nn.RNN, gru: nn.GRU, lstm: nn.LSTM }[modelType];
    const { regularization } = config;
    this.regularization = regularization;
    this.rnn = new Cell(embeddingSize, hiddenSize, {
      numLayers,
      dropout: regularization?.hiddenDropout ?? dropout,
      lockedDropout: regularization !== undefined,
      weightDropout: regularization?.weightDropout,
    });
    this.decoder = new nn.Linear(hiddenSize, vocabSize);
    this.dropout = new nn.Dropout(dropout);
    nn.init.uniform_(this.encoder.weight, -0.1, 0.1);
    if (config.tieWordEmbeddings) {
      if (embeddingSize !== hiddenSize) {
        throw new nn.StateDictError(
          `tied weights need an embedding as wide as the hidden layer, found ${embeddingSize} and ${hiddenSize}`,
        );
      }
      Object.assign(this.decoder, { weight: this.encoder.weight });
    } else nn.init.uniform_(this.decoder.weight, -0.1, 0.1);
    nn.init.zeros_(this.decoder.bias as nn.Parameter);
  }

  /**
   * @param ids int32 [T, batch]
   * @param state [layers, batch, hidden]: h, for an LSTM h and c; 0 when left out.
   * @param options `lengths`, where texts end before T.
   * @returns logits [T · batch, vocab] and the last state.
   */
  forward(ids: Tensor, state?: LmState, options?: nn.RecurrentForwardOptions): { logits: Tensor; state: Tensor[] } {
    const r = this.regularization;
    if (r === undefined) {
      const { output, state: last } = this.#run(this.dropout.forward(this.encoder.forward(ids)), state, options);
      return { logits: this.decoder.forward(this.dropout.forward(output).flatten(0, 1)), state: last };
    }
    const table = lockedDropout(this.encoder.weight, r.embeddingDropout, this.training, 1);
    const x = lockedDropout(embedding(ids, table), r.inputDropout, this.training);
    const { output, state: last } = this.#run(x, state, options);
    const h = lockedDropout(output, this.dropout.p, this.training);
    return { logits: this.decoder.forward(h.flatten(0, 1)), state: last };
  }

  #run(x: Tensor, state: LmState | undefined, options?: nn.RecurrentForwardOptions) {
    if (this.rnn instanceof nn.LSTM) return this.rnn.forward(x, state as [Tensor, Tensor] | undefined, options);
    const { output, state: last } = this.rnn.forward(x, state?.[0], options);
    return { output, state: [last] };
  }

  readonly stateBatchDim = 1;
  readonly takesPadding = true;
  next(ids: Tensor, past?: LmState, padding?: readonly number[]): { logits: Tensor; past: LmState } {
    const [batch, steps] = ids.shape;
    const v = this.vocabSize;
    // What is padding came at the very beginning.
    if (past !== undefined || padding === undefined || padding.every((n) => n === 0)) {
      const { logits, state } = this.forward(ids.transpose(0, 1), past);
      return { logits: logits.reshape([steps, batch, v]).transpose(0, 1), past: state };
    }
    // The layers take texts aligned at their beginnings: each moves to the left and its results back.
    const moved = stack(padding.map((n, b) => turn(ids.select(0, b), n)));
    const { logits, state } = this.forward(moved.transpose(0, 1), undefined, {
      lengths: padding.map((n) => steps - n),
    });
    const rows = logits.reshape([steps, batch, v]);
    return { logits: stack(padding.map((n, b) => turn(rows.select(1, b), steps - n))), past: state };
  }
}

/** The first n rows after the rest. */
const turn = (x: Tensor, n: number) => (n === 0 || n === x.shape[0] ? x : concat([x.slice(0, n), x.slice(0, 0, n)], 0));
