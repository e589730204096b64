/** What may be given for a name that does nothing here, and what to do instead of anything else. */
type Elsewhere = readonly [harmless: readonly unknown[], instead: string];

const DEVICES = "Training here is in one process on one machine: leave it out.";
const HUB = "Nothing is uploaded from here: write the folder with outputDir, then use Hugging Face's own tools.";
const TORCH = "It is about how PyTorch computes: leave it out.";
const LOADING = "Batches are made in this thread; for other threads give a WorkerDataset as trainDataset.";
const LOGS = "The curve is log.jsonl in outputDir, and TensorBoard's event file beside it.";
const HALF = "fp16 is not done here. bf16: true does its work, and needs no loss scaling.";
const EVALUATION = "Evaluate with your own function: the option evaluate of Trainer.";

/**
 * The names of Transformers' TrainingArguments (5.24, in camelCase) that `Trainer` does not know: their defaults there are
 * accepted, for nothing has to be done then, and every other value is refused with what to do.
 */
export const ELSEWHERE: Readonly<Record<string, Elsewhere>> = {
  optimArgs: [[null], "Give momentum, nesterov, adamBeta1, adamBeta2, adamEpsilon."],
  optimTargetModules: [[null], "It is of GaLore, which is not done here; for few parameters use LoRA (PeftModel)."],
  averageTokensAcrossDevices: [[true, false], DEVICES],
  fp16: [[false], HALF],
  fp16FullEval: [[false], HALF],
  fp16OptLevel: [[null, "O1"], HALF],
  fp16Backend: [["auto"], HALF],
  halfPrecisionBackend: [["auto"], HALF],
  bf16FullEval: [[false], "precision: 'bf16' holds in training and evaluation."],
  tf32: [[null], "It is of NVIDIA's cards. bf16: true is faster here too."],
  activationCheckpointing: [[null, false], "Here it is called gradientCheckpointing."],
  activationCheckpointingKwargs: [[null], "gradientCheckpointing has no settings."],
  gradientCheckpointingKwargs: [[null], "gradientCheckpointing has no settings."],
  torchCompile: [[false, null], TORCH],
  torchCompileBackend: [[null], TORCH],
  torchCompileMode: [[null], TORCH],
  torchEmptyCacheSteps: [[null], TORCH],
  tpuNumCores: [[null], DEVICES],
  useLigerKernel: [[false], "The kernels here are fused already: leave it out."],
  ligerKernelConfig: [[null], "The kernels here are fused already: leave it out."],
  useCache: [[false], "Training keeps no cache of keys and values: leave it out."],
  neftuneNoiseAlpha: [[null], "Noise on embeddings is not done here: add it in the model's forward."],
  autoFindBatchSize: [[false], "Try a perDeviceTrainBatchSize, and gradientAccumulationSteps for more."],
  logOnEachNode: [[true, false], DEVICES],
  loggingNanInfFilter: [[true, false], "A loss that is no number ends the training here: leave it out."],
  loggingDir: [[null], LOGS],
  includeNumInputTokensSeen: [["no", false], LOGS],
  logLevel: [["passive"], "quiet: true turns the progress off."],
  logLevelReplica: [["warning"], DEVICES],
  reportTo: [["none", "tensorboard", null], LOGS],
  runName: [[null], "A run's name is its folder: outputDir."],
  project: [["huggingface", null], LOGS],
  trackioSpaceId: [[null], LOGS],
  trackioBucketId: [[null], LOGS],
  trackioStaticSpaceId: [[null], LOGS],
  evalDelay: [[0], EVALUATION],
  evalOnStart: [[false], "await trainer.evaluate() before train()."],
  predictionLossOnly: [[false], "Leave computeMetrics out."],
  evalDoConcatBatches: [[true], EVALUATION],
  evalUseGatherObject: [[false], DEVICES],
  evalAccumulationSteps: [[null], EVALUATION],
  includeForMetrics: [[[], null], EVALUATION],
  includeInputsForMetrics: [[false], EVALUATION],
  batchEvalMetrics: [[false], EVALUATION],
  saveOnlyModel: [[false], "A checkpoint holds what a resume needs; model.save… writes weights alone."],
  saveSafetensors: [[true], "Weights are always safetensors."],
  saveOnEachNode: [[false], DEVICES],
  enableJitCheckpoint: [[false], "saveSteps writes checkpoints; a run that is killed goes on from the newest."],
  pushToHub: [[false], HUB],
  hubToken: [[null], HUB],
  hubPrivateRepo: [[null, false], HUB],
  hubModelId: [[null], HUB],
  hubStrategy: [["every_save"], HUB],
  hubAlwaysPush: [[false], HUB],
  hubRevision: [[null], HUB],
  ignoreDataSkip: [[false], "A resume goes on at the very batch where it was."],
  resumeFromCheckpoint: [
    [null, false],
    "Give resume: true; it goes on from the newest sound checkpoint in outputDir. Trainer itself takes it.",
  ],
  restoreCallbackStatesFromCheckpoint: [
    [true, false],
    "What hooks remember (stateDict) is restored always: leave it out.",
  ],
  fullDeterminism: [[true, false], "Results have the same bits every time already."],
  useCpu: [[true, false], "Training is on the CPU always."],
  noCuda: [[true, false], "Training is on the CPU always."],
  jitModeEval: [[false], TORCH],
  acceleratorConfig: [[null], DEVICES],
  parallelismConfig: [[null], DEVICES],
  dataloaderDropLast: [
    [false],
    "The last, smaller batch counts as its examples do; take a part of the data set instead.",
  ],
  dataloaderNumWorkers: [[0], LOADING],
  dataloaderPinMemory: [[true, false], LOADING],
  dataloaderPersistentWorkers: [[false], LOADING],
  dataloaderPrefetchFactor: [[null], LOADING],
  dataloaderMultiprocessingContext: [[null], LOADING],
  dataloaderInOrder: [[true], LOADING],
  removeUnusedColumns: [[true, false], "collate decides what a batch holds."],
  labelNames: [[null, ["labels"]], "Labels are called labels (or y, beside x)."],
  lengthColumnName: [["length"], "Give lengths to Trainer."],
  localRank: [[-1, 0], DEVICES],
  ddpFindUnusedParameters: [[null], DEVICES],
  ddpBucketCapMb: [[null], DEVICES],
  ddpBroadcastBuffers: [[null], DEVICES],
  ddpStaticGraph: [[null], DEVICES],
  ddpBackend: [[null], DEVICES],
  ddpTimeout: [[1800], DEVICES],
  fsdp: [[null, ""], DEVICES],
  fsdpConfig: [[null], DEVICES],
  deepspeed: [[null], DEVICES],
  debug: [[""], "Leave it out."],
  skipMemoryMetrics: [[true], "Leave it out."],
  doTrain: [[true, false], "train() trains."],
  doEval: [[true, false], "Held-out data is measured where it is given (evalDataset, evaluate)."],
  doPredict: [[false], "await trainer.predict(dataset)"],
  perGpuTrainBatchSize: [[null], "Give perDeviceTrainBatchSize."],
  perGpuEvalBatchSize: [[null], "Give perDeviceEvalBatchSize."],
};

/** Whether a value of such a name asks for nothing. */
export const asksNothing = (name: string, value: unknown): boolean =>
  Object.hasOwn(ELSEWHERE, name) && ELSEWHERE[name][0].some((known) => JSON.stringify(known) === JSON.stringify(value));

export const REFUSED: Readonly<Record<string, string>> = Object.fromEntries(
  Object.entries(ELSEWHERE).map(([name, [, instead]]) => [name, instead]),
);
