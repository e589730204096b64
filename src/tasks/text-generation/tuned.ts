import { ArrayDataset, DataLoader } from "../../data/index.ts";
import type { CausalLmModel } from "../../models/index.ts";
import { crossEntropy } from "../../nn/index.ts";
import { noGrad } from "../../tensor/no-grad.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { PreTrainedTokenizer } from "../../text/index.ts";
import { type Metrics, measure } from "../../train/index.ts";
import { Isolation } from "../../train/run/isolation.ts";
import { joined } from "../shared/texts.ts";
import { type ChatBatch, type ChatTokens, collateChats } from "./chats.ts";
import { blocksOf, type StreamBatch } from "./windows.ts";

/** Lines are put together up to so many characters, so that a tokenizer sees few borders that the text does not have. */
const PIECE = 1 << 16;

/** A text as one stream of ids. */
export function encodeText(tokenizer: PreTrainedTokenizer, lines: readonly string[]): Int32Array {
  const parts: number[][] = [];
  let piece = "";
  const flush = () => {
    if (piece !== "") parts.push(tokenizer.encode(piece, { addSpecialTokens: false }).inputIds);
    piece = "";
  };
  for (const line of lines) {
    piece += `${line}\n`;
    if (piece.length >= PIECE) flush();
  }
  flush();
  return joined(parts);
}

/** A pretrained language model with its tokenizer, on texts or conversations in blocks. */
export class Tuned {
  readonly model: CausalLmModel;
  readonly tokenizer: PreTrainedTokenizer;
  readonly block: number;
  constructor(model: CausalLmModel, tokenizer: PreTrainedTokenizer, block: number) {
    this.model = model;
    this.tokenizer = tokenizer;
    this.block = block;
  }
  get #pad(): number {
    return this.tokenizer.padTokenId ?? this.tokenizer.eosTokenId ?? 0;
  }
  /** What stands before a text. */
  get start(): number {
    return this.tokenizer.bosTokenId ?? this.tokenizer.eosTokenId ?? 0;
  }
  collate = (examples: readonly ChatTokens[]) => collateChats(examples, this.#pad);

  /** Mean loss of the answers' tokens. */
  async scoreChats(data: readonly ChatTokens[]): Promise<Metrics> {
    const sorted = [...data].sort((a, b) => a.inputIds.length - b.inputIds.length);
    let [total, tokens] = [0, 0];
    const own = Isolation.here();
    for await (const batch of new DataLoader(new ArrayDataset(sorted), { batchSize: 8, collate: this.collate })) {
      const [rows, t] = batch.labels.shape;
      const labels = batch.labels.data();
      let count = 0;
      for (let i = 0; i < rows * t; i++) if (i % t > 0 && labels[i] !== -100) count++;
      const loss = own.precisely(() => noGrad(() => this.model.forward(batch).loss as Tensor));
      total += loss.item() * count;
      tokens += count;
      for (const used of [loss, ...Object.values(batch)]) used.dispose();
    }
    return { loss: total / tokens, ...measure("tokens", { total, tokens }) };
  }

  /** Mean loss of the answers' tokens in a batch. */
  chatLoss(batch: ChatBatch, labelSmoothing = 0): Tensor {
    const { loss, logits } = this.model.forward(batch);
    if (labelSmoothing === 0) return loss as Tensor;
    const t = batch.labels.shape[1];
    const next = batch.labels.slice(1, 1, t).flatten();
    return crossEntropy(logits.slice(1, 0, t - 1).flatten(0, 1), next, { labelSmoothing });
  }
  textLoss({ x, y }: StreamBatch, reduction: "mean" | "sum" = "mean", labelSmoothing = 0): Tensor {
    const { logits } = this.model.forward({ inputIds: x });
    return crossEntropy(logits.flatten(0, 1), y, { reduction, labelSmoothing });
  }
  /** Mean loss of a text's tokens, each predicted once in its block. */
  async scoreText(ids: Int32Array): Promise<Metrics> {
    let total = 0;
    for (const batch of blocksOf(ids, { block: this.block, start: this.start, batch: 8 })) {
      const loss = noGrad(() => this.textLoss(batch, "sum"));
      total += loss.item();
      for (const used of [loss, batch.x, batch.y]) used.dispose();
    }
    return { loss: total / ids.length, ...measure("tokens", { total, tokens: ids.length }) };
  }
}
