import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { noGrad, tensor } from "../../src/index.ts";
import { generate, llamaFromLlama2c } from "../../src/models/index.ts";
import { temporaryFolder } from "../folder.ts";

const folder = temporaryFolder();

/** A file of llama2.c whose weights are waves. */
function write(name: string, [dim, hidden, layers, heads, kvHeads, vocab, length]: number[]): string {
  const head = dim / heads;
  const sizes = [dim * Math.abs(vocab), layers * dim, layers * dim * dim, layers * dim * kvHeads * head];
  const rest = [
    layers * dim * kvHeads * head,
    layers * dim * dim,
    layers * dim,
    ...Array(3).fill(layers * dim * hidden),
  ];
  const all = [...sizes, ...rest, dim, (length * head) / 2, (length * head) / 2, ...(vocab < 0 ? [dim * -vocab] : [])];
  const floats = all.flatMap((n, k) => Array.from({ length: n }, (_, i) => Math.cos(0.7 * i + k) * 0.3));
  const bytes = Buffer.concat([
    Buffer.from(Int32Array.of(dim, hidden, layers, heads, kvHeads, vocab, length).buffer),
    Buffer.from(Float32Array.from(floats).buffer),
  ]);
  const path = join(folder, name);
  writeFileSync(path, bytes);
  return path;
}

describe("llama2.c's files", () => {
  const sizes = [8, 12, 2, 4, 2, -11, 6];
  const path = write("own.bin", sizes);
  it("give a model with an output layer of its own or the shared one", () => {
    const model = llamaFromLlama2c(path);
    expect(model.config).toMatchObject({ hiddenSize: 8, numKeyValueHeads: 2, vocabSize: 11, tieWordEmbeddings: false });
    expect(model.lm_head.weight).not.toBe(model.model.embed_tokens.weight);
    const shared = llamaFromLlama2c(write("shared.bin", [...sizes.slice(0, 5), 11, 6]));
    expect(shared.lm_head.weight).toBe(shared.model.embed_tokens.weight);
    const logits = noGrad(() => shared.forward({ inputIds: tensor(Int32Array.of(1, 5, 2), [1, 3]) }).logits.data());
    expect([...logits].every(Number.isFinite)).toBe(true);
  });
  it("are refused when damaged, cut off or of another kind, whatever their bytes", () => {
    const whole = readFileSync(path);
    const odd = join(folder, "odd.bin");
    const attempt = (bytes: Uint8Array) => {
      writeFileSync(odd, bytes);
      return () => llamaFromLlama2c(odd);
    };
    expect(attempt(whole.subarray(0, 20))).toThrow(/20 bytes; a model of llama2.c has a header of 28/);
    expect(attempt(whole.subarray(0, whole.length - 4))).toThrow(/asks for \d+ bytes, the file has/);
    expect(attempt(Buffer.concat([whole, Buffer.alloc(4)]))).toThrow(/asks for/);
    fc.assert(
      fc.property(fc.uint8Array({ minLength: 0, maxLength: 80 }), (bytes) => {
        expect(attempt(bytes)).toThrow(/header/);
      }),
    );
  });
});

/*
stories = transformers.LlamaForCausalLM of the same weights, each head's rows of wq and wk split into even and odd ones:
m.generate(torch.tensor([[1]]), max_new_tokens=100, do_sample=False, eos_token_id=None)[0, 1:41]; logits[0, -1, :8] after [1, 403, 407, 261]
*/
const DATA = process.env.SHOSHIN_DATA ?? join(import.meta.dirname, "../../../shared/data");
const MODEL = join(DATA, "pretrained_llama2c_aidreams260K/aidreams260K.bin");
describe.skipIf(!existsSync(MODEL))(`the model of 260,000 parameters (skipped without ${MODEL})`, () => {
  it("writes what Transformers writes with the same weights", () => {
    const model = llamaFromLlama2c(MODEL);
    const written = generate(model, [[1]], { temperature: 0, maxNewTokens: 40 })[0];
    expect(written).toEqual([
      319, 459, 355, 260, 275, 429, 339, 315, 374, 327, 446, 262, 421, 392, 275, 280, 269, 440, 270, 283, 446, 299, 303,
      266, 358, 430, 312, 379, 441, 260, 446, 262, 421, 392, 275, 280, 269, 440, 270, 283,
    ]);
    const { logits } = noGrad(() => model.forward({ inputIds: tensor(Int32Array.of(1, 403, 407, 261), [1, 4]) }));
    const want = [-3.7402143, -1.0169849, -1.9075598, -3.9392159, -3.8031654, -3.89182, -3.8921039, -3.8465967];
    const got = logits.select(1, 3).data();
    for (const [i, w] of want.entries()) expect(Math.abs(got[i] - w)).toBeLessThan(2e-5);
  });
});
