import type { GradientSteps } from "./gradient-steps.ts";
import type { Carry } from "./run/checkpoint.ts";
import type { StepBatches, StepLoader } from "./steps.ts";
import type { Training } from "./training.ts";

/** What the loop goes over, and what it learns with. */
export interface LoopParts<B> {
  loader: StepLoader<B>;
  steps: GradientSteps<B>;
  carry?: Carry;
}

/** Trains step by step, epoch by epoch, until the last one or until a hook stops it. */
export async function loop<B>(training: Training, { loader, steps, carry }: LoopParts<B>): Promise<void> {
  const { standing, isolation } = training;
  while (!training.stopped) {
    if (standing.batch === 0) carry?.reset();
    await training.tell("onEpochBegin", () => training.at);
    if (training.stopped) break;
    loader.setEpoch(standing.epoch, standing.batch);
    for await (const batches of loader) {
      const learningRate = steps.learningRate();
      await training.tell("onStepBegin", () => ({ ...training.at, learningRate }));

      const loss = isolation.within(() => steps.backward(batches));
      await training.tell("onPreOptimizerStep", () => steps.prepared(training.at, loss, learningRate));
      isolation.within(() => steps.update());

      training.learningRate = learningRate;
      await training.stepEnds(loss, examplesOf(batches));
      if (training.stopped) break;
    }
    if (training.epochEnds) await training.epochEnded();
    await training.act(true);
  }
}

const examplesOf = <B>({ parts }: StepBatches<B>) => parts.reduce((sum, { examples }) => sum + examples, 0);
