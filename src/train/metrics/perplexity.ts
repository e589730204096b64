import { defineMetric } from "./metric.ts";

/** $e^{loss}$ of a mean loss per token in nats. */
export const perplexity = (loss: number): number => Math.exp(loss);

/** Per word, or what else the units are; else per token. */
export const perplexityOf = defineMetric({
  name: "perplexity",
  kind: "tokens",
  lower: true,
  compute: ({ total, tokens, units }) => Math.exp(total / (units ?? tokens)),
});
/** How many were measured. */
export const tokenCount = defineMetric({ name: "tokens", kind: "tokens", compute: ({ tokens }) => tokens });

/** Where perplexity itself is per something else. */
export const tokenPerplexity = defineMetric({
  name: "tokenPerplexity",
  kind: "tokens",
  lower: true,
  compute: ({ total, tokens, units }) => (units === undefined ? undefined : Math.exp(total / tokens)),
});
export const bitsPerCharacter = defineMetric({
  name: "bitsPerCharacter",
  kind: "tokens",
  lower: true,
  compute: ({ total, characters }) => (characters === undefined ? undefined : total / Math.LN2 / characters),
});
