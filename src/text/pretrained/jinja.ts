import { Environment, Interpreter, type Template } from "@huggingface/jinja";
import { ShoshinError } from "../../backend/errors.ts";

/** A template runs for longer, or makes more, than any conversation needs. */
class TemplateLimitError extends ShoshinError {}

/** Steps of a template; a long conversation takes some ten thousand. */
const STEPS = 5_000_000;
/** A turn of a loop makes a scope: it costs as much as so many steps. */
const TURN = 10;
/** More for each value that it was given. */
const STEPS_EACH = 5_000;
/** Characters of a text, entries of a list. */
const [LONGEST, MOST] = [1 << 26, 1 << 20];

const MONTHS = "January February March April May June July August September October November December".split(" ");
const DAYS = "Sunday Monday Tuesday Wednesday Thursday Friday Saturday".split(" ");

/** Python's strftime in its own language, as far as chat templates use it. */
export function strftime(date: Date, format: string): string {
  const two = (n: number) => String(n).padStart(2, "0");
  const parts: Record<string, () => string> = {
    Y: () => String(date.getFullYear()),
    y: () => two(date.getFullYear() % 100),
    m: () => two(date.getMonth() + 1),
    d: () => two(date.getDate()),
    B: () => MONTHS[date.getMonth()],
    b: () => MONTHS[date.getMonth()].slice(0, 3),
    A: () => DAYS[date.getDay()],
    a: () => DAYS[date.getDay()].slice(0, 3),
    H: () => two(date.getHours()),
    I: () => two(date.getHours() % 12 || 12),
    p: () => (date.getHours() < 12 ? "AM" : "PM"),
    M: () => two(date.getMinutes()),
    S: () => two(date.getSeconds()),
    "%": () => "%",
  };
  return format.replace(/%([A-Za-z%])/g, (whole, letter: string) => parts[letter]?.() ?? whole);
}

function range(first: number, last?: number, step = 1): number[] {
  const [from, to] = last === undefined ? [0, first] : [first, last];
  const count = Math.max(0, Math.ceil((to - from) / step));
  if (!(count <= MOST)) throw new TemplateLimitError(`range() of ${count} numbers; at most ${MOST} are made`);
  return Array.from({ length: count }, (_, i) => from + i * step);
}

const GLOBALS = {
  true: true,
  false: false,
  none: null,
  True: true,
  False: false,
  None: null,
  range,
  raise_exception: (message: string) => {
    throw new ShoshinError(message);
  },
  strftime_now: (format: string) => strftime(new Date(), format),
};

/** Values in values: what a template may be expected to look at. */
function countValues(value: unknown, depth = 0): number {
  if (value === null || typeof value !== "object" || depth > 100) return 1;
  return Object.values(value).reduce((n: number, inner) => n + countValues(inner, depth + 1), 1);
}

interface Node {
  type?: string;
  iterable?: Node;
  lhs?: Node;
}
type Evaluate = (node: Node | undefined, environment: Environment) => { value?: unknown };

/**
 * What the template makes of the values, in bounded time and memory.
 * @throws Error of the template, or when it takes more steps than its input explains
 */
export function renderTemplate({ parsed }: Template, values: Readonly<Record<string, unknown>>): string {
  const environment = new Environment();
  for (const [name, value] of Object.entries({ ...GLOBALS, ...values })) environment.set(name, value);
  const interpreter = new Interpreter(environment);
  let left = STEPS + STEPS_EACH * countValues(values);
  const all = left;
  const { evaluate } = interpreter as unknown as { evaluate: Evaluate };
  // What loops go over: their turns count even where they do nothing.
  const gone = new WeakSet<Node>();
  const spend = (steps: number) => {
    left -= steps;
    if (left < 0) throw new TemplateLimitError(`it has not ended after ${all} steps`);
  };
  const counted: Evaluate = (node, scope) => {
    spend(1);
    if (node?.type === "For" && node.iterable !== undefined) gone.add(node.iterable.lhs ?? node.iterable);
    const result = evaluate.call(interpreter, node, scope);
    const { value } = result;
    if (Array.isArray(value) && node !== undefined && (gone.has(node) || node.type === "CallExpression"))
      spend(TURN * value.length);
    if (typeof value === "string" && value.length > LONGEST)
      throw new TemplateLimitError(`it makes a text of ${value.length} characters; at most ${LONGEST} are made`);
    if (Array.isArray(value) && value.length > MOST)
      throw new TemplateLimitError(`it makes a list of ${value.length} entries; at most ${MOST} are made`);
    return result;
  };
  Object.assign(interpreter, { evaluate: counted });
  return interpreter.run(parsed).value as string;
}
