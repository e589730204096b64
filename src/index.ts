export type { BackendName, DType, Precision, TypedArray } from "./backend/backend.ts";
export { BackendError, OutOfMemoryError, ShoshinError, UseAfterFreeError } from "./backend/errors.ts";
export { backend, getPrecision, type ReadyOptions, ready, setBackend, setPrecision } from "./backend/index.ts";
export { OptionError } from "./backend/options.ts";
export * from "./ops/index.ts";
export * from "./tensor/index.ts";
