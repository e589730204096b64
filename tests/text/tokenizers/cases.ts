/** Texts to train small tokenizers on, and texts to encode with them. */
export const CORPUS = [
  "The lighthouse keeper kept a log of every ship that passed.\nShips came slowly, ships left slowly.",
  "She said she'd keep the keys; the keeper's keys were kept in the kettle!",
  "Slow ships pass the light at night, and the night passes slowly for the keeper.",
  "灯塔看守人每天写日记。船来了,船走了。看守人看着船。",
  "Naïve café owners don't keep logs: they keep coffee, they keep cups, they keep quiet.",
  "In 1907 and in 1911 the light was out for 3 nights.",
  "the the the keeper keeper light light night night ship ship slowly slowly",
];

export const TEXTS = [
  "",
  " ",
  "The keeper keeps the light.",
  "  two  spaces, and a tab\tthen\n\na line ",
  "She'd don't we'll O'Neil's",
  "灯塔看守人 and the ship 船",
  "Cafe\u0301 naïve NAÏVE İstanbul ΣΑΣ",
  "👩‍👩‍👧 family 🙂 x",
  "[CLS] the [UNK] night <unk><s>ship</s><|endoftext|>",
  "▁signs ##and Ġmarks",
  "12345 ½ ١٢٣",
  "zero\u200bwidth\ufeff nel\u0085 nbsp\u00a0end",
  "http://example.org/a?b=c&d=e#f --- ...",
  "keeperkeeperkeeperkeeper",
];
