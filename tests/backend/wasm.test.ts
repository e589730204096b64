import { afterEach, describe, expect, it, vi } from "vitest";
import { door } from "../../src/backend/door-node.ts";
import { BackendError, OutOfMemoryError } from "../../src/backend/errors.ts";
import { KernelBackend } from "../../src/backend/kernels.ts";
import { chooseFile, openWasm } from "../../src/backend/wasm.ts";
import { wasmDoor } from "./doors.ts";

afterEach(() => {
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const EMPTY = new Uint8Array([0, 97, 115, 109, 1, 0, 0, 0]);

describe("the WebAssembly door", () => {
  it("chooses relaxed SIMD and threads where they are, and says when there is no SIMD", () => {
    const validate = vi.spyOn(WebAssembly, "validate");
    validate.mockReturnValue(true);
    expect(chooseFile(door)).toBe("relaxed-simd-threads");
    expect(chooseFile({ ...door, canShare: false })).toBe("relaxed-simd");
    expect(chooseFile({ ...door, env: () => "simd128" })).toBe("simd128-threads");
    validate.mockReturnValue(false);
    expect(() => chooseFile(door)).toThrow(/no WebAssembly SIMD/);
  });

  it("goes on without SIMD on the reference backend, with a warning", async () => {
    vi.resetModules();
    vi.doMock("#door", () => ({
      door: { ...door, loadNative: () => ({ reason: "none" }), warn: (text: string) => warnings.push(text) },
    }));
    const warnings: string[] = [];
    vi.spyOn(WebAssembly, "validate").mockReturnValue(false);
    const { ready } = await import("../../src/backend/index.ts");
    expect((await ready()).name).toBe("reference");
    expect(warnings.join()).toMatch(/no WebAssembly SIMD.*many times slower/s);
    vi.doUnmock("#door");
    vi.resetModules();
  });

  it("refuses a file of another version", () => {
    expect(() => openWasm(new WebAssembly.Module(EMPTY), "simd128", door)).toThrow(/has no abi/);
    // A module that wants something that is not there: (import "env" "other" (func)).
    const importing = new Uint8Array([
      ...EMPTY,
      ...[1, 4, 1, 0x60, 0, 0],
      ...[2, 13, 1, 3, 0x65, 0x6e, 0x76, 5, 0x6f, 0x74, 0x68, 0x65, 0x72, 0, 0],
    ]);
    const opening = () => openWasm(new WebAssembly.Module(importing), "simd128", door);
    expect(opening).toThrow(BackendError);
    expect(opening).toThrow(/cannot be opened/);
  });

  it("takes 2 or 1 GiB where the engine grants no more, ends there with an error, and stays usable", () => {
    const { Memory } = WebAssembly;
    const asked: (number | undefined)[] = [];
    vi.stubGlobal("WebAssembly", {
      ...Object.fromEntries(Object.getOwnPropertyNames(WebAssembly).map((k) => [k, Reflect.get(WebAssembly, k)])),
      Memory: function refuse(options: { initial: number; maximum?: number; shared?: boolean }) {
        asked.push(options.maximum);
        if ((options.maximum ?? 0) > 16384) throw new RangeError("could not allocate memory");
        return new Memory(options);
      },
    });
    const b = new KernelBackend(wasmDoor(false), "wasm");
    expect(asked).toEqual([65536, 32768, 16384]);
    expect(() => b.alloc("float32", 2 ** 28)).toThrow(OutOfMemoryError);
    expect(() => b.alloc("float32", 2 ** 40)).toThrow(OutOfMemoryError);
    // What is given back serves other sizes: far more than 1 GiB passes through.
    for (let round = 0; round < 40; round++) {
      const blocks = [20, 31, 43].map((mb) => b.alloc("float32", (mb + round) * 2 ** 18));
      for (const block of blocks) b.free(block);
    }
    const x = { storage: b.alloc("float32", 4), offset: 0 };
    b.write(x, Float32Array.of(1, 2, 3, 4));
    expect([...b.read(x, 4)]).toEqual([1, 2, 3, 4]);
    expect(b.memory().pooledBytes).toBeLessThan(2 ** 30);
  });

  it("hands out nothing that growth could take away", () => {
    const b = new KernelBackend(wasmDoor(false), "wasm");
    const x = { storage: b.alloc("float32", 4), offset: 0 };
    b.write(x, Float32Array.of(1, 2, 3, 4));
    const before = b.read(x, 4);
    const large = b.alloc("float32", 2 ** 25);
    expect([...before]).toEqual([1, 2, 3, 4]);
    expect([...b.read(x, 4)]).toEqual([1, 2, 3, 4]);
    // The block for long argument lists lies in the same memory.
    const out = { storage: b.alloc("float32", 4), offset: 0 };
    b.binary("add", out, x, x, { sizes: [4], strides: [[1], [1]] });
    expect([...b.read(out, 4)]).toEqual([2, 4, 6, 8]);
    b.free(large);
  });

  it("gives the same bits on one thread, on two, and when no thread ever arrives", () => {
    const make = [
      wasmDoor(false),
      wasmDoor(true),
      wasmDoor(true, { startThread: () => {} }),
      wasmDoor(true, { startThread: (_script, _data, failed) => failed("killed") }),
    ].map((exports) => new KernelBackend(exports, "wasm"));
    const [m, k, n] = [97, 130, 61];
    const results = make.map((b) => {
      b.threads = 2;
      const put = (count: number) => {
        const x = { storage: b.alloc("float32", count), offset: 0 };
        b.write(
          x,
          Float32Array.from({ length: count }, (_, i) => Math.sin(i * 0.37)),
        );
        return x;
      };
      const [a, c, out] = [put(m * k), put(k * n), put(m * n)];
      const size = { batch: 1, m, n, k, lda: k, strideA: 0, ldb: n, strideB: 0, ldc: n, strideC: 0 };
      const how = {
        transA: false,
        transB: false,
        accumulate: false,
        activation: "none",
        precision: "float32",
      } as const;
      for (let round = 0; round < 20; round++) b.gemm(out, a, c, undefined, undefined, { ...size, ...how });
      return b.read(out, m * n);
    });
    for (const other of results.slice(1)) expect(other).toEqual(results[0]);
  });
});
