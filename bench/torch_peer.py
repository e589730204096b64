# Times one request at a time with PyTorch; the answer is a number in the unit that bench/cases.mjs uses.
import json, sys, time
import torch
import torch.nn.functional as F

torch.set_num_threads(2)
kept = {}


def timed(key, make, budget=0.15):
    if key not in kept:
        kept[key] = make()
        for _ in range(3):
            kept[key]()
    step = kept[key]
    count, start = 0, time.perf_counter()
    while True:
        step()
        count += 1
        spent = time.perf_counter() - start
        if spent > budget:
            return spent / count


def matmul(r):
    m, k, n = r["m"], r["k"], r["n"]
    dtype = torch.bfloat16 if r["precision"] == "bf16" else torch.float32
    a = torch.randn((k, m) if r["ta"] else (m, k), dtype=dtype)
    b = torch.randn((n, k) if r["tb"] else (k, n), dtype=dtype)
    a, b = (a.t() if r["ta"] else a), (b.t() if r["tb"] else b)
    out = torch.empty(m, n, dtype=dtype)
    return lambda: torch.matmul(a, b, out=out)


def mlp():
    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(784, 512), torch.nn.ReLU(), torch.nn.Linear(512, 256), torch.nn.ReLU(), torch.nn.Linear(256, 10))
    opt = torch.optim.SGD(net.parameters(), lr=0.01)
    x, y = torch.randn(128, 784), torch.arange(128) % 10

    def step():
        opt.zero_grad()
        F.cross_entropy(net(x), y).backward()
        opt.step()

    return step


class Block(torch.nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = torch.nn.LayerNorm(width), torch.nn.LayerNorm(width)
        self.qkv, self.proj = torch.nn.Linear(width, 3 * width), torch.nn.Linear(width, width)
        self.fc, self.out = torch.nn.Linear(width, 4 * width), torch.nn.Linear(4 * width, width)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = (y.view(b, t, self.heads, -1).transpose(1, 2) for y in self.qkv(self.ln_1(x)).split(c, 2))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True).transpose(1, 2).reshape(b, t, c)
        x = x + self.proj(y)
        return x + self.out(F.gelu(self.fc(self.ln_2(x)), approximate="tanh"))


def gpt(r):
    torch.manual_seed(0)
    batch, steps, width, vocabulary = 16, 128, 256, 1024
    tokens, positions = torch.nn.Embedding(vocabulary, width), torch.nn.Embedding(steps, width)
    net = torch.nn.Sequential(*[Block(width, 4) for _ in range(4)], torch.nn.LayerNorm(width))
    opt = torch.optim.AdamW([*tokens.parameters(), *positions.parameters(), *net.parameters()], lr=1e-3, fused=True)
    ids = torch.arange(batch * (steps + 1)) * 7919 % vocabulary
    x, y, at = ids[: batch * steps].view(batch, steps), ids[batch:], torch.arange(steps)

    def step():
        opt.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=r["precision"] == "bf16"):
            loss = F.cross_entropy((net(tokens(x) + positions(at)) @ tokens.weight.t()).flatten(0, 1), y)
        loss.backward()
        opt.step()

    return step


class Gpt2(torch.nn.Module):
    def __init__(self, vocabulary=50257, positions=1024, width=768, layers=12, heads=12):
        super().__init__()
        self.wte, self.wpe = torch.nn.Embedding(vocabulary, width), torch.nn.Embedding(positions, width)
        self.blocks = torch.nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.ln_f = torch.nn.LayerNorm(width)
        self.caches = [torch.empty(2, 1, heads, positions, width // heads) for _ in range(layers)]

    def forward(self, ids, before):
        n = ids.shape[1]
        x = self.wte(ids) + self.wpe.weight[before : before + n]
        for block, cache in zip(self.blocks, self.caches):
            q, k, v = (y.view(1, n, block.heads, -1).transpose(1, 2) for y in block.qkv(block.ln_1(x)).split(x.shape[2], 2))
            cache[0, :, :, before : before + n], cache[1, :, :, before : before + n] = k, v
            k, v = cache[0, :, :, : before + n], cache[1, :, :, : before + n]
            y = F.scaled_dot_product_attention(q, k, v, is_causal=before == 0).transpose(1, 2).reshape(x.shape)
            x = x + block.proj(y)
            x = x + block.out(F.gelu(block.fc(block.ln_2(x)), approximate="tanh"))
        return self.ln_f(x[:, -1]) @ self.wte.weight.t()


def generate(r):
    """Tokens per second after the first."""
    if "generate" not in kept:
        torch.manual_seed(0)
        kept["generate"] = Gpt2()
    net = kept["generate"]
    with torch.no_grad():
        ids, before = torch.tensor([r["prompt"]]), 0
        for i in range(r["new"] + 1):
            logits = net(ids, before)
            before += ids.shape[1]
            ids = logits.argmax(1, keepdim=True)
            int(ids)
            if i == 0:
                start = time.perf_counter()
    return r["new"] / (time.perf_counter() - start)


def finetune(r):
    import transformers

    torch.manual_seed(0)
    net = transformers.BertForSequenceClassification(transformers.BertConfig(**r["shape"])).train()
    opt = torch.optim.AdamW(net.parameters(), lr=2e-5, weight_decay=0.01, fused=True)
    ids = (1000 + torch.arange(r["batch"] * r["length"]) * 7919 % 29000).view(r["batch"], -1)
    labels = torch.arange(r["batch"]) % 2

    def step():
        opt.zero_grad()
        with torch.autocast("cpu", dtype=torch.bfloat16, enabled=r["precision"] == "bf16"):
            loss = net(input_ids=ids, labels=labels).loss
        loss.backward()
        opt.step()

    return step


def inference(r):
    import transformers

    torch.manual_seed(0)
    net = transformers.BertModel(transformers.BertConfig(**r["shape"])).eval()
    ids = (1000 + torch.arange(r["batch"] * r["length"]) * 7919 % 29000).view(r["batch"], -1)
    mask, types = torch.ones_like(ids), torch.zeros_like(ids)

    def step():
        with torch.inference_mode():
            return net(input_ids=ids, attention_mask=mask, token_type_ids=types).last_hidden_state

    return step


def attention(r):
    q, k, v, g = (torch.randn(1, r["heads"], r["length"], r["size"]) for _ in range(4))
    for x in (q, k, v):
        x.requires_grad_()

    def step():
        F.scaled_dot_product_attention(q, k, v, is_causal=r["causal"]).backward(g)
        q.grad = k.grad = v.grad = None

    return step


def lstm():
    torch.manual_seed(0)
    batch, steps, width, vocabulary = 32, 64, 256, 1000
    embedding = torch.nn.Embedding(vocabulary, width)
    net = torch.nn.LSTM(width, width, 2, batch_first=True)
    head = torch.nn.Linear(width, vocabulary)
    opt = torch.optim.AdamW([*embedding.parameters(), *net.parameters(), *head.parameters()], lr=1e-3, fused=True)
    ids = torch.arange(batch * (steps + 1)) * 7919 % vocabulary
    x, y = ids[: batch * steps].view(batch, steps), ids[batch:]

    def step():
        opt.zero_grad()
        out, _ = net(embedding(x))
        F.cross_entropy(head(out).view(-1, vocabulary), y).backward()
        opt.step()

    return step


def memory(kind):
    n = 1 << 24
    x, y, out = torch.randn(n), torch.randn(n), torch.empty(n)
    rows = x.view(-1, 1024)
    w, b = torch.ones(1024), torch.zeros(1024)
    if kind == "add":
        return lambda: torch.add(x, y, out=out)
    if kind == "gelu":
        return lambda: F.gelu(x)
    if kind == "layer-norm":
        return lambda: F.layer_norm(rows, (1024,), w, b)
    if kind == "softmax":
        return lambda: torch.softmax(rows, -1)
    p = torch.nn.Parameter(x.clone())
    p.grad = y
    return torch.optim.AdamW([p], fused=True).step


def small():
    a = torch.randn(16, requires_grad=True)
    b = torch.randn(16)

    def run():
        z = a
        for _ in range(100):
            z = z + b
        return z

    return run


for line in sys.stdin:
    r = json.loads(line)
    if r["op"] == "version":
        answer = torch.__version__
    elif r["op"] == "matmul":
        answer = 2e-9 * r["m"] * r["n"] * r["k"] / timed(line, lambda: matmul(r))
    elif r["op"] == "mlp-step":
        answer = 1e3 * timed(line, mlp, 0.5)
    elif r["op"] == "lstm-step":
        answer = 1e3 * timed(line, lstm, 1.0)
    elif r["op"] == "gpt-step":
        answer = 1e3 * timed(line, lambda: gpt(r), 1.5)
    elif r["op"] == "finetune-step":
        for old in [k for k in kept if k != line]:
            del kept[old]
        answer = 1e3 * timed(line, lambda: finetune(r), 2.0)
    elif r["op"] == "inference":
        answer = 1e3 * timed(line, lambda: inference(r), 1.0)
    elif r["op"] == "attention":
        answer = 1e3 * timed(line, lambda: attention(r), 0.5)
    elif r["op"] == "generate":
        answer = generate(r)
    elif r["op"] == "op-overhead":
        answer = 1e6 * timed(line, small) / 100
    else:
        with torch.no_grad():
            answer = 1e-9 * r["bytes"] / timed(line, lambda: memory(r["kind"]), 0.3)
    print(json.dumps(answer), flush=True)
