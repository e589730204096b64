export { collateRows, collateSparse, padSequences } from "./collate.ts";
export { type ColumnOptions, type TextExample, targetColumn, textExamples } from "./columns.ts";
export { type ImageData, readIdx, readImages } from "./idx.ts";
export { DataError, readLines } from "./lines.ts";
export { ArrayDataset, DataLoader, type DataLoaderOptions, type Dataset } from "./loader.ts";
export { type Records, readRecords } from "./records.ts";
export { builtinPart, type Part, parseRange, resolveSource, type Source } from "./source.ts";
export { shuffled, stratifiedSplit } from "./split.ts";
export { isMissing, TabularEncoder, type TabularState } from "./tabular.ts";
