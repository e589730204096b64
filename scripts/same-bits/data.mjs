// Small data of every kind, and untrained checkpoints of every family that is fine-tuned: the same on every machine.
import { mkdirSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";

const ADJECTIVES = ["good", "fine", "lovely", "bad", "dull", "awful"];
const NOUNS = ["film", "book", "song", "meal", "play", "story"];
const NAMES = ["Ann", "Bob", "Cem", "Dee", "Eve", "Flo"];
const PLACES = ["Rome", "Oslo", "Lima", "Cairo"];
/** What an invented language calls the words of another. */
const GERMAN = { red: "rot", dog: "Hund", sees: "sieht", a: "ein", big: "gross", cat: "Katze", house: "Haus" };
const FACTS = [
  ["capital of France", "It is Paris."],
  ["capital of Italy", "It is Rome."],
  ["colour of grass", "Green."],
  ["colour of snow", "White, most often."],
  ["size of a mouse", "Small."],
  ["sound of a dog", "It barks."],
];

/** Whole numbers below n, in a fixed order (Lehmer's generator). */
function numbers(seed) {
  let state = seed + 1;
  return (n) => {
    state = (state * 48271) % 0x7fffffff;
    return state % n;
  };
}
const list = (n, make) => Array.from({ length: n }, (_, i) => make(i));
const lines = (rows) => `${rows.join("\n")}\n`;
const jsonl = (rows) => lines(rows.map((row) => JSON.stringify(row)));

/** Opinions of things; `mood` 0 to 5, the first three are good. */
function opinions(count, seed) {
  const next = numbers(seed);
  return list(count, () => {
    const [mood, noun] = [next(6), next(6)];
    const end = ["", " from end to end", " , we all thought"][next(3)];
    return { text: `the ${NOUNS[noun]} was ${ADJECTIVES[mood]}${end}`, mood, noun };
  });
}
const yesNo = ({ text, mood }) => `${text}\t${mood < 3 ? "yes" : "no"}`;

/** Sentences of a language of seven words, and of one that says the first of them last. */
function pairs(count, seed) {
  const next = numbers(seed);
  const words = Object.keys(GERMAN);
  return list(count, () => {
    const picked = list(1 + next(5), () => words[next(7)]);
    return [picked.join(" "), [...picked.slice(1), picked[0]].map((word) => GERMAN[word]).join(" ")];
  });
}

/** IDX files of 5 × 5 grey values, as MNIST names them. */
function images(count, seed) {
  const next = numbers(seed);
  const head = (...shape) =>
    Buffer.concat([Buffer.from([0, 0, 8, shape.length]), ...shape.map((n) => Buffer.from([0, 0, n >> 8, n & 255]))]);
  const labels = Buffer.from(list(count, () => next(3)));
  const pixels = Buffer.alloc(count * 25, 0);
  labels.forEach((label, i) => {
    for (let p = 0; p < 25; p++) pixels[25 * i + p] = next(90) + (Math.floor(p / 8) === label ? 150 : 0);
  });
  return { pixels: Buffer.concat([head(count, 5, 5), pixels]), labels: Buffer.concat([head(count), labels]) };
}

/** Writes the data that the commands read. */
export function makeData(folder) {
  const write = (name, contents) => {
    mkdirSync(join(folder, name, ".."), { recursive: true });
    writeFileSync(join(folder, name), contents);
  };
  // Texts with classes: in one file, in a folder with parts of its own, of uneven classes under other names.
  write("reviews.tsv", lines(["text\tlabel", ...opinions(160, 1).map(yesNo)]));
  write("parts/train.tsv", lines(["text\tlabel", ...opinions(96, 2).map(yesNo)]));
  write("parts/dev.tsv", lines(["text\tlabel", ...opinions(32, 3).map(yesNo)]));
  write("parts/test.tsv", lines(["text\tlabel", ...opinions(32, 4).map(yesNo)]));
  const topics = opinions(150, 5).map(
    ({ text, noun, mood }) => `"${text}",${noun > 3 ? "art" : mood === 0 ? "food" : "news"}`,
  );
  write("topics.csv", lines(["body,kind", ...topics]));
  const two = opinions(128, 6).map(({ text, mood, noun }, i) => {
    const other = NOUNS[i % 2 ? noun : (noun + 2) % 6];
    return { text, other: `it was a ${other}`, same: i % 2 ? "same" : "other", score: (mood - 2.5) / 2 + noun / 7 };
  });
  write("pairs.tsv", lines(["sentence1\tsentence2\tlabel", ...two.map((r) => `${r.text}\t${r.other}\t${r.same}`)]));
  const scores = two.map((r) => `${r.text}\t${r.other}\t${r.score.toFixed(3)}`);
  write("scores.tsv", lines(["sentence1\tsentence2\tscore", ...scores.slice(0, 96)]));
  write("scores-dev.tsv", lines(["sentence1\tsentence2\tscore", ...scores.slice(96)]));
  // Vectors of words, as GloVe writes them.
  const next = numbers(7);
  const known = ["the", "was", ...ADJECTIVES, ...NOUNS];
  write(
    "vectors.txt",
    lines(known.map((word) => [word, ...list(12, () => (next(2001) / 1000 - 1).toFixed(3))].join(" "))),
  );

  // Words with tags, and with entities.
  const tagged = opinions(96, 8).map(({ text }) =>
    text.split(" ").map((w) => `${w}\t${NOUNS.includes(w) ? "NOUN" : ADJECTIVES.includes(w) ? "ADJ" : "X"}`),
  );
  write("words.conll", `${tagged.map((rows) => rows.join("\n")).join("\n\n")}\n`);
  const found = numbers(9);
  const entities = list(96, () => {
    const [who, where] = [NAMES[found(6)], PLACES[found(4)]];
    return [
      `${who} B-PER`,
      ...(found(2) ? ["Smith I-PER"] : []),
      "lives O",
      "in O",
      ...(found(3) ? [] : ["New B-LOC"]),
      `${where} B-LOC`,
    ];
  }).map((rows) => rows.map((row, i) => (i > 0 && rows[i - 1] === "New B-LOC" ? row.replace("B-", "I-") : row)));
  write(
    "entities/train.conll",
    `${entities
      .slice(0, 72)
      .map((rows) => rows.join("\n"))
      .join("\n\n")}\n`,
  );
  write(
    "entities/dev.conll",
    `${entities
      .slice(72)
      .map((rows) => rows.join("\n"))
      .join("\n\n")}\n`,
  );

  // Running text, in one file and with parts; conversations and completions.
  const prose = list(30, (i) => {
    const [q, a] = FACTS[i % FACTS.length];
    return i % 2 ? `The ${q}: ${a}` : `${a} That is the ${q}.`;
  });
  write("prose.txt", lines([...prose, "", ...opinions(60, 10).map((o) => o.text), ...prose]));
  write("corpus/train.txt", lines(opinions(120, 11).map((o) => o.text)));
  write("corpus/valid.txt", lines(opinions(20, 12).map((o) => o.text)));
  const chats = list(24, (i) => {
    const [q, a] = FACTS[i % FACTS.length];
    const system = i % 4 ? [] : [{ role: "system", content: "Be brief." }];
    const messages = [...system, { role: "user", content: `What is the ${q}?` }, { role: "assistant", content: a }];
    return {
      messages:
        i % 3 ? messages : [...messages, { role: "user", content: "Sure?" }, { role: "assistant", content: "Yes." }],
    };
  });
  write("chats.jsonl", jsonl(chats));
  write(
    "completions.jsonl",
    jsonl(list(18, (i) => ({ prompt: `The ${FACTS[i % 6][0]}:`, completion: ` ${FACTS[i % 6][1]}` }))),
  );

  // Two languages: side by side in files, and in columns.
  for (const [part, count, seed] of [
    ["train", 200, 13],
    ["val", 24, 14],
    ["test", 24, 15],
  ]) {
    const rows = pairs(count, seed);
    write(`parallel/${part}.en`, lines(rows.map(([en]) => en)));
    write(`parallel/${part}.de`, lines(rows.map(([, de]) => de)));
  }
  write("columns.tsv", lines(["en\tde", ...pairs(160, 16).map((row) => row.join("\t"))]));

  // Tables with numbers, words and gaps.
  const draw = numbers(17);
  const rows = list(180, () => {
    const [size, colour, extra] = [draw(170) / 10, ["red", "blue", "green"][draw(3)], draw(9)];
    const price = size * 2 + (colour === "red" ? 5 : 0) + draw(1000) / 1000;
    return {
      size,
      colour,
      extra: extra === 0 ? "" : extra,
      price,
      kind: size > 8 ? "high" : "low",
      group: size > 11 ? "a" : size > 5 ? "b" : "c",
    };
  });
  const table = (column) =>
    lines([`size,colour,extra,${column}`, ...rows.map((r) => [r.size, r.colour, r.extra, r[column]].join(","))]);
  for (const column of ["price", "kind", "group"]) write(`${column}.csv`, table(column));

  for (const [part, count, seed] of [
    ["train", 150, 18],
    ["t10k", 40, 19],
  ]) {
    const { pixels, labels } = images(count, seed);
    write(`digits/${part}-images-idx3-ubyte`, pixels);
    write(`digits/${part}-labels-idx1-ubyte`, labels);
  }
}

const CHATML =
  "{% for m in messages %}{{ '<|im_start|>' + m.role + '\n' + m.content + '<|im_end|>\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}";
const SHAPE = {
  ...{ hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 4, intermediate_size: 48 },
  ...{ max_position_embeddings: 64, hidden_dropout_prob: 0.1, attention_probs_dropout_prob: 0.1 },
};

/**
 * Writes small untrained checkpoints in Hugging Face's form.
 * @param checkout whose build makes them
 */
export async function makeCheckpoints(folder, checkout) {
  const from = (path) => import(pathToFileURL(resolve(checkout, "dist", path)).href);
  const { manualSeed } = await from("index.js");
  const { autoModels } = await from("models/index.js");
  const { PreTrainedTokenizer, Tokenizer, trainTokenizer } = await from("text/index.js");

  const save = (name, head, json) => {
    manualSeed(3);
    const family = autoModels.family(json, name);
    const Model = autoModels.classOf(family, head);
    new Model(family.config.parse(json)).savePretrained(join(folder, name));
  };
  const vocabulary = [
    ..."[PAD] [UNK] [CLS] [SEP] [MASK] the was it a from end to , we all thought lives in New ##s".split(" "),
    ...new Set([...ADJECTIVES, ...NOUNS, ...NAMES, ...PLACES, "smith", "is", "of", "capital", "colour", "."]),
    ...[..."abcdefghijklmnopqrstuvwxyz"].flatMap((c) => [c, `##${c}`]),
  ].map((token) => (token.startsWith("[") ? token : token.toLowerCase()));
  const words = [...new Set(vocabulary)];
  const encoder = (name, json, head = "maskedLm") => {
    save(name, head, { vocab_size: words.length, pad_token_id: 0, ...json });
    writeFileSync(join(folder, name, "vocab.txt"), lines(words));
  };
  encoder("bert", { model_type: "bert", ...SHAPE });
  encoder("electra", { model_type: "electra", embedding_size: 16, ...SHAPE });
  encoder("distilbert", {
    ...{ model_type: "distilbert", dim: 32, n_layers: 2, n_heads: 4, hidden_dim: 48, max_position_embeddings: 64 },
  });

  const prose = [
    ...FACTS.flatMap(([q, a]) => [`The ${q}: ${a}`, `What is the ${q}?`]),
    ...opinions(60, 20).map((o) => o.text),
  ];
  const letters = await trainTokenizer("bpe", prose, {
    vocabSize: 320,
    specialTokens: ["<s>", "<pad>", "</s>", "<unk>", "<mask>"],
  });
  save("roberta", "maskedLm", { model_type: "roberta", vocab_size: letters.vocabSize, type_vocab_size: 1, ...SHAPE });
  const { vocab, merges } = letters.toJSON().model;
  writeFileSync(join(folder, "roberta/vocab.json"), JSON.stringify(vocab));
  const merged = merges.map((merge) => (Array.isArray(merge) ? merge.join(" ") : merge));
  writeFileSync(join(folder, "roberta/merges.txt"), lines(["#version: 0.2", ...merged]));

  const specialTokens = ["<|endoftext|>", "<|im_start|>", "<|im_end|>"];
  const chat = new PreTrainedTokenizer(await trainTokenizer("bpe", prose, { vocabSize: 330, specialTokens }), {
    config: { chat_template: CHATML },
    tokens: { eos_token: "<|im_end|>", pad_token: "<|endoftext|>", bos_token: "<|endoftext|>" },
  });
  for (const json of [
    { model_type: "gpt2", n_embd: 32, n_layer: 2, n_head: 2, n_positions: 96 },
    {
      ...{ model_type: "llama", hidden_size: 32, num_hidden_layers: 2, num_attention_heads: 4, num_key_value_heads: 2 },
      ...{ intermediate_size: 48, max_position_embeddings: 96 },
    },
  ]) {
    save(json.model_type, "causalLm", { vocab_size: chat.vocabSize, pad_token_id: chat.padTokenId, ...json });
    chat.savePretrained(join(folder, json.model_type));
  }

  const [PAD, EOS, UNK] = ["<pad>", "</s>", "<unk>"];
  const texts = pairs(60, 13).flat();
  const trained = await trainTokenizer("word", [...texts, "translate :"], {
    specialTokens: [PAD, EOS, UNK],
    lowercase: false,
  });
  const text = (id) => ({ Sequence: { id, type_id: 0 } });
  const ends = { SpecialToken: { id: EOS, type_id: 0 } };
  const both = new PreTrainedTokenizer(
    Tokenizer.fromJSON({
      ...trained.toJSON(),
      post_processor: {
        type: "TemplateProcessing",
        ...{ single: [text("A"), ends], pair: [text("A"), text("B"), ends] },
        special_tokens: { [EOS]: { id: EOS, ids: [1], tokens: [EOS] } },
      },
    }),
    { tokens: { pad_token: PAD, eos_token: EOS, unk_token: UNK }, tokenTypes: false },
  );
  const tokens = { vocab_size: both.vocabSize, pad_token_id: 0, eos_token_id: 1, decoder_start_token_id: 0 };
  save("t5", "seq2seqLm", { model_type: "t5", ...tokens, d_model: 32, d_kv: 8, d_ff: 48, num_layers: 2, num_heads: 4 });
  const half = (side) => ({ [`${side}_layers`]: 2, [`${side}_attention_heads`]: 4, [`${side}_ffn_dim`]: 48 });
  save("marian", "seq2seqLm", {
    ...{ model_type: "marian", ...tokens, d_model: 32, ...half("encoder"), ...half("decoder") },
    ...{ forced_eos_token_id: 1, bad_words_ids: [[0]], max_position_embeddings: 64, scale_embedding: true },
  });
  for (const name of ["t5", "marian"]) both.savePretrained(join(folder, name));
}
