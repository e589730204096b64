import { expect, it } from "vitest";
import { backend } from "../../src/index.ts";

it("runs on the kernels that fit this page", () => {
  const isolated = (import.meta as { env?: Record<string, string> }).env?.SHOSHIN_ISOLATED === "1";
  expect((globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated).toBe(isolated);
  expect(backend().name).toBe("wasm");
  expect(backend().instructionSet).toBe("relaxed-simd");
  expect(backend().threads > 1).toBe(isolated);
});
