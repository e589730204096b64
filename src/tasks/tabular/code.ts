import type { TaskCode } from "../task.ts";
import { type Row, type TableAbout, tableReader } from "./data.ts";
import { openTable, planTable } from "./presets.ts";

const code = (kind: "classes" | "numbers"): TaskCode<Row, TableAbout> => {
  const reader = tableReader(kind);
  return {
    reader,
    plan: (options, data) => planTable(kind, options, data),
    open: async (folder) => openTable(kind, reader, folder),
  };
};
export const classification = code("classes");
export const regression = code("numbers");
