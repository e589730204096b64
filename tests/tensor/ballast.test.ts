import { expect, it } from "vitest";
import { door } from "../../src/backend/door-node.ts";

// As in a page, or in Node without the addon: no weak references that tell while a job runs.
Object.assign(door, { loadNative: () => ({ reason: "it is left out here" }), weak: () => undefined });

const { memory, noGrad, OutOfMemoryError, randn, setBackend, zeros } = await import("../../src/index.ts");
const nn = await import("../../src/nn/index.ts");
const turn = () => new Promise((resolve) => setTimeout(resolve));

it("WebAssembly stays flat where the loop yields", { timeout: 60_000 }, async () => {
  setBackend("wasm");
  const net = new nn.Sequential(new nn.Linear(64, 64), new nn.ReLU(), new nn.Linear(64, 4));
  let most = 0;
  let made = 0;
  for (let i = 0; i < 1500; i++) {
    const x = randn([256, 64]);
    net.forward(x).softmax(1);
    noGrad(() => net.forward(x)).mul(2);
    const before = memory().liveBytes;
    zeros([512, 512]);
    made += memory().liveBytes - before;
    most = Math.max(most, memory().liveBytes);
    if (i % 20 === 19) await turn();
  }
  expect(made).toBeGreaterThan(2 ** 30);
  expect(most).toBeLessThan(2 ** 29);
});

it("WebAssembly that cannot give back says what helps", { timeout: 60_000 }, async () => {
  setBackend("wasm");
  const kept: object[] = [];
  const fill = () => {
    for (let i = 0; i < 70; i++) kept.push(zeros([1 << 24]));
  };
  let error: unknown;
  try {
    fill();
  } catch (caught) {
    error = caught;
  }
  expect(error).toBeInstanceOf(OutOfMemoryError);
  expect(String((error as Error).message)).toMatch(/tensors of \d+ MB are live/);
  expect((error as InstanceType<typeof OutOfMemoryError>).hint).toMatch(/await .*once a second/);
  kept.length = 0;
});
