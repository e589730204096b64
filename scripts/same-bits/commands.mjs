// What is trained: every task, every preset, every kind of fine-tuning, and the options that change what is learned.

/**
 * @typedef {object} Command
 * @property {string} name
 * @property {string} [train] without output, threads and the like
 * @property {boolean} [interrupted] killed at its first checkpoint and resumed
 * @property {string} [evaluate] options of `evaluate`
 * @property {string} [predict] texts and options of `predict`
 * @property {string} [generate] options of `generate`
 * @property {string} [use] what `predict` opens where nothing is trained
 */

const CLASSES = '"the film was good" "the song was awful from end to end" ""';
const WORDS = '"the story was dull" "a lovely meal"';
const ENGLISH = '"a big dog" "red cat sees a house"';

/** @type {Record<string, Omit<Command, "name">>} */
const text = {
  mlp: { train: "--data builtin --epochs 3", evaluate: "--data builtin", predict: CLASSES },
  "bag-of-words": {
    train: "--data reviews.tsv --model bag-of-words --epochs 6 --l1 0.0001 --early-stopping-patience 2",
    ...{ evaluate: "--data reviews.tsv", predict: CLASSES },
  },
  ...Object.fromEntries(
    ["rnn", "gru", "lstm"].map((cell) => [
      cell,
      {
        train: `--data reviews.tsv --model ${cell} --epochs 3 --hidden-size 16 --embedding-size 12`,
        ...{ evaluate: "--data reviews.tsv", predict: CLASSES },
      },
    ]),
  ),
  transformer: {
    train:
      "--data parts --model transformer --epochs 3 --hidden-size 32 --heads 4 --layers 2 --ema-decay 0.9 --warmup-ratio 0.2 --lr-scheduler-type cosine",
    ...{ evaluate: "--data parts", predict: CLASSES },
  },
  "mlp of a folder with parts": {
    train:
      "--data parts --epochs 3 --optim sgd --learning-rate 0.1 --nesterov --weight-decay 0.001 --seed 7 --data-seed 9",
    ...{ evaluate: "--data parts/test.tsv", predict: CLASSES },
  },
  "mlp with weights of classes": {
    train:
      "--data topics.csv --text-column body --label-column kind --epochs 4 --class-weights balanced --label-smoothing-factor 0.1 --gradient-accumulation-steps 2",
    ...{ evaluate: "--data topics.csv --text-column body --label-column kind", predict: CLASSES },
  },
  "mlp with vectors": {
    train: "--data reviews.tsv --embeddings vectors.txt --epochs 3 --dropout 0.2 --range 0:120",
    ...{ evaluate: "--data reviews.tsv --range 120:160", predict: CLASSES },
  },
  "lstm with vectors": {
    train: "--data reviews.tsv --model lstm --embeddings vectors.txt --epochs 2 --hidden-size 16 --validation 0.2",
    ...{ evaluate: "--data reviews.tsv", predict: CLASSES },
  },
  "mlp, measured every few steps": {
    train:
      "--data reviews.tsv --validation parts/dev.tsv --max-steps 40 --eval-steps 6 --save-steps 8 --metric-for-best-model loss --greater-is-better false",
    ...{ evaluate: "--data reviews.tsv", predict: CLASSES },
  },
  "mlp without validation": {
    train: "--data reviews.tsv --validation none --epochs 2 --optim rmsprop --max-grad-norm 0.5",
    ...{ evaluate: "--data reviews.tsv", predict: CLASSES },
  },
  "lstm, killed and resumed": {
    train: "--data reviews.tsv --model lstm --epochs 6 --hidden-size 16 --embedding-size 12 --save-steps 4",
    ...{ interrupted: true, evaluate: "--data reviews.tsv", predict: CLASSES },
  },
  bert: {
    train: "--model ./bert --data reviews.tsv --epochs 2 --learning-rate 0.001",
    ...{ evaluate: "--data reviews.tsv", predict: CLASSES },
  },
  "bert of pairs": {
    train:
      "--model ./bert --data pairs.tsv --epochs 2 --learning-rate 0.001 --class-weights balanced --label-smoothing-factor 0.1 --group-by-length",
    ...{ evaluate: "--data pairs.tsv", predict: '"the film was good"' },
  },
  "bert of numbers": {
    train:
      "--model ./bert --data scores.tsv --label-column score --validation scores-dev.tsv --epochs 2 --learning-rate 0.001",
    ...{ evaluate: "--data scores-dev.tsv --label-column score", predict: '"the film was good"' },
  },
  "bert with an adapter": {
    train:
      "--model ./bert --data reviews.tsv --epochs 2 --lora 4 --lora-alpha 16 --lora-target query,value,output.dense --batch-size 16",
    ...{ evaluate: "--data reviews.tsv", predict: CLASSES },
  },
  "bert, frozen in part": {
    train:
      "--model ./bert --data reviews.tsv --epochs 2 --learning-rate 0.001 --freeze embeddings --layerwise-lr-decay 0.7 --warmup-steps 3 --gradient-checkpointing",
    ...{ evaluate: "--data reviews.tsv", predict: CLASSES },
  },
  "distilbert, averaged": {
    train:
      "--model ./distilbert --data parts --epochs 3 --learning-rate 0.001 --batch-size 8 --gradient-accumulation-steps 2 --ema-decay 0.8 --early-stopping-patience 1",
    ...{ evaluate: "--data parts", predict: CLASSES },
  },
  roberta: {
    train:
      "--model ./roberta --data topics.csv --text-column body --label-column kind --max-steps 12 --learning-rate 0.001 --dropout 0.2",
    ...{ evaluate: "--data topics.csv --text-column body --label-column kind", predict: CLASSES },
  },
  "gpt2 that classifies": {
    train: "--model ./gpt2 --data reviews.tsv --max-steps 12 --learning-rate 0.001 --max-length 16",
    ...{ evaluate: "--data reviews.tsv", predict: CLASSES },
  },
  "bert, killed and resumed": {
    train:
      "--model ./bert --data reviews.tsv --epochs 3 --learning-rate 0.001 --batch-size 8 --save-steps 5 --group-by-length",
    ...{ interrupted: true, evaluate: "--data reviews.tsv", predict: CLASSES },
  },
};

/** @type {Record<string, Omit<Command, "name">>} */
const tokens = {
  lstm: { train: "--data words.conll --epochs 2 --hidden-size 16", evaluate: "--data words.conll", predict: WORDS },
  gru: {
    train: "--data entities --model gru --epochs 2 --hidden-size 16 --class-weights balanced",
    ...{ evaluate: "--data entities", predict: '"Ann Smith lives in New Rome"' },
  },
  rnn: {
    train: "--data entities --model rnn --epochs 2 --hidden-size 16 --label-smoothing-factor 0.1",
    ...{ evaluate: "--data entities", predict: '"Ann Smith lives in New Rome"' },
  },
  transformer: {
    train: "--data words.conll --model transformer --epochs 2 --hidden-size 32 --heads 4 --warmup-steps 3",
    ...{ evaluate: "--data words.conll", predict: WORDS },
  },
  bert: {
    train: "--model ./bert --data entities --epochs 3 --learning-rate 0.001 --group-by-length",
    ...{ evaluate: "--data entities", predict: '"Ann Smith lives in New Rome"' },
  },
  "distilbert with an adapter": {
    train:
      "--model ./distilbert --data words.conll --epochs 2 --lora 2 --lora-target all-linear --class-weights balanced",
    ...{ evaluate: "--data words.conll", predict: WORDS },
  },
  electra: {
    train:
      "--model ./electra --data words.conll --epochs 2 --learning-rate 0.001 --label-smoothing-factor 0.1 --layerwise-lr-decay 0.8",
    ...{ evaluate: "--data words.conll", predict: WORDS },
  },
};

const WRITE = "--prompt the --max-new-tokens 24 --seed 3";
/** @type {Record<string, Omit<Command, "name">>} */
const generation = {
  "rnn of characters": {
    train:
      "--data prose.txt --model rnn --epochs 2 --hidden-size 24 --embedding-size 12 --block-size 24 --batch-size 8",
    ...{ evaluate: "--data corpus", generate: WRITE },
  },
  "gru of characters": {
    train:
      "--data corpus --model gru --epochs 2 --hidden-size 24 --block-size 24 --batch-size 8 --gradient-accumulation-steps 2",
    ...{ evaluate: "--data corpus", generate: WRITE },
  },
  "lstm of words": {
    train:
      "--data corpus --model lstm --tokenizer word --epochs 3 --hidden-size 24 --embedding-size 16 --block-size 12 --batch-size 6",
    ...{ evaluate: "--data corpus", generate: WRITE },
  },
  "lstm of words with vectors": {
    train:
      "--data corpus --tokenizer word --embeddings vectors.txt --epochs 2 --hidden-size 12 --block-size 12 --batch-size 6 --tie-weights",
    ...{ evaluate: "--data corpus", generate: WRITE },
  },
  "lstm of pieces": {
    train:
      "--data prose.txt --model lstm --tokenizer bpe --vocab-size 280 --epochs 2 --hidden-size 24 --embedding-size 16 --batch-size 4",
    ...{ evaluate: "--data prose.txt", generate: WRITE },
  },
  "awd-lstm of words": {
    train:
      "--data corpus --model awd-lstm --tokenizer word --epochs 3 --hidden-size 24 --block-size 12 --batch-size 6 --weight-dropout 0.2 --input-dropout 0.1",
    ...{ evaluate: "--data corpus", generate: WRITE },
  },
  "awd-lstm of characters": {
    train:
      "--data corpus --model awd-lstm --tokenizer character --epochs 1 --hidden-size 24 --block-size 24 --batch-size 8 --ema-decay 0.9",
    ...{ evaluate: "--data corpus", generate: WRITE },
  },
  "gpt of characters": {
    train:
      "--data prose.txt --model gpt --hidden-size 32 --heads 4 --layers 2 --block-size 24 --max-steps 30 --warmup-steps 5",
    ...{ evaluate: "--data corpus", generate: WRITE },
  },
  "gpt of words": {
    train:
      "--data corpus --model gpt --tokenizer word --hidden-size 32 --layers 1 --block-size 12 --max-steps 24 --gradient-accumulation-steps 2 --dropout 0.1",
    ...{ evaluate: "--data corpus", generate: WRITE },
  },
  "lstm, killed and resumed": {
    train:
      "--data corpus --tokenizer word --epochs 8 --hidden-size 24 --embedding-size 16 --block-size 8 --batch-size 4 --gradient-accumulation-steps 2 --save-steps 6",
    ...{ interrupted: true, evaluate: "--data corpus", generate: WRITE },
  },
  "gpt2 on text": {
    train:
      "--model ./gpt2 --data prose.txt --block-size 32 --max-steps 12 --learning-rate 0.001 --gradient-checkpointing",
    ...{ evaluate: "--data prose.txt", generate: WRITE },
  },
  "llama on text with an adapter": {
    train: "--model ./llama --data corpus --block-size 24 --max-steps 12 --lora 4 --layerwise-lr-decay 0.9",
    ...{ evaluate: "--data corpus", generate: WRITE },
  },
  "gpt2 on chats": {
    train: "--model ./gpt2 --data chats.jsonl --epochs 2 --learning-rate 0.001 --batch-size 4 --group-by-length",
    ...{
      evaluate: "--data chats.jsonl",
      generate: '--chat --prompt "What is the colour of snow?" --max-new-tokens 12 --seed 3',
    },
  },
  "llama on chats, packed": {
    train:
      "--model ./llama --data chats.jsonl --packing --block-size 48 --epochs 3 --learning-rate 0.001 --batch-size 4 --gradient-accumulation-steps 2 --validation 0.2",
    ...{
      evaluate: "--data chats.jsonl",
      generate: '--chat --prompt "What is the colour of snow?" --max-new-tokens 12 --temperature 0',
    },
  },
  "llama on completions with an adapter": {
    train:
      "--model ./llama --data completions.jsonl --packing --block-size 32 --epochs 3 --lora 8 --lora-target all-linear --validation none",
    ...{
      evaluate: "--data completions.jsonl",
      generate: '--prompt "The colour of grass:" --max-new-tokens 12 --temperature 0',
    },
  },
};

const MASKED = '"the [MASK] was good" "the film [MASK] [MASK]"';
/** @type {Record<string, Omit<Command, "name">>} */
const masked = {
  bert: {
    train: "--model ./bert --data corpus --epochs 2 --learning-rate 0.001 --max-length 24",
    ...{ evaluate: "--data corpus", predict: `${MASKED} --top-k 3` },
  },
  "distilbert with an adapter": {
    train:
      "--model ./distilbert --data prose.txt --epochs 2 --lora 4 --mlm-probability 0.3 --max-length 16 --gradient-accumulation-steps 2",
    ...{ evaluate: "--data prose.txt", predict: `${MASKED} --top-k 2` },
  },
  "roberta, frozen in part": {
    train:
      "--model ./roberta --data corpus --max-steps 12 --learning-rate 0.001 --freeze layer.0 --max-length 24 --ema-decay 0.8",
    ...{ evaluate: "--data corpus", predict: '"the <mask> was good" --top-k 3' },
  },
};

/** @type {Record<string, Omit<Command, "name">>} */
const translation = {
  "lstm-attention": {
    train: "--data parallel --epochs 2 --vocab-size 60 --hidden-size 24 --embedding-size 16 --batch-size 16",
    ...{ evaluate: "--data parallel", predict: ENGLISH },
  },
  transformer: {
    train:
      "--data columns.tsv --model transformer --tokenizer word --epochs 2 --hidden-size 32 --heads 4 --layers 1 --batch-size 16 --warmup-steps 8 --ema-decay 0.9",
    ...{ evaluate: "--data columns.tsv --range 0:30", predict: ENGLISH },
  },
  "transformer, killed and resumed": {
    train:
      "--data parallel --model transformer --tokenizer character --epochs 3 --hidden-size 32 --layers 1 --batch-size 8 --max-length 24 --save-steps 10 --range 0:150 --label-smoothing-factor 0",
    ...{ interrupted: true, evaluate: "--data parallel", predict: `${ENGLISH} --num-beams 2` },
  },
  marian: {
    train:
      "--model ./marian --data parallel --max-steps 24 --learning-rate 0.002 --label-smoothing-factor 0.1 --group-by-length",
    ...{ evaluate: "--data parallel", predict: ENGLISH },
  },
  "marian, frozen in part": {
    train:
      "--model ./marian --data parallel --max-steps 16 --eval-steps 8 --learning-rate 0.002 --freeze encoder.layers.0 --gradient-checkpointing",
    ...{ evaluate: "--data parallel", predict: ENGLISH },
  },
  t5: {
    train:
      '--model ./t5 --data parallel --source-prefix "translate : " --max-steps 24 --learning-rate 0.005 --source-language en --target-language de --gradient-accumulation-steps 2',
    ...{ evaluate: "--data parallel", predict: ENGLISH },
  },
  "t5 with an adapter": {
    train:
      "--model ./t5 --data columns.tsv --source-column de --target-column en --max-steps 16 --lora 4 --layerwise-lr-decay 0.8",
    ...{
      evaluate: "--data columns.tsv --range 0:30 --source-column de --target-column en",
      predict: '"ein Hund" --num-beams 3',
    },
  },
};

const tables = Object.fromEntries([
  ...[
    [
      "classification mlp",
      "group",
      "--hidden-size 16 --layers 2 --dropout 0.1 --class-weights balanced --label-smoothing-factor 0.05",
    ],
    ["classification linear", "kind", "--model linear --validation 0.2"],
    ["classification perceptron", "kind", "--model perceptron"],
    ["regression mlp", "price", "--hidden-size 16"],
    ["regression linear", "price", "--model linear --validation price.csv --l1 0.001"],
  ].map(([name, column, more]) => [
    name,
    {
      train: `--data ${column}.csv --label-column ${column} --epochs 8 ${more}`,
      ...{ evaluate: `--data ${column}.csv`, predict: '"8.5,red,2" "1,green,"' },
    },
  ]),
]);

/** @type {Record<string, Omit<Command, "name">>} */
const images = {
  mlp: {
    train: "--data digits --epochs 3 --hidden-size 16 --class-weights balanced --label-smoothing-factor 0.1",
    ...{ evaluate: "--data digits", predict: "--input digits/t10k-images-idx3-ubyte" },
  },
  linear: {
    train: "--data digits --model linear --epochs 3 --range 0:100 --optim adagrad --learning-rate 0.05 --bf16",
    ...{ evaluate: "--data digits --range 0:30", predict: "--input digits/t10k-images-idx3-ubyte" },
  },
};

/** Tasks without a training of their own. */
const vectors = {
  "feature-extraction bert": {
    use: "./bert",
    predict: `${CLASSES} --task feature-extraction --pooling mean --normalize`,
  },
  "feature-extraction llama": { use: "./llama", predict: '"the film" --task feature-extraction --pooling none' },
  "sentence-similarity bert": {
    use: "./bert",
    predict: '"the film was good\tthe book was fine" --task sentence-similarity',
  },
};

const of = (task, commands) =>
  Object.entries(commands).map(([name, { train, ...rest }]) => ({
    name: `${task} ${name}`,
    train: `train ${task} ${train}`,
    ...rest,
  }));

/** @type {Command[]} */
export const COMMANDS = [
  ...of("text-classification", text),
  ...of("token-classification", tokens),
  ...of("text-generation", generation),
  ...of("fill-mask", masked),
  ...of("translation", translation),
  ...Object.entries(tables).map(([name, { train, ...rest }]) => {
    const [kind] = name.split(" ");
    return { name: `tabular-${name}`, train: `train tabular-${kind} ${train}`, ...rest };
  }),
  ...of("image-classification", images),
  ...Object.entries(vectors).map(([name, rest]) => ({ name, ...rest })),
];
