// npm run bench -- NAME… [--json]: ours and the peers in alternation, in one run, after one round for all that is not counted; medians, ratios and shares of the peak.
import { parseArgs } from "node:util";
import { CASES } from "./cases.mjs";
import { Peers } from "./peers.mjs";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: { json: { type: "boolean" }, rounds: { type: "string", default: "5" } },
});
const names = positionals.length > 0 ? positionals : Object.keys(CASES);
const unknown = names.filter((name) => !(name in CASES));
if (unknown.length > 0) {
  console.error(`error: no benchmark ${unknown.join(", ")}\nhint: there are ${Object.keys(CASES).join(", ")}`);
  process.exit(2);
}
const median = (list) => [...list].sort((a, b) => a - b)[Math.floor(list.length / 2)];
const rounds = Number(values.rounds);
const peers = await Peers.start();
for (const line of peers.notes) console.error(line);

for (const name of names) {
  for (const bench of await CASES[name]()) {
    const ours = [];
    const shares = [];
    const list = [...(bench.peers ?? peers.list), ...(bench.morePeers ?? [])];
    const theirs = list.map(() => []);
    // The first round only warms: compilers that work beside the first second take part of its two cores.
    for (let round = -1; round < rounds; round++) {
      const limit = bench.limit?.();
      const value = bench.run();
      if (round >= 0) ours.push(value);
      if (round >= 0 && limit !== undefined) shares.push(bench.share(value, limit));
      if (bench.peer) {
        for (const [i, peer] of list.entries()) {
          const time = await peer.ask(bench.peer);
          if (round >= 0) theirs[i].push(time);
        }
        // OpenMP's threads spin for a while after their last work and would slow the next measurement.
        await new Promise((resolve) => setTimeout(resolve, 400));
      }
    }
    bench.end?.();
    const times = theirs.map((list) => (list.length > 0 ? median(list) : Number.NaN)).filter(Number.isFinite);
    const better = bench.higherIsBetter ? (a, b) => Math.max(a, b) : (a, b) => Math.min(a, b);
    const result = {
      case: bench.name,
      ours: { median: median(ours), unit: bench.unit },
      peers: list.flatMap((peer, i) =>
        theirs[i].length > 0 ? [{ name: peer.name, version: peer.version, median: median(theirs[i]) }] : [],
      ),
      ratio:
        times.length > 0
          ? bench.higherIsBetter
            ? median(ours) / times.reduce(better)
            : times.reduce(better) / median(ours)
          : undefined,
      peakShare: shares.length > 0 ? median(shares) : undefined,
      ...bench.facts?.(),
    };
    if (values.json) console.log(JSON.stringify(result));
    else {
      const show = (x) => (x >= 100 ? x.toFixed(0) : x.toPrecision(3));
      const parts = [`${bench.name.padEnd(26)} ${show(result.ours.median).padStart(7)} ${bench.unit.padEnd(9)}`];
      if (result.peakShare !== undefined) parts.push(`${(100 * result.peakShare).toFixed(1)} % of the limit`);
      for (const p of result.peers) parts.push(`${p.name} ${show(p.median)}`);
      if (result.ratio !== undefined) parts.push(`${result.ratio.toFixed(2)} × the best peer`);
      for (const [key, value] of Object.entries(bench.facts?.() ?? {})) parts.push(`${key} ${value}`);
      console.log(parts.join("  "));
    }
  }
}
peers.end();
