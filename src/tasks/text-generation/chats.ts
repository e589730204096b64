import { maximum } from "../../backend/arrays.ts";
import { DataError, streamRecords } from "../../data/index.ts";
import { tensor } from "../../tensor/create.ts";
import type { Tensor } from "../../tensor/tensor.ts";
import type { ChatMessage, PreTrainedTokenizer } from "../../text/index.ts";

/** A conversation, or a text and what shall follow it. */
export type ChatExample =
  | { messages: ChatMessage[]; tools?: readonly unknown[] }
  | { prompt: string; completion: string };

/** Ids, and for each whether it is to be learned. */
export interface ChatTokens {
  inputIds: number[];
  answer: number[];
}

type Row = Record<string, unknown>;

/** A value, or what it says as JSON. */
function parsed(value: unknown): unknown {
  if (typeof value !== "string" || !/^\s*[[{]/.test(value)) return value;
  try {
    return JSON.parse(value);
  } catch {
    return value;
  }
}

const ROLES: Record<string, string> = { human: "user", gpt: "assistant", chatgpt: "assistant", bot: "assistant" };

function messagesOf(value: unknown, where: string): ChatMessage[] {
  const list = parsed(value);
  if (!Array.isArray(list) || list.length === 0) throw new DataError(`${where}: expected a list of messages`);
  return list.map((entry: unknown, i): ChatMessage => {
    const message = (entry ?? {}) as Row;
    // ShareGPT's names.
    const role = message.role ?? message.from;
    const content = message.content ?? message.value ?? (message.tool_calls === undefined ? undefined : "");
    if (typeof role !== "string" || typeof content !== "string") {
      throw new DataError(
        `${where}: message ${i}: expected a role and a content`,
        'A message is {"role": "user", "content": "…"}.',
      );
    }
    return message.role === undefined ? { role: ROLES[role] ?? role, content } : { ...message, role, content };
  });
}

/** A row of messages, of a prompt and a completion (each a text or messages); undefined if it is neither. Throws {@link DataError}. */
function exampleOf(row: Row, where: string): ChatExample | undefined {
  const list = row.messages ?? row.conversations ?? row.conversation;
  if (list !== undefined && list !== null) {
    const tools = parsed(row.tools);
    return { messages: messagesOf(list, where), ...(Array.isArray(tools) ? { tools } : {}) };
  }
  const { prompt, completion } = row;
  if (prompt === undefined || completion === undefined) return undefined;
  const [before, after] = [parsed(prompt), parsed(completion)];
  if (Array.isArray(before) && Array.isArray(after))
    return { messages: [...messagesOf(before, where), ...messagesOf(after, where)] };
  if (typeof prompt !== "string" || typeof completion !== "string")
    throw new DataError(`${where}: prompt and completion: expected two texts, or two lists of messages`);
  return { prompt, completion };
}

const areRows = (paths: readonly string[]) =>
  paths.every((path) => /\.(jsonl|ndjson|parquet|csv|tsv)(\.gz)?$/i.test(path));

/** The conversations of files; undefined where the first row is none, or files have no rows. Throws {@link DataError} naming file and row. */
export async function readChats(paths: readonly string[]): Promise<ChatExample[] | undefined> {
  if (!areRows(paths)) return undefined;
  const out: ChatExample[] = [];
  for (const path of paths) {
    let n = 0;
    for await (const row of streamRecords(path)) {
      const where = `${path}, row ${++n}`;
      const example = exampleOf(row, where);
      if (example !== undefined) out.push(example);
      else if (out.length === 0) return undefined;
      else throw new DataError(`${where}: neither messages nor prompt and completion`);
    }
  }
  return out;
}

/** The ids of an example; learned are the assistant's answers, or the completion with the end of text. */
export function encodeExample(tokenizer: PreTrainedTokenizer, example: ChatExample): ChatTokens {
  if ("messages" in example) {
    const { messages, tools } = example;
    const { inputIds, assistantMasks } = tokenizer.encodeChat(messages, tools === undefined ? {} : { tools });
    return { inputIds, answer: assistantMasks };
  }
  const end = tokenizer.eosTokenId;
  const text = example.prompt + example.completion;
  const { inputIds, offsetMapping } = tokenizer.encode(text, { addSpecialTokens: false, returnOffsetsMapping: true });
  const answer = (offsetMapping as [number, number][]).map(([, to]) => (to > example.prompt.length ? 1 : 0));
  return end === undefined ? { inputIds, answer } : { inputIds: [...inputIds, end], answer: [...answer, 1] };
}

/**
 * Examples one after another in blocks of at most `length`, as TRL packs by default: attention goes across their borders, and
 * an example that does not fit goes on in the next block.
 */
export function pack(examples: readonly ChatTokens[], length: number): ChatTokens[] {
  const inputIds = examples.flatMap((e) => e.inputIds);
  const answer = examples.flatMap((e) => e.answer);
  return Array.from({ length: Math.ceil(inputIds.length / length) }, (_, i) => ({
    inputIds: inputIds.slice(i * length, (i + 1) * length),
    answer: answer.slice(i * length, (i + 1) * length),
  }));
}

/** Tokens of conversations, cut to a block or packed; those without an answer in it are left out. */
export function encodeChats(
  tokenizer: PreTrainedTokenizer,
  examples: readonly ChatExample[],
  block: number,
  packing = false,
): ChatTokens[] {
  const encoded = examples.map((example) => encodeExample(tokenizer, example));
  const cut = packing
    ? pack(encoded, block)
    : encoded.map(({ inputIds, answer }) => ({ inputIds: inputIds.slice(0, block), answer: answer.slice(0, block) }));
  // The first token is nobody's successor.
  return cut.filter(({ answer }) => answer.some((learned, i) => i > 0 && learned));
}

export interface ChatBatch {
  inputIds: Tensor;
  attentionMask: Tensor;
  labels: Tensor;
}

/** Examples side by side, filled up on the right; what is no answer has the label −100. */
export function collateChats(examples: readonly ChatTokens[], pad: number): ChatBatch {
  const [rows, t] = [examples.length, maximum(examples.map((e) => e.inputIds.length))];
  const make = (fill: number) => new Int32Array(rows * t).fill(fill);
  const [ids, mask, labels] = [make(pad), make(0), make(-100)];
  examples.forEach(({ inputIds, answer }, row) => {
    ids.set(inputIds, row * t);
    mask.fill(1, row * t, row * t + inputIds.length);
    answer.forEach((learned, i) => {
      if (learned) labels[row * t + i] = inputIds[i];
    });
  });
  const shaped = (values: Int32Array) => tensor(values, [rows, t]);
  return { inputIds: shaped(ids), attentionMask: shaped(mask), labels: shaped(labels) };
}
