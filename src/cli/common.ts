import { backend, setBackend, setPrecision } from "../backend/index.ts";
import { flag, oneOf, type Values, whole } from "../options/index.ts";
import { ARGUMENTS } from "../train/arguments/table.ts";

/** Options that every command takes. */
export const COMMON = {
  backend: oneOf(["native", "wasm", "reference"], { argument: "name", help: "where to compute" }),
  threads: whole({ from: 1, to: 256, help: "threads of the kernels" }),
  precision: ARGUMENTS.precision,
  json: flag({ help: "print one JSON object on stdout; progress goes to stderr" }),
  quiet: ARGUMENTS.quiet,
  debug: flag({ help: "stack traces of errors" }),
};
export type CommonOptions = Values<typeof COMMON>;

/** Backend, threads and precision are the process's: what the command does holds to them. */
export function applyCommon({ backend: name, threads, precision }: CommonOptions): void {
  if (name !== undefined) setBackend(name);
  if (threads !== undefined) backend().threads = threads;
  if (precision !== undefined) setPrecision(precision);
}
