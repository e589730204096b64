/** Objects that look like options and are none, and why. */
export const NO_DOORS: Readonly<Record<string, string>> = {
  "formats.TorchTensor": "the storage and the view that an unpickler has found in a file",
  "formats.ggufTokenizerValues": "a tokenizer.json",
  "hub.HubError": "an error's cause, as Error takes it",
  "tasks.downloads": "reads what it needs of any task's options",
  "train.makeOptimizer": "settings that resolveArguments has checked and completed",
  "train.RunFolder#goOn": "what RunFolder#differences checks, or a text, as before",
  "train.RunFolder#finish": "what RunFolder#differences checks, or a text, as before",
  "train.Trainer#addCallback":
    "a hook: names that nothing calls are refused in its own words (tests/train/hooks.test.ts)",
  "train.Trainer#popCallback": "a hook that is there",
  "train.Trainer#removeCallback": "a hook that is there",
  "page.ModelWorker#train": "the task that the worker trains answers",
  "page.ModelWorker#predict": "the task of the worker's model answers",
  "page.ModelWorker#evaluate": "the task of the worker's model answers",
  "page.ModelWorker#generate": "the worker's model answers",
  "page.ModelWorker#chat": "the worker's model answers",
};
