import { readFileSync } from "node:fs";
import { expect, it } from "vitest";
import { ACTIVATIONS, BINARY_OPS, REDUCE_OPS, UNARY_OPS } from "../../src/backend/codes.ts";
import { ABI, ARITY } from "../../src/backend/exports.ts";
import { CELLS } from "../../src/backend/recurrent.ts";

it("knows every operation by the number of native/kernels.h", () => {
  const header = readFileSync(new URL("../../native/kernels.h", import.meta.url), "utf8");
  const list = (name: string) => {
    const body = new RegExp(`enum ${name} : int \\{([^}]*)\\}`).exec(header)?.[1].replace(/\/\/.*$/gm, "") ?? "";
    return body
      .split(",")
      .map((s) => s.trim().toLowerCase().replace(/^act_/, ""))
      .filter((s) => s !== "" && !s.endsWith("_count"))
      .map((s) => s.replace(/_(.)/g, (_, c) => c.toUpperCase()));
  };
  expect(list("UnaryOp")).toEqual([...UNARY_OPS]);
  expect(list("BinaryOp")).toEqual([...BINARY_OPS]);
  expect(list("ReduceOp")).toEqual([...REDUCE_OPS]);
  expect(list("Activation")).toEqual([...ACTIVATIONS]);
});

it("calls the functions of native/gate.h with as many numbers as they take", () => {
  const header = readFileSync(new URL("../../native/gate.h", import.meta.url), "utf8");
  const exported = header.slice(header.indexOf("#define SHOSHIN_EXPORTS")).matchAll(/X\((\w+), (\d+)\)/g);
  expect(Object.fromEntries([...exported].map(([, name, n]) => [name, Number(n)]))).toEqual(ARITY);
  for (const [name, n] of Object.entries(ARITY)) {
    const declared = new RegExp(`double sh_${name}\\(([^)]*)\\)`).exec(header)?.[1] as string;
    expect([name, declared.trim() === "" ? 0 : declared.split(",").length]).toEqual([name, n]);
  }
  expect(Number(/SHOSHIN_ABI (\d+)/.exec(header)?.[1])).toBe(ABI);
});

it("knows every cell by the number of native/kernels.h", () => {
  const header = readFileSync(new URL("../../native/kernels.h", import.meta.url), "utf8");
  const body = /enum Cell : int \{([^}]*), CELL_COUNT/.exec(header)?.[1] ?? "";
  const names = body.split(",").map((s) =>
    s
      .trim()
      .toLowerCase()
      .replace(/_(.)/g, (_, c) => c.toUpperCase()),
  );
  expect(names).toEqual([...CELLS]);
});
