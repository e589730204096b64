import { existsSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { openWeights, readNpy } from "../../src/formats/index.ts";

const shared = process.env.SHOSHIN_DATA ?? "../shared/data";
const data = [shared, "../../shared/data"].find((folder) => existsSync(join(folder, "fixtures_candle")));
if (data === undefined) console.log("published files: skipped, no data (set SHOSHIN_DATA)");

const upTo = (n: number, from = 0) => BigInt64Array.from({ length: n }, (_, i) => BigInt(from + i));

// The values are those that fixtures_candle/SOURCE.txt and torch.load state.
describe.skipIf(data === undefined)("published files", () => {
  const at = (...parts: string[]) => join(data as string, ...parts);
  it.each([
    ["fortran_tensor_3d.pth", "tensor_fortran", [2, 3, 4], upTo(24, 1)],
    ["test.pt", "test", [2, 4], upTo(8, 1)],
    ["test_with_key.pt", "test", [2, 4], upTo(8, 1)],
    ["test.npz", "x_plus_one", [10], upTo(10, 1)],
  ])("%s", (file, name, shape, expected) => {
    using weights = openWeights(at("fixtures_candle", file));
    expect(weights.read(name)).toEqual({ dtype: "I64", shape, data: expected });
  });
  it("test.npy", () => {
    expect(readNpy(at("fixtures_candle", "test.npy"))).toEqual({ dtype: "I64", shape: [10], data: upTo(10) });
  });
  it("a model's folder with pytorch_model.bin", () => {
    using weights = openWeights(at("hf_format_tinypellm"));
    expect(weights.names()).toHaveLength(24);
    expect(weights.info("model.embed_tokens.weight")).toEqual({ dtype: "F32", shape: [3000, 128] });
  });
});
