import { describe, expect, it } from "vitest";
import { manualSeed, type Tensor, tensor } from "../../src/index.ts";
import * as nn from "../../src/nn/index.ts";
import * as optim from "../../src/optim/index.ts";
import { BACKENDS, itOn } from "../backends.ts";

/*
Ten optimizer steps of a small net, every loss and the schedules, as PyTorch 2.13 and Transformers compute them:

def pattern(*shape, k): return torch.sin(torch.arange(prod(shape), dtype=torch.float64)*k+0.5).float().reshape(shape)
m = Sequential(Linear(6,5), GELU(), LayerNorm(5), Linear(5,3)); parameter i is pattern(*p.shape, k=0.7+0.1*i)
x = pattern(8,6,k=1.3); y = arange(8)%3; loss = cross_entropy(m(x), y, label_smoothing=.1)
"sgd" clips with clip_grad_norm_(m.parameters(), 0.5)
losses: a = pattern(4,3,k=1.1); t = pattern(4,3,k=.6); c = [0,2,1,2]; w = [1,2,.5]; pr = softmax(t)
schedules: 12 values from lr 1; StepLR(4, .1), ExponentialLR(.9), OneCycleLR(1, total_steps=12),
get_scheduler(name, num_warmup_steps=3, num_training_steps=10; scheduler_specific_kwargs={"min_lr": .1}), ReduceLROnPlateau(factor=.5, patience=1, cooldown=1)
*/
const STEPS: Record<string, { losses: number[]; weight: number[] }> = {
  sgd: {
    losses: [
      1.5769594, 1.5295093, 1.4839941, 1.4403729, 1.398627, 1.3587555, 1.3207726, 1.2847023, 1.2505758, 1.2184267,
    ],
    weight: [0.49533954, 0.95578146, 0.94308817, 0.49004078, -0.16815512, -0.73691094],
  },
  momentum: {
    losses: [
      1.5769594, 1.4854778, 1.3458718, 1.2003191, 1.0906277, 1.0430489, 1.0494701, 1.0722173, 1.0766952, 1.0531994,
    ],
    weight: [0.55557543, 1.0720804, 0.9102205, 0.32077271, -0.2451214, -0.60292119],
  },
  nesterov: {
    losses: [
      1.5769594, 1.4123594, 1.2416564, 1.1094087, 1.0408225, 1.0236241, 1.0216762, 1.0104672, 0.98783755, 0.96202856,
    ],
    weight: [0.59340131, 1.1496458, 0.94874328, 0.29920182, -0.2759088, -0.60371995],
  },
  adam: {
    losses: [
      1.5769594, 1.3631355, 1.2121197, 1.1112103, 1.0471041, 1.0091631, 0.9886018, 0.97799349, 0.9712621, 0.96440494,
    ],
    weight: [0.72299039, 1.3919646, 0.77508122, 0.072933272, -0.6620872, -0.36952877],
  },
  amsgrad: {
    losses: [
      1.5769594, 1.3616976, 1.2089913, 1.1075974, 1.0451149, 1.0095723, 0.99066532, 0.98028135, 0.97261292, 0.96442598,
    ],
    weight: [0.7935335, 1.4135877, 0.9471072, 0.0728769, -0.66215879, -0.38920349],
  },
  adamw: {
    losses: [
      1.5769594, 1.356057, 1.2021065, 1.1022563, 1.0424339, 1.0093169, 0.99186581, 0.98179585, 0.97355253, 0.96446121,
    ],
    weight: [0.74896801, 1.3566551, 0.91837299, 0.061526973, -0.64316416, -0.37106082],
  },
  rmsprop: {
    losses: [
      1.5769594, 1.2120996, 1.0382074, 0.97329527, 0.94593817, 0.92671013, 0.91576445, 0.9075129, 0.89908022,
      0.88910955,
    ],
    weight: [0.55929047, 1.5107924, 1.3347728, 0.10508437, -1.0206167, -0.5589295],
  },
  adagrad: {
    losses: [
      1.5769594, 1.2132498, 1.0885431, 1.0178525, 0.97565985, 0.95091754, 0.93482417, 0.9221971, 0.91082603, 0.8997848,
    ],
    weight: [0.68285054, 1.3087869, 1.1730255, 0.18828709, -0.63938725, -0.50080293],
  },
};
const LOSSES: Record<string, number> = {
  mse: 1.0520947,
  l1: 0.83398122,
  huber: 0.31654155,
  smoothL1: 0.63308311,
  ce: 0.87424374,
  ceWeighted: 0.90263391,
  ceSmooth: 0.99315971,
  ceIgnore: 1.0505704,
  bce: 0.74406666,
  bcePos: 0.78871298,
  nll: 0.90263391,
  kl: 0.027047878,
  klBatch: 0.081143633,
};
const SCHEDULES: Record<string, number[]> = {
  step: [1.0, 1.0, 1.0, 1.0, 0.1, 0.1, 0.1, 0.1, 0.01, 0.01, 0.01, 0.01],
  exponential: [
    1.0, 0.9, 0.81, 0.729, 0.6561, 0.59049, 0.531441, 0.4782969, 0.43046721, 0.38742049, 0.34867844, 0.3138106,
  ],
  one_cycle: [
    0.04, 0.34978965, 0.87928516, 0.99441544, 0.93301297, 0.81174565, 0.647379, 0.4626371, 0.283061, 0.13347753,
    0.034566987, 4e-6,
  ],
  linear: [
    0.0, 0.33333333, 0.66666667, 1.0, 0.85714286, 0.71428571, 0.57142857, 0.42857143, 0.28571429, 0.14285714, 0.0, 0.0,
  ],
  cosine: [
    0.0, 0.33333333, 0.66666667, 1.0, 0.95048443, 0.8117449, 0.61126047, 0.38873953, 0.1882551, 0.049515566, 0.0,
    0.049515566,
  ],
  cosine_with_restarts: [
    0.0, 0.33333333, 0.66666667, 1.0, 0.95048443, 0.8117449, 0.61126047, 0.38873953, 0.1882551, 0.049515566, 0.0, 0.0,
  ],
  cosine_with_min_lr: [
    0.0, 0.3333333, 0.6666667, 1.0, 0.955436, 0.8305704, 0.6501344, 0.4498656, 0.2694296, 0.144564, 0.1, 0.144564,
  ],
  inverse_sqrt: [
    0.0, 0.33333333, 0.66666667, 1.0, 0.8660254, 0.77459667, 0.70710678, 0.65465367, 0.61237244, 0.57735027, 0.54772256,
    0.52223297,
  ],
  constant_with_warmup: [0.0, 0.33333333, 0.66666667, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0, 1.0],
};
const PLATEAU = [1.0, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25];

const pattern = (shape: number[], k: number): Tensor =>
  tensor(
    Float32Array.from({ length: shape.reduce((n, s) => n * s, 1) }, (_, i) => Math.sin(i * k + 0.5)),
    shape,
  );

function close(got: ArrayLike<number>, want: readonly number[], tolerance = 1e-5): void {
  want.forEach((w, i) => {
    expect(Math.abs(got[i] - w), `entry ${i}: ${got[i]}, not ${w}`).toBeLessThanOrEqual(
      tolerance * Math.max(1e-2, Math.abs(w)),
    );
  });
}

const make: Record<string, (p: nn.Parameter[]) => optim.Optimizer<optim.GroupOptions>> = {
  sgd: (p) => new optim.SGD(p, { lr: 0.1 }) as never,
  momentum: (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, dampening: 0.1, weightDecay: 0.01 }) as never,
  nesterov: (p) => new optim.SGD(p, { lr: 0.1, momentum: 0.9, nesterov: true }) as never,
  adam: (p) => new optim.Adam(p, { lr: 0.05, weightDecay: 0.01 }) as never,
  amsgrad: (p) => new optim.Adam(p, { lr: 0.05, amsgrad: true }) as never,
  adamw: (p) => new optim.AdamW(p, { lr: 0.05, weightDecay: 0.1 }) as never,
  rmsprop: (p) => new optim.RMSprop(p, { lr: 0.01, momentum: 0.5, centered: true }) as never,
  adagrad: (p) => new optim.Adagrad(p, { lr: 0.1, lrDecay: 0.01 }) as never,
};

describe.each(BACKENDS)("%s", (name) => {
  const it = itOn(name);
  it.each(Object.keys(STEPS))("ten steps of %s", (kind) => {
    manualSeed(0);
    const net = new nn.Sequential(new nn.Linear(6, 5), new nn.GELU(), new nn.LayerNorm(5), new nn.Linear(5, 3));
    net.parameters().forEach((p, i) => {
      p.detach().copy_(pattern([...p.shape], 0.7 + 0.1 * i));
    });
    const optimizer = make[kind](net.parameters());
    const x = pattern([8, 6], 1.3);
    const y = tensor(
      Int32Array.from({ length: 8 }, (_, i) => i % 3),
      [8],
    );
    const losses: number[] = [];
    for (let i = 0; i < 10; i++) {
      optimizer.zeroGrad();
      const loss = nn.crossEntropy(net.forward(x), y, { labelSmoothing: 0.1 });
      loss.backward();
      if (kind === "sgd") optim.clipGradNorm(net.parameters(), 0.5);
      optimizer.step();
      losses.push(loss.item());
    }
    // Adam and its kin divide small gradients by their own size: rounding grows from step to step.
    close(losses, STEPS[kind].losses, 2e-5);
    close(
      net.parameters()[0].data(),
      STEPS[kind].weight,
      kind === "sgd" || kind === "momentum" || kind === "nesterov" ? 2e-5 : 1e-3,
    );
  });

  it("every loss", () => {
    const [a, t] = [pattern([4, 3], 1.1), pattern([4, 3], 0.6)];
    const c = tensor(Int32Array.from([0, 2, 1, 2]), [4]);
    const weight = tensor([1, 2, 0.5]);
    const pr = t.softmax();
    const got: Record<string, Tensor> = {
      mse: nn.mseLoss(a, t),
      l1: nn.l1Loss(a, t),
      huber: nn.huberLoss(a, t, { delta: 0.5 }),
      smoothL1: nn.smoothL1Loss(a, t, { beta: 0.5 }),
      ce: nn.crossEntropy(a, c),
      ceWeighted: nn.crossEntropy(a, c, { weight }),
      ceSmooth: nn.crossEntropy(a, c, { weight, labelSmoothing: 0.2 }),
      ceIgnore: nn.crossEntropy(a, c, { ignoreIndex: 2 }),
      bce: nn.bceWithLogitsLoss(a, pr),
      bcePos: nn.bceWithLogitsLoss(a, pr, { posWeight: weight }),
      nll: nn.nllLoss(a.logSoftmax(), c, { weight }),
      kl: nn.klDivLoss(a.logSoftmax(), pr),
      klBatch: nn.klDivLoss(a.logSoftmax(), pr, { reduction: "batchMean" }),
    };
    for (const [key, want] of Object.entries(LOSSES)) close([got[key].item()], [want]);
  });
});

describe("schedules", () => {
  it.each(Object.keys(SCHEDULES))("%s", (name) => {
    const options = {
      numTrainingSteps: 10,
      numWarmupSteps: 3,
      stepSize: 4,
      minLrRate: 0.1,
      gamma: name === "step" ? 0.1 : 0.9,
    };
    const alone = ["step", "exponential", "one_cycle"].includes(name);
    const group = { lr: 1 };
    const scheduler = optim.getScheduler(
      name as optim.ScheduleName,
      { paramGroups: [group] },
      alone ? { ...options, numWarmupSteps: 0, numTrainingSteps: 12 } : options,
    );
    const rates: number[] = [];
    for (let i = 0; i < 12; i++) {
      rates.push(group.lr);
      scheduler.step();
    }
    close(rates, SCHEDULES[name], 1e-5);
  });
  it("reduce on plateau", () => {
    const group = { lr: 1 };
    const plateau = new optim.ReduceLROnPlateau({ paramGroups: [group] }, { factor: 0.5, patience: 1, cooldown: 1 });
    const rates = [1, 0.9, 0.9, 0.9, 0.9, 0.9, 0.8, 0.85, 0.85, 0.85, 0.85].map((value) => {
      plateau.step(value);
      return group.lr;
    });
    expect(rates).toEqual(PLATEAU);
  });
});
