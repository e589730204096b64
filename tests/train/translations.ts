import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";

/** A hypothesis and its references. */
export type Row = [hypothesis: string, references: string[]];

/** Translations for the metrics' recorded values. */
export const TEXTS: Record<string, Row[]> = {
  english: [
    [
      "The ferry leaves at 9.30 from the old harbour.",
      ["The ferry departs from the old harbour at 9.30.", "At 9.30 the ferry leaves the old harbour."],
    ],
    ['She said: "It\'s &quot;only&quot; $1,200 - take it!"', ['She said: "It is only $1,200 – take it!"']],
    ["", ["Nobody answered."]],
    ["yes", ["Yes.", "yes", "Yes, of course."]],
    ["rain rain rain rain", ["Rain, rain and more rain."]],
    [
      "the well-known author of “Night Trains” (1998-2004) wrote 3.5 pages a day .",
      [
        "The well-known author of “Night Trains” (1998–2004) wrote 3,5 pages every day.",
        'The famous author of "Night Trains" wrote three and a half pages a day.',
      ],
    ],
  ],
  german: [
    [
      "Der Zug nach Köln hat heute zwanzig Minuten Verspätung.",
      [
        "Der Zug nach Köln hat heute etwa 20 Minuten Verspätung.",
        "Heute ist der Zug nach Köln zwanzig Minuten verspätet.",
      ],
    ],
    ["„Wo liegt die STRASSE?“, fragte Änne.", ["„Wo ist denn die Straße?“, fragte änne leise."]],
    ["Das kostet 12,50 € – viel zu viel!", ["Das kostet 12,50€, also viel zu viel."]],
    ["Danke", ["Danke schön!"]],
  ],
  chinese: [
    ["我昨天在图书馆读了三本书。", ["昨天我在图书馆看了3本书。", "我昨天在图书馆里读完了三本书。"]],
    ["这个App的价格是3.5元，“很便宜”！", ["这款App只要 3.5 元……“真便宜”！"]],
    ["好", ["好的。", "好"]],
    ["𠮷野家的牛肉饭😀", ["吉野家的牛肉饭", "𠮷野家牛丼😀"]],
  ],
  "no match": [
    ["alpha beta", ["gamma delta epsilon"]],
    ["", [""]],
  ],
  empty: [["", ["a b"]]],
};

export const hypotheses = (rows: readonly Row[]) => rows.map(([hypothesis]) => hypothesis);
export const references = (rows: readonly Row[]) => rows.map(([, list]) => list);

/** Whether a number is the recorded one, but for rounding. */
export const near = (value: number, recorded: number) => Math.abs(value - recorded) <= 1e-9 * Math.abs(recorded);

const FILE = join(process.env.SHOSHIN_DATA ?? "../shared/data", "sacrebleu_reference/cases.json");
/** Whether sacreBLEU's own cases are there. */
export const hasCases = existsSync(FILE);
if (!hasCases) console.warn("skipped, no data: sacrebleu_reference (SHOSHIN_DATA)");

/** The list of sacreBLEU's own cases whose name begins so. */
export function publishedCases<C>(start: string): C[] {
  const all = JSON.parse(readFileSync(FILE, "utf8")) as Record<string, C[]>;
  return all[Object.keys(all).find((key) => key.startsWith(start)) as string];
}
