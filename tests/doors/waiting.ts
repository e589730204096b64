/** Doors that other tests hold to the same, or that are not done yet: a pattern of their names. To be emptied. */
export const PENDING: readonly RegExp[] = [
  /^(nn|optim|train)\./,
  /\.fromPretrained$/,
  /^models\.(AutoModels#load|PreTrainedModel#)/,
  // What a model is given to compute with, and options of models that are parts of others.
  /^models\.\w+#(forward|encode)$/,
  /^models\.(Bert|Roberta)Model$/,
  // Creation and operations.
  /^(tensor|full|empty|eye|arange|linspace|randint|zeros|ones|rand|randn|variance|crossEntropy|embeddingBag)$/,
  /^formats\.PyTorchFile\.open$/,
];

/** Objects that look like options and are none, and why. */
export const NO_DOORS: Readonly<Record<string, string>> = {
  "formats.ggufTokenizerValues": "a tokenizer.json",
  "hub.HubError": "an error's cause, as Error takes it",
  "tasks.downloads": "reads what it needs of any task's options",
  "page.ModelWorker#train": "the task that the worker trains answers",
};
