import { env, existsSync, homedir, join, readFileSync } from "#platform";
import { ShoshinError } from "../backend/errors.ts";
import type { Known } from "../backend/options.ts";

/** A repository, revision or file could not be had from the hub. Nothing half-written is left in the cache's snapshots. */
export class HubError extends ShoshinError {
  /** Status of the hub's answer; undefined where there was none. */
  readonly status: number | undefined;

  constructor(message: string, hint?: string, options?: ErrorOptions & { status?: number }) {
    super(message, hint, options);
    this.status = options?.status;
  }
}

/** How far a download is. Bytes that lay there from an earlier try count as done. */
export interface HubProgress {
  /** `owner/name`. */
  repository: string;
  /** Bytes. */
  done: number;
  /** Bytes of all files that were not in the cache; grows where the hub does not tell sizes beforehand. */
  total: number;
  files: number;
  filesDone: number;
}

export interface HubOptions {
  /** Default HF_ENDPOINT, else https://huggingface.co. */
  endpoint?: string;
  /** Default HF_HUB_CACHE, else `hub` in HF_HOME, else ~/.cache/huggingface/hub. */
  cacheDir?: string;
  /** Default HF_TOKEN, else the token file that `hf auth login` writes. `false` sends none. */
  token?: string | false;
  /** Use what is cached and ask nobody. Default HF_HUB_OFFLINE. */
  localFilesOnly?: boolean;
  onProgress?: (progress: HubProgress) => void;
  /** Where a line for the reader goes (the hub does not answer, what is cached is used). */
  say?: (line: string) => void;
  /** Stops the download; what has come stays for the next time. */
  signal?: AbortSignal;
  /** Milliseconds before the first repetition of a request that failed; doubles with each. Default 500. */
  retryDelay?: number;
  /** Milliseconds of silence after which a connection is given up. Default HF_HUB_DOWNLOAD_TIMEOUT (seconds), else 10 s. */
  timeout?: number;
}

export const HUB_OPTIONS: Known<HubOptions> = {
  ...{ endpoint: true, cacheDir: true, token: true, localFilesOnly: true, onProgress: true, say: true, signal: true },
  ...{ retryDelay: true, timeout: true },
};
/** What Python's huggingface_hub has besides. */
export const HUB_REFUSED = {
  repoType: 'Say { kind: "dataset" }.',
  forceDownload: "What is cached is checked against its digest: remove the folder in the cache to fetch it again.",
  resumeDownload: "A download that was cut off always goes on.",
  proxies: "Node takes HTTPS_PROXY with --use-env-proxy.",
  localDir: "Files lie in the cache that Python shares: copy them from the snapshot's folder.",
  maxWorkers: "Four files are fetched side by side.",
  useAuthToken: "It is called token.",
  trustRemoteCode: "No code of a repository is ever run.",
};

/** Of the options of a task or model, which has checked its own, those that are for the hub. */
export const hubOptions = (options: HubOptions): HubOptions =>
  Object.fromEntries(Object.entries(options).filter(([name]) => Object.hasOwn(HUB_OPTIONS, name)));

export interface HubSettings extends HubOptions {
  endpoint: string;
  cacheDir: string;
  token: string | false;
  localFilesOnly: boolean;
  retryDelay: number;
  timeout: number;
}

const isTrue = (value: string | undefined) => /^(1|on|yes|true)$/i.test(value ?? "");
const seconds = (value: string | undefined) => (Number(value) > 0 ? Number(value) * 1000 : undefined);
const expand = (path: string) => (/^~(?=$|[/\\])/.test(path) ? join(homedir(), path.slice(1)) : path);

function storedToken(home: string): string | false {
  const given = (env("HF_TOKEN") || env("HUGGING_FACE_HUB_TOKEN"))?.trim();
  if (given) return given;
  if (isTrue(env("HF_HUB_DISABLE_IMPLICIT_TOKEN"))) return false;
  const path = expand(env("HF_TOKEN_PATH") ?? join(home, "token"));
  return (existsSync(path) && readFileSync(path, "utf8").trim()) || false;
}

/** The options with what the environment says for those left out (the variables of Python's huggingface_hub). */
export function hubSettings(options: HubOptions = {}): HubSettings {
  const base = env("XDG_CACHE_HOME") ?? join(homedir(), ".cache");
  const home = expand(env("HF_HOME") ?? join(base, "huggingface"));
  const endpoint = options.endpoint ?? (env("HF_ENDPOINT") || "https://huggingface.co");
  if (!/^https?:\/\/\S+$/.test(endpoint)) {
    throw new HubError(
      `the hub's address is ${JSON.stringify(endpoint)}`,
      "HF_ENDPOINT begins with http:// or https://.",
    );
  }
  const token = options.token ?? storedToken(home);
  if (token && !/^[\x21-\x7e]+$/.test(token)) {
    throw new HubError("the hub's token has blanks or other characters that none has", "Look at HF_TOKEN.");
  }
  return {
    ...options,
    endpoint: endpoint.replace(/\/+$/, ""),
    cacheDir: options.cacheDir ?? expand(env("HF_HUB_CACHE") ?? env("HUGGINGFACE_HUB_CACHE") ?? join(home, "hub")),
    token,
    localFilesOnly: options.localFilesOnly ?? isTrue(env("HF_HUB_OFFLINE") || env("TRANSFORMERS_OFFLINE")),
    retryDelay: options.retryDelay ?? 500,
    timeout: options.timeout ?? seconds(env("HF_HUB_DOWNLOAD_TIMEOUT")) ?? 10_000,
  };
}
