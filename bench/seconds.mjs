/** Seconds of one call, over enough calls to fill the budget. */
export function seconds(step, budget = 0.15) {
  step();
  let count = 0;
  const start = performance.now();
  for (;;) {
    step();
    count++;
    const spent = (performance.now() - start) / 1000;
    if (spent > budget) return spent / count;
  }
}
