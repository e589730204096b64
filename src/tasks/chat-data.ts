import { DataError, fetchSource, type Part, parseRange, type Source, streamRecords } from "../data/index.ts";
import type { ChatMessage, PreTrainedTokenizer } from "../text/index.ts";
import { downloads } from "./downloads.ts";
import type { TaskOptions } from "./settings.ts";

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

/** The conversations of files; undefined where the first row is none. Throws {@link DataError} naming file and row. */
async function readChats(paths: readonly string[]): Promise<ChatExample[] | undefined> {
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

const isRows = (paths: readonly string[]) =>
  paths.every((path) => /\.(jsonl|ndjson|parquet|csv|tsv)(\.gz)?$/i.test(path));

/**
 * Conversations to learn from and to validate on (the source's part, or the last tenth or another share); undefined where the
 * source has none. Throws {@link DataError}.
 */
export async function readConversations(
  options: Pick<TaskOptions, "data" | "validation" | "range"> & Parameters<typeof downloads>[0],
  order: readonly Part[] = ["train", "validation", "test"],
): Promise<{ train: ChatExample[]; validation: ChatExample[] } | undefined> {
  const { data, validation } = options;
  const paths = (source: Source, parts: readonly Part[]) =>
    source.parts[parts.find((part) => source.parts[part] !== undefined) ?? parts[0]] ?? [];
  const source = await fetchSource(data, "rows", downloads(options));
  const files = paths(source, order);
  if (!isRows(files)) return undefined;
  const [from, to] = parseRange(options.range);
  const all = (await readChats(files))?.slice(from, to);
  if (all === undefined) return undefined;
  if (all.length === 0) throw new DataError(`${data}: no conversations`);
  if (validation === "none") return { train: all, validation: [] };
  const share = validation === undefined ? 0.1 : Number(validation);
  if (validation !== undefined && !(share > 0 && share < 1)) {
    const other = await fetchSource(validation, "rows", downloads(options));
    const held = await readChats(paths(other, ["validation", "test", "train"]));
    if (held === undefined) throw new DataError(`${validation}: no conversations`);
    return { train: all, validation: held };
  }
  if (validation === undefined && source.parts.train && source.parts.validation)
    return { train: all, validation: (await readChats(source.parts.validation)) ?? [] };
  const cut = Math.max(1, all.length - Math.floor(all.length * share));
  return { train: all.slice(0, cut), validation: all.slice(cut) };
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
