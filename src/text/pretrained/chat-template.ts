import { Template } from "@huggingface/jinja";
import { DataError } from "../../data/lines.ts";
import { checkList } from "../check.ts";
import { renderTemplate } from "./jinja.ts";

/** A message of a conversation; templates may read further fields. */
export interface ChatMessage {
  role: string;
  content: string;
  [field: string]: unknown;
}

export interface ChatValues {
  messages: readonly ChatMessage[];
  tools?: readonly unknown[];
  documents?: readonly unknown[];
  addGenerationPrompt?: boolean;
  /** What else the template reads. */
  [variable: string]: unknown;
}

// No text holds these characters: Unicode keeps them for programs' own use.
const [OPEN, CLOSE] = ["\ufdd0", "\ufdd1"];
/** The longest templates in use have some twenty thousand characters. */
const LONGEST = 1_000_000;
const GENERATION = /\{%-?\s*generation\s*-?%\}/;

/** `{% generation %}` and its end as marks in the output: the language itself does not know them. */
function withMarks(source: string): string {
  const mark = (text: string, tag: RegExp, sign: string) =>
    text.replace(tag, (_, before: string, after: string) => `{{${before} "${sign}" ${after}}}`);
  const opened = mark(source, /\{%(-?)\s*generation\s*(-?)%\}\n?/g, OPEN);
  return mark(opened, /\{%(-?)\s*endgeneration\s*(-?)%\}\n?/g, CLOSE);
}

/** A chat template in Jinja: what a model expects a conversation to look like. */
export class ChatTemplate {
  readonly #template: Template;
  readonly #marks: boolean;
  readonly #where: string;

  /** Throws {@link DataError} for a template that cannot be read. */
  constructor(source: string, where: string) {
    this.#marks = GENERATION.test(source);
    this.#where = where === "" ? "" : ` of ${where}`;
    if (source.length > LONGEST)
      throw new DataError(`${where}: a template of ${source.length} characters; at most ${LONGEST} are read`);
    try {
      this.#template = new Template(withMarks(source));
    } catch (error) {
      throw new DataError(
        `${where}: ${(error as Error).message}`,
        "It is no Jinja template, or uses more of Jinja than is known.",
      );
    }
  }

  #render(values: ChatValues): string {
    checkList("the conversation", values.messages, "messages");
    values.messages.forEach((message, i) => {
      if (typeof message !== "object" || message === null || typeof message.role !== "string")
        throw new DataError(`message ${i} has no role`, "A message is { role, content }.");
    });
    return this.#written(values);
  }

  #written({ messages, tools, documents, addGenerationPrompt = false, ...rest }: ChatValues): string {
    const values = { ...rest, messages, tools: tools ?? null, documents: documents ?? null };
    try {
      return renderTemplate(this.#template, { ...values, add_generation_prompt: addGenerationPrompt });
    } catch (error) {
      throw new DataError(`the chat template${this.#where}: ${(error as Error).message}`);
    }
  }

  render(values: ChatValues): string {
    return this.#render(values).replaceAll(OPEN, "").replaceAll(CLOSE, "");
  }

  /**
   * The text with the ranges that the assistant wrote: what the template's generation blocks hold, or without them what each
   * answer adds to the conversation before it with the prompt for an answer, its end included.
   * @throws DataError when a conversation without its end is no beginning of the whole
   */
  renderWithAnswers(values: ChatValues): { text: string; ranges: [number, number][] } {
    const ranges: [number, number][] = [];
    if (this.#marks) {
      let text = "";
      let from = 0;
      for (const part of this.#render(values).split(new RegExp(`([${OPEN}${CLOSE}])`))) {
        if (part === OPEN) from = text.length;
        else if (part === CLOSE) ranges.push([from, text.length]);
        else text += part;
      }
      return { text, ranges };
    }
    const { messages } = values;
    const text = this.#render(values);
    messages.forEach(({ role }, i) => {
      if (role !== "assistant") return;
      const start = this.#render({ ...values, messages: messages.slice(0, i), addGenerationPrompt: true });
      const end = this.#render({ ...values, messages: messages.slice(0, i + 1), addGenerationPrompt: false });
      if (!end.startsWith(start) || !text.startsWith(end)) {
        throw new DataError(
          `message ${i}: the chat template writes it in another way than alone, so that the answer cannot be found`,
          "Mark the answers in the template with {% generation %} … {% endgeneration %}.",
        );
      }
      ranges.push([start.length, end.length]);
    });
    return { text, ranges };
  }
}

/** A chat template by its name; `default` is the one that is used. */
export type Templates = ReadonlyMap<string, string>;

/** The templates that tokenizer_config.json has. */
export function templatesOf(value: unknown): Templates {
  if (typeof value === "string") return new Map([["default", value]]);
  if (!Array.isArray(value)) return new Map();
  const isTemplate = (entry: unknown): entry is { name: string; template: string } =>
    typeof (entry as { name?: unknown } | null)?.name === "string" &&
    typeof (entry as { template?: unknown }).template === "string";
  return new Map(value.filter(isTemplate).map(({ name, template }) => [name, template]));
}
