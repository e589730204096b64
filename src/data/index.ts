export { type Collated, collateRows, collateSparse, defaultCollate, padSequences } from "./collate.ts";
export { type ColumnOptions, type TextExample, targetColumn, textExamples } from "./columns.ts";
export {
  type AnyDataset,
  ArrayDataset,
  type BatchDataset,
  type BatchOf,
  type Dataset,
  type ExampleOf,
  TensorDataset,
} from "./dataset.ts";
export { type DataFile, type DataRecord, type DataRecordOptions, dataRecord } from "./digest.ts";
export { fetchSource } from "./fetch.ts";
export { type GlueExample, readGlue, writeGlueSubmission } from "./glue.ts";
export { GLUE_TASKS, type GluePart, type GlueTask, glueTask } from "./glue-tasks.ts";
export { type ImageData, readIdx, readImages } from "./idx.ts";
export { DataError, readLines } from "./lines.ts";
export { DatasetDict, type DatasetRow, loadDataset } from "./load-dataset.ts";
export { DataLoader, type DataLoaderOptions } from "./loader.ts";
export { type PairedTexts, type PairOptions, readPairs, type SentencePair, splitPairs } from "./parallel.ts";
export { type Records, readRecords, streamRecords } from "./records.ts";
export { builtinPart, type Part, parseRange, resolveSource, type Source } from "./source.ts";
export { shuffled, stratifiedSplit } from "./split.ts";
export {
  readCsv,
  readJsonl,
  readParquet,
  readTsv,
  type SplitOptions,
  Table,
  type TableOptions,
  type TableSplit,
} from "./table.ts";
export { isMissing, TabularEncoder, type TabularState } from "./tabular.ts";
export { readTagged, type TaggedSentence, taggedFormatOf } from "./tagged.ts";
export { type RawTensor, WorkerDataset, type WorkerSource } from "./worker.ts";
