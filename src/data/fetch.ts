import { parse } from "yaml";
import { env, existsSync, join, readFileSync } from "#platform";
import { pushAll } from "../backend/arrays.ts";
import { checkOptions } from "../backend/options.ts";
import { matcher } from "../hub/files.ts";
import { HubError, type HubOptions, hubFile, listFiles, snapshotDownload } from "../hub/index.ts";
import { HUB_OPTIONS, HUB_REFUSED, hubOptions } from "../hub/settings.ts";
import { glueTask } from "./glue-tasks.ts";
import { DataError } from "./lines.ts";
import { formatOf } from "./records.ts";
import { type Part, partOf, publishedFolder, resolveSource, type Source, type SourceKind } from "./source.ts";

/** Where the hub keeps the Parquet files that it makes of every data set, for those that are made by a script. */
const CONVERTED = "refs/convert/parquet";

/** Paths of each part. */
type Layout = Partial<Record<Part, string[]>>;

/** Patterns of files that a card may give; each is held against every name. */
const MAX_PATTERNS = 10_000;

const listIn = (layout: Layout, part: Part): string[] => {
  layout[part] ??= [];
  return layout[part];
};
const baseName = (path: string) => path.slice(path.lastIndexOf("/") + 1);
const listed = (names: readonly string[]) => `${names.slice(0, 20).join(", ")}${names.length > 20 ? ", …" : ""}`;

/** The card's own description: `configs:` of the YAML head of README.md. */
function cardConfigs(
  readme: string,
): { name: string; files: { split: string; patterns: string[] }[]; chosen: boolean }[] {
  const head = /^---\r?\n([\s\S]*?)\r?\n---/.exec(readme)?.[1];
  let card: unknown;
  try {
    card = head === undefined ? undefined : parse(head);
  } catch {
    return [];
  }
  const configs = (card as { configs?: unknown } | null | undefined)?.configs;
  if (!Array.isArray(configs)) return [];
  const strings = (value: unknown) => [value].flat().filter((v) => typeof v === "string") as string[];
  return configs.flatMap((config: { config_name?: unknown; data_files?: unknown; default?: unknown } | null) => {
    if (config === null || typeof config !== "object" || config.data_files === undefined) return [];
    const files = [config.data_files].flat().map((entry: unknown) => {
      const { split, path } = (entry !== null && typeof entry === "object" ? entry : { path: entry }) as Record<
        string,
        unknown
      >;
      return { split: typeof split === "string" ? split : "train", patterns: strings(path) };
    });
    return [{ name: String(config.config_name ?? "default"), files, chosen: config.default === true }];
  });
}

function fromCard(
  readme: string,
  names: readonly string[],
  config: string | undefined,
  id: string,
): Layout | undefined {
  const configs = cardConfigs(readme);
  if (configs.length === 0) return undefined;
  const wanted =
    config === undefined
      ? (configs.find(({ chosen }) => chosen) ??
        (configs.length === 1 ? configs[0] : configs.find(({ name }) => name === "default")))
      : configs.find(({ name }) => name === config);
  if (wanted === undefined)
    throw which(
      id,
      config,
      configs.map(({ name }) => name),
    );
  const patterns = wanted.files.reduce((n, file) => n + file.patterns.length, 0);
  if (patterns > MAX_PATTERNS)
    throw new DataError(`hub:${id}: its card names ${patterns} patterns of files; the limit is ${MAX_PATTERNS}`);
  const data = names.filter((name) => formatOf(name) !== undefined);
  const layout: Layout = {};
  for (const { split, patterns } of wanted.files) {
    const part = partOf(split);
    if (part === undefined) continue;
    const found = data.filter(matcher(patterns));
    if (found.length > 0) pushAll(listIn(layout, part), found.sort());
  }
  return layout;
}

function which(id: string, config: string | undefined, configs: readonly string[]): DataError {
  return new DataError(
    config === undefined ? `hub:${id}: which of its configurations?` : `hub:${id}: there is no configuration ${config}`,
    `Name one: ${listed(configs.map((name) => `hub:${id}:${name}`))}.`,
  );
}

/** Parts by the names of files or of the folder around them. */
function partsOf(paths: readonly string[]): Layout {
  const layout: Layout = {};
  const untold: string[] = [];
  for (const path of [...paths].sort()) {
    const folder = path.split("/").at(-2) ?? "";
    const part = partOf(baseName(path)) ?? partOf(folder);
    if (part === undefined) untold.push(path);
    else listIn(layout, part).push(path);
  }
  return Object.keys(layout).length === 0 && untold.length > 0 ? { train: untold } : layout;
}

/** Published layouts: `CONFIG/train-00000-of-00001.parquet`, `CONFIG/train/0000.parquet`, `data/train-*.parquet`, `train.csv`. */
function fromPaths(names: readonly string[], config: string | undefined, id: string): Layout | undefined {
  const data = names.filter(
    (name) => formatOf(name) !== undefined && !/^(readme|licen[cs]e|citation|requirements)\b/i.test(baseName(name)),
  );
  if (data.length === 0) return undefined;
  const groups = new Map<string, string[]>();
  for (const name of data) {
    const folders = name.split("/").slice(0, -1);
    if (partOf(folders.at(-1) ?? "") !== undefined) folders.pop();
    const group = folders.filter((folder, i) => i > 0 || folder !== "data").join("/");
    const others = groups.get(group);
    if (others === undefined) groups.set(group, [name]);
    else others.push(name);
  }
  const chosen =
    config !== undefined
      ? groups.get(config)
      : (groups.get("") ??
        groups.get("default") ??
        groups.get("plain_text") ??
        (groups.size === 1 ? [...groups.values()][0] : undefined));
  if (chosen !== undefined) {
    // The same rows in two forms are wanted once.
    const parquet = chosen.filter((name) => formatOf(name) === "parquet");
    return partsOf(parquet.length > 0 ? parquet : chosen);
  }
  throw which(
    id,
    config,
    [...groups.keys()].filter((name) => name !== ""),
  );
}

async function layoutAt(id: string, config: string | undefined, options: HubOptions & { revision?: string }) {
  const asked = { ...options, kind: "dataset" as const };
  const names = await listFiles(id, asked);
  const readme = names.includes("README.md") ? readFileSync(await hubFile(id, "README.md", asked), "utf8") : "";
  return fromCard(readme, names, config, id) ?? fromPaths(names, config, id);
}

async function hubSource(
  id: string,
  config: string | undefined,
  revision: string | undefined,
  options: HubOptions,
): Promise<Source> {
  let asked = { ...options, revision };
  let layout = await layoutAt(id, config, asked);
  if (layout === undefined && revision === undefined) {
    asked = { ...options, revision: CONVERTED };
    try {
      layout = await layoutAt(id, config, asked);
    } catch (error) {
      if (!(error instanceof HubError) || error.status !== 404) throw error;
    }
  }
  const paths = Object.values(layout ?? {}).flat();
  if (layout === undefined || paths.length === 0) {
    throw new DataError(
      `hub:${id}: no data files that can be read`,
      "Readable are Parquet, CSV, TSV, JSONL and text; data sets made by a script only need the hub's Parquet branch.",
    );
  }
  const folder = await snapshotDownload(id, { ...asked, kind: "dataset", allowPatterns: paths.map(literal) });
  const parts = Object.fromEntries(
    Object.entries(layout).map(([part, list]) => [part, list.map((path) => join(folder, ...path.split("/")))]),
  );
  return { name: config === undefined ? id : `${id}:${config}`, parts, builtin: false };
}
const literal = (path: string) => path.replace(/[*?[]/g, "[$&]");

/** Short names of published data sets: a folder in SHOSHIN_DATA, else this on the hub. */
const KNOWN: Readonly<Record<string, string>> = {
  ptb: "ptb-text-only/ptb_text_only",
  "wikitext:2": "Salesforce/wikitext:wikitext-2-raw-v1",
  "wikitext:103": "Salesforce/wikitext:wikitext-103-raw-v1",
};

/**
 * The files behind a SOURCE, fetched where they are not here: all that {@link resolveSource} knows, and
 * `hub:OWNER/NAME[:CONFIG][@REVISION]`, `glue:TASK`, `wikitext:2` and `ptb` from the hub's cache or the hub.
 * @throws DataError for an unknown source or configuration; HubError for what cannot be fetched; WriteError for a full disk.
 */
export async function fetchSource(
  source: string,
  kind: SourceKind = "rows",
  options: HubOptions = {},
): Promise<Source> {
  checkOptions("fetchSource", options, HUB_OPTIONS, HUB_REFUSED);
  if (existsSync(source)) return resolveSource(source, kind);
  const data = env("SHOSHIN_DATA");
  const here = (folder: string) => data !== undefined && existsSync(join(data, folder));
  let spec = source;
  if (source.startsWith("glue:")) {
    const { name, folder } = glueTask(source.slice(5));
    if (here(join("glue", folder))) return resolveSource(source, kind);
    spec = `hub:nyu-mll/glue:${name}`;
  } else if (Object.hasOwn(KNOWN, source)) {
    if (publishedFolder(source) !== undefined) return resolveSource(source, kind);
    spec = `hub:${KNOWN[source]}`;
  }
  if (!spec.startsWith("hub:")) return resolveSource(source, kind);
  const match = /^hub:([\w.-]+(?:\/[\w.-]+)?)(?::([\w.+-]+))?(?:@(.+))?$/.exec(spec);
  if (match === null) throw new DataError(`${source}: no name of a data set`, "Write hub:OWNER/NAME[:CONFIG].");
  return hubSource(match[1], match[2], match[3], hubOptions(options));
}
