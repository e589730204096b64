/// <reference lib="esnext.disposable" preserve="true" />
import type { DType, TypedArray } from "../backend/backend.ts";
import { ShoshinError } from "../backend/errors.ts";
import type { Tensor } from "../tensor/tensor.ts";
import { asFloats, type TakeFloats, type TensorData } from "./dtype.ts";

/** Weights could not be found, or the files that hold them do not fit each other. */
export class WeightsError extends ShoshinError {}

/** Named tensors of a file or a folder, read one by one. `using file = openWeights(path)` closes it. */
export interface WeightsFile extends Disposable {
  readonly path: string;
  /** The strings that the file states about itself; empty where the format has none. */
  readonly metadata: Readonly<Record<string, string>>;
  names(): string[];
  has(name: string): boolean;
  /** The type as the file has it (`F32`, `BF16`, in GGUF also `Q8_0` …) and the shape; throws for an unknown name. */
  info(name: string): { dtype: string; shape: readonly number[] };
  /** Reads one tensor into memory of its own, row-major. */
  read(name: string): TensorData;
  /** Gives one tensor's elements as float32, row-major, in pieces through a small buffer: no whole copy is made. */
  readFloats(name: string, take: TakeFloats): void;
  close(): void;
}

const count = (shape: readonly number[]): number => shape.reduce((n, s) => n * s, 1);

/** Reads a tensor's elements as float32 into an array of exactly as many. Throws {@link WeightsError} where it is another number. */
export function readInto(file: WeightsFile, name: string, target: Float32Array): void {
  const { shape } = file.info(name);
  if (count(shape) !== target.length)
    throw new WeightsError(`${file.path}: ${name} is [${shape}], the array has ${target.length} elements`);
  file.readFloats(name, (piece, at) => target.set(piece, at));
}

/** A tensor's elements for one that is not float32, which would not hold every whole number. */
function wholeNumbers(file: WeightsFile, name: string, dtype: DType): TypedArray {
  const read = file.read(name);
  const data = read.dtype.startsWith("F8") ? asFloats(read) : read.data;
  const values = Float64Array.from(data as ArrayLike<number | bigint>, Number);
  if (dtype === "float64") return values;
  const [low, high] = dtype === "int32" ? [-(2 ** 31), 2 ** 31 - 1] : [0, 255];
  const wrong = values.find((v) => !Number.isInteger(v) || v < low || v > high);
  if (wrong !== undefined) throw new WeightsError(`${file.path}: ${name} holds ${wrong}, which is no ${dtype}`);
  return dtype === "int32" ? Int32Array.from(values) : Uint8Array.from(values);
}

/**
 * Reads a tensor's elements into the memory of a contiguous tensor of as many elements, without a copy of the whole on the way;
 * not recorded. Throws {@link WeightsError} where the numbers of elements differ.
 */
export function readIntoTensor(file: WeightsFile, name: string, target: Tensor): void {
  const { shape } = file.info(name);
  if (count(shape) !== target.numel || !target.isContiguous)
    throw new WeightsError(
      `${file.path}: ${name} is [${shape}], to be read into ${target.isContiguous ? "" : "a view with gaps, "}[${target.shape}]`,
    );
  target.storage.check();
  target.storage.version++;
  if (target.dtype !== "float32") {
    target.backend.write(target, wholeNumbers(file, name, target.dtype));
    return;
  }
  file.readFloats(name, (piece, at) =>
    target.backend.write({ storage: target.storage, offset: target.offset + at }, piece),
  );
}
