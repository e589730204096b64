export type { HubPurpose } from "./files.ts";
export { resolveModel } from "./resolve.ts";
export { HubError, type HubOptions, type HubProgress } from "./settings.ts";
export { hubFile, listFiles, type SnapshotOptions, snapshotDownload } from "./snapshot.ts";
