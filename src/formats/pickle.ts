import type { Refuse } from "./bytes.ts";
import type { Cursor } from "./cursor.ts";

/** What a pickle may hold besides what its allow-list builds: dicts are maps, lists and tuples arrays, bytes Uint8Array. */
export type Plain<T> =
  | null
  | boolean
  | number
  | bigint
  | string
  | Uint8Array
  | T
  | Plain<T>[]
  | PlainMap<T>
  | PlainSet<T>;
export interface PlainMap<T> extends Map<Plain<T>, Plain<T>> {}
export interface PlainSet<T> extends Set<Plain<T>> {}

/** What a pickle handles on the way and may not hold in the end. */
export abstract class Unfinished {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

/** A function or class that a pickle may name; `call` is ours, nothing of the file's is ever run. */
export class Callable extends Unfinished {
  readonly call: (args: readonly unknown[]) => unknown;
  constructor(name: string, call: (args: readonly unknown[]) => unknown) {
    super(name);
    this.call = call;
  }
}

/** All that a pickle may name or refer to. */
export interface AllowList {
  /** What `module.name` stands for; undefined is refused. */
  global(name: string): unknown;
  /** What a persistent id stands for. */
  persistent(id: unknown): unknown;
}

/**
 * Limits far beyond any checkpoint, against files that ask for memory without end. Containers, which take the most memory, are
 * counted against the length of the pickle too: Python, which remembers each, spends at least 2 bytes on one.
 */
const LIMITS = { containers: 4_000_000, memo: 10_000_000, stack: 10_000_000, depth: 200, digits: 1024 };
const FREE_CONTAINERS = 100_000;
/** Steps of calls that go through their arguments. */
const FREE_WORK = 20_000_000;
const WORK_PER_BYTE = 50;
const BYTES_PER_CONTAINER = 2;

const whole = (value: bigint): number | bigint => (Number.isSafeInteger(Number(value)) ? Number(value) : value);
function longOf(bytes: Uint8Array): number | bigint {
  if (bytes.length === 0) return 0;
  let hex = "";
  for (let i = bytes.length - 1; i >= 0; i--) hex += bytes[i].toString(16).padStart(2, "0");
  return whole(BigInt.asIntN(8 * bytes.length, BigInt(`0x${hex}`)));
}

/**
 * Runs a pickle (protocols 0 to 5) that may build plain values and what the allow-list gives, from the cursor to its STOP.
 * Calls `refuse` for anything else: other globals by name, unknown opcodes, structures that contain themselves or are nested
 * over 200 deep, too many objects.
 */
export function unpickle(cursor: Cursor, allow: AllowList, refuse: Refuse): unknown {
  return new Machine(cursor, allow, refuse).run();
}

/** Steps that it takes to go through a value. */
function size(value: unknown): number {
  if (typeof value === "string" || value instanceof Uint8Array || Array.isArray(value)) return value.length;
  return value instanceof Map || value instanceof Set ? value.size : 0;
}

class Machine {
  readonly #cursor: Cursor;
  readonly #allow: AllowList;
  readonly #refuse: Refuse;
  #stack: unknown[] = [];
  readonly #outer: unknown[][] = [];
  readonly #memo = new Map<number, unknown>();
  #containers = 0;
  #work = 0;
  readonly #start: number;

  constructor(cursor: Cursor, allow: AllowList, refuse: Refuse) {
    this.#cursor = cursor;
    this.#allow = allow;
    this.#refuse = refuse;
    this.#start = cursor.position;
  }

  run(): unknown {
    for (;;) {
      const at = this.#cursor.position;
      const op = String.fromCharCode(this.#cursor.byte());
      if (op === ".") break;
      const step = STEPS[op];
      if (step === undefined)
        this.#refuse(`the pickle has the opcode ${JSON.stringify(op)} at byte ${at}, which is not allowed`);
      else step(this, this.#cursor);
    }
    const value = this.pop();
    this.#check(value);
    return value;
  }

  refuse(what: string): never {
    return this.#refuse(what);
  }
  push(value: unknown): void {
    if (this.#stack.length >= LIMITS.stack) this.#refuse("the pickle stacks up too many values");
    this.#stack.push(value);
  }
  #charge(containers: number): void {
    this.#containers += containers;
    const read = this.#cursor.position - this.#start;
    const most = Math.min(LIMITS.containers, FREE_CONTAINERS + read / BYTES_PER_CONTAINER);
    if (this.#containers > most) this.#refuse(`the pickle makes over ${Math.floor(most)} objects in ${read} bytes`);
  }
  /** Pushes a new container. */
  make(value: unknown): void {
    this.#charge(1);
    this.push(value);
  }
  pop(): unknown {
    if (this.#stack.length === 0) return this.#refuse("the pickle takes a value where there is none");
    return this.#stack.pop();
  }
  top(): unknown {
    const value = this.pop();
    this.#stack.push(value);
    return value;
  }
  mark(): void {
    if (this.#outer.length >= LIMITS.stack) this.#refuse("the pickle stacks up too many marks");
    this.#outer.push(this.#stack);
    this.#stack = [];
  }
  popMark(): unknown[] {
    const values = this.#stack;
    this.#stack = this.#outer.pop() ?? this.#refuse("the pickle ends a group that was not begun");
    return values;
  }
  /** The last n values as a tuple. */
  tuple(n: number): void {
    if (this.#stack.length < n) this.#refuse("the pickle takes a value where there is none");
    this.make(this.#stack.splice(this.#stack.length - n, n));
  }
  put(key: number): void {
    if (this.#memo.size >= LIMITS.memo) this.#refuse(`the pickle remembers over ${LIMITS.memo} values`);
    this.#memo.set(key, this.top());
  }
  get(key: number): void {
    if (!this.#memo.has(key)) this.#refuse(`the pickle recalls value ${key}, which it has not stored`);
    this.push(this.#memo.get(key));
  }
  memoize(): void {
    this.put(this.#memo.size);
  }
  append(values: unknown[]): void {
    const list = this.top();
    if (!Array.isArray(list)) this.#refuse("the pickle appends to what is no list");
    for (const value of values) list.push(value);
  }
  setItems(values: unknown[]): void {
    const map = this.top();
    if (!(map instanceof Map) || values.length % 2 !== 0) this.#refuse("the pickle sets items of what is no dict");
    for (let i = 0; i < values.length; i += 2) map.set(values[i], values[i + 1]);
  }
  addItems(values: unknown[]): void {
    const set = this.top();
    if (!(set instanceof Set)) this.#refuse("the pickle adds items to what is no set");
    for (const value of values) set.add(value);
  }
  global(module: unknown, name: unknown): void {
    if (typeof module !== "string" || typeof name !== "string") this.#refuse("the pickle names what is no name");
    const full = `${module}.${name}`.slice(0, 200);
    const value = this.#allow.global(full);
    if (value === undefined) this.#refuse(`the pickle names ${full}, which is not allowed; nothing of it has been run`);
    this.push(value);
  }
  reduce(): void {
    const args = this.pop();
    const callable = this.pop();
    if (!(callable instanceof Callable) || !Array.isArray(args)) this.#refuse("the pickle calls what is no function");
    // A short call can go through a long list, and copy it, again and again.
    for (const arg of args) this.#work += size(arg);
    const most = FREE_WORK + WORK_PER_BYTE * (this.#cursor.position - this.#start);
    if (this.#work > most) this.#refuse("the pickle goes through long lists again and again");
    const value = callable.call(args);
    this.#charge(value instanceof Uint8Array ? value.length >> 4 : size(value));
    this.make(value);
  }
  /** Attributes of an OrderedDict (`_metadata` of state dicts) are dropped; other objects take none. */
  build(): void {
    this.pop();
    if (!(this.top() instanceof Map)) this.#refuse("the pickle sets attributes of what is no OrderedDict");
  }
  persistent(id: unknown): void {
    this.push(this.#allow.persistent(id));
  }

  /** That the structure is a tree or shares parts, without cycles, and not too deep; in a loop, as depth is what is checked. */
  #check(root: unknown): void {
    const parts = (value: unknown): unknown[] | undefined => {
      if (Array.isArray(value)) return value;
      if (value instanceof Set) return [...value];
      if (value instanceof Map) return [...value.keys(), ...value.values()];
      if (value instanceof Unfinished) this.#refuse(`the pickle holds ${value.name} as a value`);
      return undefined;
    };
    /** Levels below a container; 0 while it is being looked at. */
    const height = new Map<unknown, number>();
    const open: { value: unknown; parts: unknown[]; next: number; height: number }[] = [];
    const enter = (value: unknown): number => {
      const known = height.get(value);
      if (known === 0) this.#refuse("the pickle holds a structure that contains itself");
      if (known !== undefined) return known;
      const list = parts(value);
      if (list === undefined) return 0;
      if (open.length >= LIMITS.depth) this.#refuse(`the pickle is nested over ${LIMITS.depth} deep`);
      height.set(value, 0);
      open.push({ value, parts: list, next: 0, height: 1 });
      return 0;
    };
    enter(root);
    while (open.length > 0) {
      const frame = open[open.length - 1];
      if (frame.next < frame.parts.length) {
        frame.height = Math.max(frame.height, 1 + enter(frame.parts[frame.next++]));
        continue;
      }
      if (open.length + frame.height > LIMITS.depth + 1) this.#refuse(`the pickle is nested over ${LIMITS.depth} deep`);
      height.set(frame.value, frame.height);
      open.pop();
      if (open.length > 0) open[open.length - 1].height = Math.max(open[open.length - 1].height, 1 + frame.height);
    }
  }
}

const decoder = new TextDecoder();
const text = (c: Cursor, n: number): string => decoder.decode(c.take(n));
const digits = (m: Machine, c: Cursor, n: number): number | bigint =>
  n > LIMITS.digits ? m.refuse("the pickle holds a number of over 1024 bytes") : longOf(c.take(n));
function decimal(m: Machine, line: string): number | bigint {
  return /^[+-]?\d+L?$/.test(line)
    ? whole(BigInt(line.replace("L", "")))
    : m.refuse("the pickle holds a damaged number");
}

/** What each opcode does (Python's Lib/pickle.py); those that make instances of classes are left out. */
const STEPS: Readonly<Record<string, (m: Machine, c: Cursor) => void>> = {
  "\x80": (m, c) => c.byte() > 5 && m.refuse("a pickle protocol above 5"),
  "\x95": (_m, c) => void c.take(8),
  "(": (m) => m.mark(),
  "0": (m) => void m.pop(),
  "1": (m) => void m.popMark(),
  "2": (m) => m.push(m.top()),
  N: (m) => m.push(null),
  "\x88": (m) => m.push(true),
  "\x89": (m) => m.push(false),
  I: (m, c) => {
    const line = c.line();
    m.push(line === "01" ? true : line === "00" ? false : decimal(m, line));
  },
  L: (m, c) => m.push(decimal(m, c.line())),
  F: (m, c) => {
    const line = c.line();
    const value = line.trim() === "" ? Number.NaN : Number(line);
    m.push(Number.isNaN(value) && line !== "nan" ? m.refuse("the pickle holds a damaged number") : value);
  },
  J: (m, c) => m.push(c.view(4).getInt32(0, true)),
  K: (m, c) => m.push(c.byte()),
  M: (m, c) => m.push(c.view(2).getUint16(0, true)),
  G: (m, c) => m.push(c.view(8).getFloat64(0)),
  "\x8a": (m, c) => m.push(digits(m, c, c.byte())),
  "\x8b": (m, c) => m.push(digits(m, c, c.uint32())),
  U: (m, c) => m.push(text(c, c.byte())),
  T: (m, c) => m.push(text(c, c.uint32())),
  X: (m, c) => m.push(text(c, c.uint32())),
  "\x8c": (m, c) => m.push(text(c, c.byte())),
  "\x8d": (m, c) => m.push(text(c, c.long())),
  C: (m, c) => m.push(c.take(c.byte()).slice()),
  B: (m, c) => m.push(c.take(c.uint32()).slice()),
  "\x8e": (m, c) => m.push(c.take(c.long()).slice()),
  "\x96": (m, c) => m.push(c.take(c.long()).slice()),
  ")": (m) => m.make([]),
  "]": (m) => m.make([]),
  "}": (m) => m.make(new Map()),
  "\x8f": (m) => m.make(new Set()),
  t: (m) => m.make(m.popMark()),
  l: (m) => m.make(m.popMark()),
  d: (m) => {
    const values = m.popMark();
    m.make(new Map());
    m.setItems(values);
  },
  "\x91": (m) => m.make(new Set(m.popMark())),
  "\x85": (m) => m.tuple(1),
  "\x86": (m) => m.tuple(2),
  "\x87": (m) => m.tuple(3),
  a: (m) => m.append([m.pop()]),
  e: (m) => m.append(m.popMark()),
  s: (m) => {
    const value = m.pop();
    m.setItems([m.pop(), value]);
  },
  u: (m) => m.setItems(m.popMark()),
  "\x90": (m) => m.addItems(m.popMark()),
  p: (m, c) => m.put(Number(decimal(m, c.line()))),
  q: (m, c) => m.put(c.byte()),
  r: (m, c) => m.put(c.uint32()),
  "\x94": (m) => m.memoize(),
  g: (m, c) => m.get(Number(decimal(m, c.line()))),
  h: (m, c) => m.get(c.byte()),
  j: (m, c) => m.get(c.uint32()),
  c: (m, c) => m.global(c.line(), c.line()),
  "\x93": (m) => {
    const name = m.pop();
    m.global(m.pop(), name);
  },
  R: (m) => m.reduce(),
  "\x81": (m) => m.reduce(),
  b: (m) => m.build(),
  Q: (m) => m.persistent(m.pop()),
};
