import { existsSync, statSync } from "#platform";
import { checkOptions } from "../backend/options.ts";
import type { HubPurpose } from "./files.ts";
import { HUB_OPTIONS, HUB_REFUSED, HubError, type HubOptions, hubOptions } from "./settings.ts";
import { snapshotDownload } from "./snapshot.ts";

const KNOWN = { ...HUB_OPTIONS, revision: true, purpose: true } as const;

/**
 * The local folder of a model: a folder is itself; `hub:OWNER/NAME[@REVISION]`, or `OWNER/NAME` and `NAME` where no such folder
 * exists, are fetched from the hub (only what `purpose` needs, default all of the model) or taken from its cache.
 * @throws HubError for what is neither; WriteError for a full disk.
 */
export async function resolveModel(
  spec: string,
  all: HubOptions & { revision?: string; purpose?: HubPurpose } = {},
): Promise<string> {
  checkOptions("resolveModel", all, KNOWN, HUB_REFUSED);
  const { revision, purpose = "model", ...options } = all;
  if (typeof spec !== "string" || spec === "") {
    throw new HubError("no model is named", "Name a folder, or a model of the hub: hub:OWNER/NAME[@REVISION].");
  }
  if (!spec.startsWith("hub:") && existsSync(spec)) {
    if (statSync(spec).isDirectory()) return spec;
    throw new HubError(`${spec} is a file`, "Name the folder that holds config.json and the weights.");
  }
  const [, prefix, id, at] = /^(hub:)?([\w.-]+(?:\/[\w.-]+)?)(?:@(.+))?$/.exec(spec) ?? [];
  if (id === undefined || id.startsWith(".")) {
    throw new HubError(`${spec}: no such folder`, "Name a folder, or a model of the hub: hub:OWNER/NAME[@REVISION].");
  }
  try {
    return await snapshotDownload(id, { ...hubOptions(options), revision: at ?? revision, purpose });
  } catch (error) {
    if (prefix !== undefined || !(error instanceof HubError)) throw error;
    throw new HubError(`${spec}: no such folder here, and from the hub: ${error.message}`, error.hint, {
      cause: error,
      status: error.status,
    });
  }
}
