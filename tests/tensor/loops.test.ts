import { expect, it } from "vitest";
import { memory, setBackend } from "../../src/index.ts";
import { LOOPS } from "./loops.ts";

const TURNS = 20_000;
const MB = 2 ** 20;

function use(): boolean {
  try {
    setBackend("native");
    return true;
  } catch {
    return false;
  }
}
/** What the process takes beside JavaScript's own heap, which grows and shrinks as it likes; a page does not say. */
function rss(): number {
  if (typeof process === "undefined" || !("memoryUsage" in process)) return 0;
  const { rss, heapTotal } = process.memoryUsage();
  return rss - heapTotal;
}

it.skipIf(!use()).each(LOOPS)(
  `%s: flat over ${TURNS} turns that never yield`,
  { timeout: 120_000 },
  async (_name, make) => {
    const turn = make();
    let before = { live: 0, tensors: 0, rss: 0 };
    let most = 0;
    for (let i = 0; i < TURNS; i++) {
      // Only where the loop itself awaits, and then a promise that is fulfilled: never a turn of the event loop.
      const result = turn(i);
      if (result !== undefined) await result;
      if (i === TURNS / 4) before = { live: memory().liveBytes, tensors: memory().liveTensors, rss: rss() };
      if (i % 100 === 0) most = Math.max(most, memory().liveBytes);
    }
    const after = memory();
    expect(most).toBeLessThan(32 * MB);
    expect(after.liveBytes - before.live).toBeLessThan(20 * MB);
    expect(after.liveTensors - before.tensors).toBeLessThan(20_000);
    expect(rss() - before.rss).toBeLessThan(32 * MB);
  },
);
