import { expect, it } from "vitest";
import { door } from "../../src/backend/door-browser.ts";
import { backend, ready } from "../../src/index.ts";

declare const location: { href: string };
const env = (import.meta as unknown as { env: Record<string, string> }).env;

it("runs on the kernels that fit this page", () => {
  const isolated = env.SHOSHIN_ISOLATED === "1";
  expect((globalThis as { crossOriginIsolated?: boolean }).crossOriginIsolated).toBe(isolated);
  expect(backend().name).toBe("wasm");
  // An engine that lacks relaxed SIMD takes the plain one; Chromium has it.
  expect(["simd128", "relaxed-simd"]).toContain(backend().instructionSet);
  if (env.SHOSHIN_BROWSER !== "firefox") expect(backend().instructionSet).toBe("relaxed-simd");
  expect(backend().threads > 1).toBe(isolated);
});

it("ready refuses what it does not know, and an address that comes too late", async () => {
  await expect(ready({ kernel: "/x" } as never)).rejects.toMatchObject({ hint: expect.stringMatching(/kernels/) });
  await expect(ready({ kernels: "/elsewhere" })).rejects.toThrow(/loaded already/);
  expect(await ready()).toBe(backend());
});

it("kernels come from the address that is named", async () => {
  for (const address of ["/assets/wasm", "../assets/wasm/", new URL("/assets/wasm", location.href)]) {
    door.useKernels(address);
    expect([...(await door.fetchWasm("simd128")).subarray(0, 4)]).toEqual([0, 97, 115, 109]);
  }
  door.useKernels("/nowhere/");
  await expect(door.fetchWasm("simd128")).rejects.toThrow();
});
