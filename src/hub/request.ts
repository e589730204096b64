import { HubError, type HubSettings } from "./settings.ts";

/** A failure that may be gone in a moment: no connection, silence, too many requests, trouble inside the hub. */
export class Transient extends HubError {
  /** Milliseconds that the hub asks to wait. */
  readonly wait: number | undefined;

  constructor(message: string, hint?: string, options?: ErrorOptions & { status?: number; wait?: number }) {
    super(message, hint, options);
    this.wait = options?.wait;
  }
}

const UNREACHABLE =
  "Check the connection; HF_ENDPOINT names a mirror, and HF_HUB_OFFLINE=1 uses only what is in the cache.";

/** Requests are repeated so often before they fail, unless bytes came in between. */
const ATTEMPTS = 5;
const LONGEST_WAIT = 30_000;

function sleep(ms: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    const end = () => {
      clearTimeout(timer);
      signal?.removeEventListener("abort", end);
      resolve();
    };
    const timer = setTimeout(end, ms);
    signal?.addEventListener("abort", end);
  });
}

export function throwIfStopped(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new HubError("the download was stopped", "Begin it again: it goes on where it ended.");
}

/**
 * Runs `attempt` until it works, waiting longer each time after a {@link Transient} failure. `advanced` tells whether the last
 * attempt brought something, which makes the count begin anew.
 */
export async function withRetries<T>(
  settings: HubSettings,
  attempt: () => Promise<T>,
  advanced: () => boolean = () => false,
): Promise<T> {
  for (let failures = 0; ; ) {
    throwIfStopped(settings.signal);
    try {
      return await attempt();
    } catch (error) {
      throwIfStopped(settings.signal);
      if (!(error instanceof Transient)) throw error;
      failures = advanced() ? 1 : failures + 1;
      if (failures >= ATTEMPTS) throw error;
      const wait = Math.max(error.wait ?? 0, settings.retryDelay * 2 ** (failures - 1));
      await sleep(Math.min(LONGEST_WAIT, wait), settings.signal);
    }
  }
}

/** What was asked for, in words for messages. */
export interface Asked {
  kind: "model" | "dataset";
  id: string;
  revision: string;
  file?: string;
}

export const repositoryUrl = ({ endpoint }: HubSettings, { kind, id }: Asked): string =>
  `${endpoint}/${kind === "dataset" ? "datasets/" : ""}${id}`;

function statusError(response: Response, text: string, asked: Asked, settings: HubSettings): HubError {
  const { status } = response;
  const { kind, id, revision, file } = asked;
  const code = response.headers.get("x-error-code") ?? "";
  const page = repositoryUrl(settings, asked);
  const what = file === undefined ? `${kind} ${id}` : `${file} of ${kind} ${id}`;
  const said = (response.headers.get("x-error-message") ?? text).trim().slice(0, 200);
  const words = said === "" ? "" : `: ${said}`;
  const from = `${settings.endpoint} answers ${status}`;
  const token = "make a token at https://huggingface.co/settings/tokens and set HF_TOKEN";
  if (code === "GatedRepo" || (status === 403 && code === "")) {
    return new HubError(`${what} is gated (${from})`, `Accept its conditions at ${page}, then ${token}.`, { status });
  }
  if (code === "DisabledRepo") return new HubError(`${what} is disabled (${from})`, undefined, { status });
  if (code === "RevisionNotFound") {
    return new HubError(
      `${kind} ${id} has no revision ${revision} (${from})`,
      `Branches, tags and commits are listed at ${page}.`,
      { status },
    );
  }
  if (code === "EntryNotFound" || (status === 404 && file !== undefined)) {
    return new HubError(`${kind} ${id} has no file ${file ?? ""} (${from})`, `Its files: ${page}/tree/${revision}.`, {
      status,
    });
  }
  if (status === 401 && settings.token !== false) {
    return new HubError(
      `${what}: the token is not accepted, or there is no such repository (${from})`,
      "Check the name, and HF_TOKEN or the token file.",
      { status },
    );
  }
  // Without a token the hub says 401 for what is private and for what does not exist.
  if (status === 401 || status === 404 || code === "RepoNotFound") {
    return new HubError(
      `there is no ${what}, or it is private (${from})`,
      `Check the name${status === 401 ? `; if it is private, ${token}` : ""}.`,
      { status },
    );
  }
  if (status === 403) return new HubError(`${what}: ${from}${words}`, "The token may not read it.", { status });
  if (status === 408 || status === 425 || status === 429 || status >= 500) {
    const wait = Number(response.headers.get("retry-after")) * 1000;
    return new Transient(
      `${what}: ${from}${words}`,
      status === 429 ? "Too many requests: wait, or set HF_TOKEN." : "The hub is in trouble: try again later.",
      { status, wait: wait > 0 ? wait : undefined },
    );
  }
  return new HubError(`${what}: ${from}${words}`, undefined, { status });
}

/** An answer whose body is read piece by piece; silence ends it. */
export interface Answer {
  response: Response;
  chunks(): AsyncGenerator<Uint8Array>;
  close(): void;
}

/**
 * Asks once. Throws {@link HubError} for a status that is no success, {@link Transient} where asking again may help.
 * @param init.manual answers 3xx are given back instead of followed.
 */
export async function ask(
  url: string,
  asked: Asked,
  settings: HubSettings,
  init: { method?: "GET" | "HEAD"; from?: number; manual?: boolean } = {},
): Promise<Answer> {
  const { method = "GET", from = 0, manual = false } = init;
  const abort = new AbortController();
  let silent = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const listen = () => {
    clearTimeout(timer);
    timer = setTimeout(() => {
      silent = true;
      abort.abort();
    }, settings.timeout);
  };
  const stop = () => abort.abort();
  const close = () => {
    clearTimeout(timer);
    settings.signal?.removeEventListener("abort", stop);
    abort.abort();
  };
  const failed = (error: unknown): HubError => {
    if (error instanceof HubError) return error;
    const where = new URL(url).origin;
    if (silent) return new Transient(`${where}: silent for ${settings.timeout / 1000} s`, UNREACHABLE);
    const cause = (error as Error).cause as NodeJS.ErrnoException | undefined;
    const why = cause?.code ?? cause?.message ?? (error as Error).message;
    return new Transient(`${where}: the connection failed (${why})`, UNREACHABLE, { cause: error });
  };
  // The pieces that come in count; a body may be compressed on the way, which would break resuming.
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (settings.token !== false) headers.authorization = `Bearer ${settings.token}`;
  if (from > 0) headers.range = `bytes=${from}-`;
  settings.signal?.addEventListener("abort", stop);
  listen();
  let response: Response;
  try {
    response = await fetch(url, { method, headers, signal: abort.signal, redirect: manual ? "manual" : "follow" });
  } catch (error) {
    close();
    throw failed(error);
  }
  async function* chunks(): AsyncGenerator<Uint8Array> {
    const reader = response.body?.getReader();
    try {
      while (reader !== undefined) {
        listen();
        const { done, value } = await reader.read();
        if (done) return;
        yield value;
      }
    } catch (error) {
      throw failed(error);
    } finally {
      close();
    }
  }
  if (response.ok || (manual && response.status >= 300 && response.status < 400)) return { response, chunks, close };
  let text = "";
  try {
    text = new TextDecoder().decode(await collect(chunks(), 4096));
  } catch {
    // The status says enough.
  }
  if (/^\s*</.test(text)) text = "";
  try {
    text = String((JSON.parse(text) as { error?: unknown }).error ?? "");
  } catch {
    // Plain words.
  }
  throw statusError(response, text, asked, settings);
}

/** Longest JSON that is taken from the hub: the list of files of a very large repository. */
const MAX_JSON = 64 * 2 ** 20;

async function collect(chunks: AsyncIterable<Uint8Array>, limit: number): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const part of chunks) {
    size += part.length;
    if (size > limit) throw new HubError(`an answer of the hub is longer than ${limit} bytes`);
    parts.push(part);
  }
  const all = new Uint8Array(size);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}

/** An answer as JSON, asked for again while the failure may pass. Throws {@link HubError}. */
export async function askJson(url: string, asked: Asked, settings: HubSettings): Promise<unknown> {
  return withRetries(settings, async () => {
    const answer = await ask(url, asked, settings);
    const bytes = await collect(answer.chunks(), MAX_JSON);
    try {
      return JSON.parse(new TextDecoder().decode(bytes)) as unknown;
    } catch {
      throw new HubError(
        `${settings.endpoint} answers about ${asked.id} with something that is no JSON`,
        "Is HF_ENDPOINT the address of a hub? A proxy's login page looks like this too.",
      );
    }
  });
}
