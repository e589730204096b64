const LAYER = /(?:^|\.)(?:layers?|h|blocks?)\.(\d+)\./;
const EMBEDDINGS = /(?:^|\.)(?:embeddings|embeddings_project|embed_tokens|embed_positions|shared|wte|wpe)\./;

/**
 * What each parameter's learning rate is multiplied by, by its name: 1 for heads and what stands above the layers, `decay` for
 * the last layer, `decay`² for the one before it …, and one power more than the first layer's for embeddings (Howard & Ruder
 * 2018, "discriminative fine-tuning"; as ELECTRA is fine-tuned).
 */
export function layerFactors(names: readonly string[], decay: number): number[] {
  const layers = names.map((name) => LAYER.exec(name)?.[1]);
  const count = Math.max(0, ...layers.map((i) => (i === undefined ? 0 : Number(i) + 1)));
  return names.map((name, k) => {
    const layer = layers[k];
    if (layer !== undefined) return decay ** (count - Number(layer));
    return EMBEDDINGS.test(name) ? decay ** (count + 1) : 1;
  });
}
