import { describe, expect, it } from "vitest";
import { memory, noGrad, type Tensor, tensor, tidy } from "../../src/index.ts";
import { LstmAttentionForConditionalGeneration, lstmAttentionConfig } from "../../src/models/index.ts";
import { AdamW } from "../../src/optim/index.ts";

/*
 * import torch, json
 * from torch import nn
 * torch.set_num_threads(1)
 * V, E, H, L, B = 11, 6, 5, 2, 2
 * def fill(shape, k):
 *     n = 1
 *     for s in shape: n *= s
 *     return (torch.sin(torch.arange(n, dtype=torch.float64) * 0.7 + k) * 0.4).reshape(shape).float()
 * class Net(nn.Module):
 *     def __init__(s):
 *         super().__init__()
 *         s.shared = nn.Embedding(V, E)
 *         s.encoder = nn.LSTM(E, H, L, batch_first=True, bidirectional=True)
 *         s.bridge_h, s.bridge_c = nn.Linear(2 * H, H), nn.Linear(2 * H, H)
 *         s.decoder = nn.LSTM(E, H, L, batch_first=True)
 *         s.attention = nn.Linear(2 * H, H, bias=False)
 *         s.combine = nn.Linear(2 * H, E, bias=False)
 *         for k, (_, p) in enumerate(s.named_parameters()): p.data = fill(p.shape, k)
 *     def forward(s, ids, lengths, dec):
 *         x = nn.utils.rnn.pack_padded_sequence(s.shared(ids), lengths, batch_first=True, enforce_sorted=False)
 *         out, (h, c) = s.encoder(x)
 *         out, _ = nn.utils.rnn.pad_packed_sequence(out, batch_first=True, total_length=ids.shape[1])
 *         m = s.attention(out)
 *         both = lambda t: t.view(L, 2, B, H).transpose(1, 2).reshape(L, B, 2 * H)
 *         y, _ = s.decoder(s.shared(dec), (torch.tanh(s.bridge_h(both(h))), torch.tanh(s.bridge_c(both(c)))))
 *         score = y @ m.transpose(1, 2) / H ** 0.5
 *         hide = torch.arange(ids.shape[1])[None] >= torch.tensor(lengths)[:, None]
 *         ctx = score.masked_fill(hide[:, None], float("-inf")).softmax(-1) @ m
 *         return torch.tanh(s.combine(torch.cat([ctx, y], 2))) @ s.shared.weight.T
 * net = Net()
 * print([n for n, _ in net.named_parameters()])
 * ids = torch.tensor([[3, 7, 5, 1], [9, 1, 0, 0]]); labels = torch.tensor([[4, 6, 1], [8, 1, -100]])
 * dec = torch.tensor([[0, 4, 6], [0, 8, 1]])
 * logits = net(ids, [4, 2], dec)
 * print([round(x, 6) for x in logits[:, :, ::3].flatten().tolist()])
 * opt = torch.optim.AdamW(net.parameters(), lr=1e-2, weight_decay=0.01)
 * losses = []
 * for _ in range(10):
 *     loss = nn.functional.cross_entropy(net(ids, [4, 2], dec).flatten(0, 1), labels.flatten())
 *     opt.zero_grad(); loss.backward(); opt.step(); losses.append(loss.item())
 * print(losses)
 * print({n: round(p.abs().sum().item(), 5) for n, p in net.named_parameters()})
 */
const LOGITS = [
  0.054105, 0.085781, 0.117361, 0.148807, 0.17182, 0.202811, 0.233574, 0.264072, 0.245388, 0.275502, 0.305305, 0.334762,
  0.079556, 0.108051, 0.136423, 0.16464, 0.197449, 0.224765, 0.251828, 0.278605, 0.265653, 0.292136, 0.318289, 0.344082,
];
const LOSSES = [
  2.85443115234375, 2.7410545349121094, 2.642426013946533, 2.5586516857147217, 2.489184617996216, 2.4330806732177734,
  2.389078140258789, 2.355616331100464, 2.330821990966797, 2.312506675720215,
];
/** Sums of the parameters' sizes after those steps. */
const AFTER: Record<string, number> = {
  "shared.weight": 17.0571,
  "encoder.weight_ih_l0": 31.83724,
  "encoder.weight_hh_l0_reverse": 25.18177,
  "encoder.weight_ih_l1": 51.62045,
  "encoder.bias_hh_l1_reverse": 4.73568,
  "bridge_h.weight": 12.19011,
  "bridge_h.bias": 1.19864,
  "bridge_c.weight": 13.05725,
  "bridge_c.bias": 1.3448,
  "decoder.weight_ih_l0": 30.76905,
  "decoder.weight_hh_l1": 25.67408,
  "decoder.bias_ih_l1": 4.94436,
  "attention.weight": 10.76176,
  "combine.weight": 13.84593,
};

function make() {
  const model = new LstmAttentionForConditionalGeneration(
    lstmAttentionConfig.make({ vocabSize: 11, embeddingSize: 6, hiddenSize: 5, numHiddenLayers: 2, dropout: 0 }),
  );
  let k = 0;
  for (const [, p] of model.namedParameters()) {
    const values = Float32Array.from({ length: p.numel }, (_, i) => Math.sin(i * 0.7 + k) * 0.4);
    noGrad(() => void p.copy_(values));
    k++;
  }
  return model;
}
const int = (rows: number[][]) => tensor(Int32Array.from(rows.flat()), [rows.length, rows[0].length]);
const inputs = {
  inputIds: int([
    [3, 7, 5, 1],
    [9, 1, 0, 0],
  ]),
  attentionMask: int([
    [1, 1, 1, 1],
    [1, 1, 0, 0],
  ]),
  labels: int([
    [4, 6, 1],
    [8, 1, -100],
  ]),
};

describe("the LSTM with attention", () => {
  it("gives PyTorch's logits", () => {
    const logits = noGrad(() => make().forward(inputs).logits).data();
    const got = Array.from({ length: 6 }, (_, row) => [0, 3, 6, 9].map((c) => logits[row * 11 + c])).flat();
    got.forEach((value, i) => {
      expect(Math.abs(value - LOGITS[i])).toBeLessThan(2e-6);
    });
  });
  it("learns as in PyTorch, and holds as many tensors after every step", () => {
    const model = make();
    const optimizer = new AdamW(model.parameters(), { lr: 1e-2, weightDecay: 0.01 });
    const held: number[] = [];
    const losses = LOSSES.map(() => {
      // As the Trainer does: what is made of masks and labels has no other owner.
      const value = tidy(() => {
        const loss = model.forward(inputs).loss as Tensor;
        loss.backward();
        return loss.item();
      });
      optimizer.step();
      optimizer.zeroGrad();
      held.push(memory().liveTensors);
      return value;
    });
    losses.forEach((value, i) => {
      expect(Math.abs(value / LOSSES[i] - 1)).toBeLessThan(1e-5);
    });
    for (const n of held.slice(2)) expect(n).toBeLessThanOrEqual(held[1]);
    const parameters = new Map(model.namedParameters());
    for (const [name, want] of Object.entries(AFTER)) {
      const values = Array.from(parameters.get(name)?.data() ?? []);
      const got = values.reduce((sum, x) => sum + Math.abs(x), 0);
      expect(Math.abs(got / want - 1), name).toBeLessThan(1e-4);
    }
  });
  it("refuses a mask that hides the beginning of a text", () => {
    const attentionMask = int([
      [0, 1, 1, 1],
      [1, 1, 0, 0],
    ]);
    expect(() => make().forward({ ...inputs, attentionMask })).toThrow(/row 0 shows tokens behind hidden ones/);
  });
});
