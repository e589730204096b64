import { checkOptions, type Known } from "../backend/options.ts";
import { ShapeError, showShape } from "./shape.ts";
import type { Tensor } from "./tensor.ts";

/** How tensors are printed; names and defaults of PyTorch's `set_printoptions`. */
export interface PrintOptions {
  /** Digits behind the point; 4. */
  precision?: number;
  /** Tensors of more elements are shown by their edges; 1000. */
  threshold?: number;
  /** Elements at each edge; 3. */
  edgeItems?: number;
  /** Characters in a line; 80. */
  lineWidth?: number;
  /** Powers of ten always or never, instead of where sizes ask for them. */
  sciMode?: boolean;
}

const DEFAULTS = {
  precision: 4,
  threshold: 1000,
  edgeItems: 3,
  lineWidth: 80,
  sciMode: undefined as boolean | undefined,
};
const KNOWN: Known<PrintOptions> = {
  precision: true,
  threshold: true,
  edgeItems: true,
  lineWidth: true,
  sciMode: true,
};
let settings = DEFAULTS;

/** Sets how tensors are printed from now on; what is left out goes back to its default. Throws OptionError, ShapeError. */
export function setPrintOptions(options: PrintOptions = {}): void {
  checkOptions("setPrintOptions", options, KNOWN, {
    profile: "Give the settings themselves, for example threshold: Infinity.",
  });
  for (const [name, least] of [
    ["precision", 0],
    ["threshold", 0],
    ["edgeItems", 1],
    ["lineWidth", 1],
  ] as const) {
    const value = options[name];
    if (value === undefined || (name === "threshold" && value === Number.POSITIVE_INFINITY)) continue;
    if (!Number.isInteger(value) || value < least || (name === "precision" && value > 60)) {
      throw new ShapeError(`setPrintOptions: ${name} is ${value}; expected a whole number of at least ${least}`);
    }
  }
  settings = { ...DEFAULTS, ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) };
}

/** Types that need no mention: as in PyTorch, what plain numbers, whole numbers and truth values become. */
const PLAIN = new Set<string>(["float32", "int64", "bool"]);

/**
 * A number with a fixed count of digits as Python and C write it: halves, which a binary number can hit exactly, go to the
 * even digit.
 */
function rounded(value: number, places: number, form: "toFixed" | "toExponential"): string {
  const size = Math.abs(value);
  const [short, power] = size[form](places).split("e");
  const long = size[form](places + 30).split("e");
  // A dot belongs to it where there are places.
  const cut = long[0].indexOf(".") + 1 + places;
  const down = places === 0 ? long[0].slice(0, cut - 1) : long[0].slice(0, cut);
  const tie = /^50*$/.test(long[0].slice(cut)) && "02468".includes(down.at(-1) as string);
  const digits = tie ? down : short;
  const exponent = tie ? long[1] : power;
  const sign = value < 0 || Object.is(value, -0) ? "-" : "";
  if (exponent === undefined) return sign + digits;
  return `${sign}${digits}e${exponent[0]}${exponent.slice(1).padStart(2, "0")}`;
}

const notFinite = (value: number) => (Number.isNaN(value) ? "nan" : value > 0 ? "inf" : "-inf");

interface Format {
  width: number;
  text(value: number): string;
}

/** One format for all values shown, by PyTorch's rules. */
function formatOf(values: readonly number[], dtype: string): Format {
  const { precision, sciMode } = settings;
  let text: (value: number) => string;
  let counted = values;
  if (dtype === "bool") text = (value) => (value ? "true" : "false");
  else if (!dtype.includes("float")) text = String;
  else {
    counted = values.filter((value) => Number.isFinite(value) && value !== 0);
    const sizes = counted.map(Math.abs);
    const [least, most] = [sizes.reduce((a, b) => Math.min(a, b), Infinity), sizes.reduce((a, b) => Math.max(a, b), 0)];
    const whole = counted.every(Number.isInteger);
    const powers = counted.length > 0 && (sciMode ?? (most / least > 1000 || most > 1e8 || least < 1e-4));
    const finite = powers
      ? (value: number) => rounded(value, precision, "toExponential")
      : whole
        ? (value: number) => `${rounded(value, 0, "toFixed")}.`
        : (value: number) => rounded(value, precision, "toFixed");
    text = (value) => (Number.isFinite(value) ? finite(value) : notFinite(value));
  }
  const width = counted.reduce((n, value) => Math.max(n, text(value).length), 1);
  return { width, text: (value) => text(value).padStart(width) };
}

/** Places along a dimension that are shown; −1 stands for those left out. */
function places(size: number, summarized: boolean): number[] {
  const { edgeItems } = settings;
  if (!summarized || size <= 2 * edgeItems) return Array.from({ length: size }, (_, i) => i);
  const edge = Array.from({ length: edgeItems }, (_, i) => i);
  return [...edge, -1, ...edge.map((i) => size - edgeItems + i)];
}

/** The elements shown, in order, read one by one: of a large tensor nothing but its edges is touched. */
function elements(t: Tensor, shown: readonly number[][]): number[] {
  if (t.isContiguous && shown.every((list) => !list.includes(-1)))
    return Array.from(t.backend.read(t, t.numel), Number);
  const { strides, storage, backend } = t;
  const out: number[] = [];
  const visit = (dim: number, offset: number) => {
    if (dim === shown.length) out.push(Number(backend.get({ storage, offset })));
    else for (const i of shown[dim]) if (i >= 0) visit(dim + 1, offset + i * strides[dim]);
  };
  visit(0, t.offset);
  return out;
}

function body(t: Tensor, indent: number, summarized: boolean): string {
  const shown = t.shape.map((size) => places(size, summarized));
  const values = elements(t, shown);
  const { width, text } = formatOf(values, t.dtype);
  let at = 0;
  const row = (list: readonly number[], margin: number) => {
    const parts = list.map((i) => (i < 0 ? " ..." : text(values[at++])));
    const perLine = Math.max(1, Math.floor((settings.lineWidth - margin) / (width + 2)));
    const lines: string[] = [];
    for (let i = 0; i < parts.length; i += perLine) lines.push(parts.slice(i, i + perLine).join(", "));
    return `[${lines.join(`,\n${" ".repeat(margin + 1)}`)}]`;
  };
  const nested = (dim: number, margin: number): string => {
    if (dim === shown.length - 1) return row(shown[dim], margin);
    const parts = shown[dim].map((i) => (i < 0 ? "..." : nested(dim + 1, margin + 1)));
    return `[${parts.join(`,${"\n".repeat(shown.length - dim - 1)}${" ".repeat(margin + 1)}`)}]`;
  };
  return shown.length === 0 ? text(values[0]) : nested(0, indent);
}

/**
 * A tensor as PyTorch prints one: `tensor([[1., 2.]])`, four digits, powers of ten where sizes ask for them, the edges of
 * more than 1000 elements (then with the shape), the dtype unless it is float32 or bool, `requiresGrad`, and `gradFn`, the
 * operation that made it. One whose memory was given back says so.
 */
export function show(t: Tensor): string {
  const prefix = "tensor(";
  const suffixes: string[] = [];
  let text: string;
  if (!t.storage.alive) {
    text = "<freed>";
    suffixes.push(`shape=${showShape(t.shape)}`);
  } else if (t.numel === 0) {
    text = "[]";
    if (t.ndim !== 1) suffixes.push(`shape=${showShape(t.shape)}`);
  } else {
    const summarized = t.numel > settings.threshold;
    text = body(t, prefix.length, summarized);
    if (summarized) suffixes.push(`shape=${showShape(t.shape)}`);
  }
  if (t.numel === 0 ? t.dtype !== "float32" : !PLAIN.has(t.dtype)) suffixes.push(`dtype=${t.dtype}`);
  if (t.node !== undefined) suffixes.push(`gradFn=<${t.node.name}>`);
  else if (t.requiresGrad) suffixes.push("requiresGrad=true");
  let out = prefix + text;
  let last = out.length - out.lastIndexOf("\n") + 1;
  for (const suffix of suffixes) {
    if (last + suffix.length + 2 > settings.lineWidth) {
      out += `,\n${" ".repeat(prefix.length)}${suffix}`;
      last = prefix.length + suffix.length;
    } else {
      out += `, ${suffix}`;
      last += suffix.length + 2;
    }
  }
  return `${out})`;
}
