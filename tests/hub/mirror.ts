import { createHash } from "node:crypto";
import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

const hash = (algorithm: string, ...parts: (string | Uint8Array)[]) => {
  const h = createHash(algorithm);
  for (const part of parts) h.update(part);
  return h.digest("hex");
};

export interface Repository {
  kind?: "model" | "dataset";
  commit?: string;
  /** Besides `main`. */
  revisions?: Record<string, string>;
  files: Record<string, string | Uint8Array>;
  /** Files of commits that have others. */
  filesAt?: Record<string, Record<string, string | Uint8Array>>;
  gated?: boolean;
  /** Only for this token. */
  private?: string;
}

export interface Seen {
  method: string;
  /** On which of the two servers. */
  at: "hub" | "storage";
  path: string;
  range: string | undefined;
  token: string | undefined;
  encoding: string | undefined;
}

/** A status, or what goes wrong with the body. */
export type Fault = number | "half" | "silence" | "silence-in-body" | "corrupt" | "no-range" | "long" | "html";

/** A hub on 127.0.0.1 that answers as huggingface.co does: lists, small files, and large files by redirection to another server. */
export class Mirror {
  readonly repositories: Record<string, Repository> = {};
  readonly seen: Seen[] = [];
  /** Asked for every request; may spoil the answer. */
  fault: (request: Seen) => Fault | undefined = () => undefined;
  /** Whether lists have sizes and digests, as huggingface.co's have. */
  blobs = true;
  #hub: Server;
  #storage: Server;
  readonly #large = new Map<string, Uint8Array>();

  constructor() {
    const handler = (at: Seen["at"]) => (request: IncomingMessage, response: ServerResponse) => {
      const seen: Seen = {
        method: request.method ?? "",
        at,
        path: decodeURIComponent(request.url ?? ""),
        range: request.headers.range,
        token: request.headers.authorization?.replace("Bearer ", ""),
        encoding: request.headers["accept-encoding"] as string,
      };
      this.seen.push(seen);
      const fault = this.fault(seen);
      if (fault === "silence") return;
      if (fault === "html") return void response.writeHead(200).end("<html>Log in to the network</html>");
      if (typeof fault === "number") return void response.writeHead(fault).end('{"error":"spoilt"}');
      if (at === "storage") this.#sendBody(seen, response, this.#large.get(seen.path.slice(1)), fault);
      else this.#answer(seen, response, fault);
    };
    this.#hub = createServer(handler("hub"));
    this.#storage = createServer(handler("storage"));
  }

  async start(): Promise<this> {
    await Promise.all(
      [this.#hub, this.#storage].map(
        (server) => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", () => resolve())),
      ),
    );
    return this;
  }
  async stop(): Promise<void> {
    for (const server of [this.#hub, this.#storage]) {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    }
  }
  get endpoint(): string {
    return `http://127.0.0.1:${(this.#hub.address() as AddressInfo).port}`;
  }
  /** Requests for the bytes of files. */
  fetched(): Seen[] {
    return this.seen.filter(
      ({ at, method, path }) => at === "storage" || (method === "GET" && !path.startsWith("/api")),
    );
  }

  add(id: string, repository: Repository): Required<Pick<Repository, "commit">> {
    const commit = repository.commit ?? hash("sha1", id);
    this.repositories[`${repository.kind ?? "model"}s/${id}`] = { ...repository, commit };
    return { commit };
  }

  static blob(path: string, content: string | Uint8Array): { bytes: Uint8Array; large: boolean; etag: string } {
    const bytes = typeof content === "string" ? new TextEncoder().encode(content) : content;
    const large = /\.(safetensors|bin|parquet|model)$/.test(path);
    return { bytes, large, etag: large ? hash("sha256", bytes) : hash("sha1", `blob ${bytes.length}\0`, bytes) };
  }

  #answer(seen: Seen, response: ServerResponse, fault: Fault | undefined): void {
    const refuse = (status: number, code: string, message: string) =>
      response.writeHead(status, { "x-error-code": code, "x-error-message": message }).end(`{"error":"${message}"}`);
    const api = /^\/api\/(models|datasets)\/(.+?)\/revision\/([^?]+)(\?blobs=true)?$/.exec(seen.path);
    const resolve = /^\/(datasets\/)?(.+?)\/resolve\/([^/]+)\/(.+)$/.exec(seen.path);
    const key = api ? `${api[1]}/${api[2]}` : resolve ? `${resolve[1] ? "datasets" : "models"}/${resolve[2]}` : "";
    const repository = this.repositories[key];
    const barred = repository?.private !== undefined && repository.private !== seen.token;
    if (repository === undefined || barred) {
      // As huggingface.co, which does not tell strangers what exists.
      if (seen.token === undefined) refuse(401, "RepoNotFound", "Repository not found");
      else refuse(404, "RepoNotFound", "Repository not found");
      return;
    }
    const revision = (api ?? resolve)?.[3] as string;
    const { commit = "" } = repository;
    const revisions: Record<string, string> = { main: commit, ...repository.revisions };
    const known = revisions[revision] ?? Object.values(revisions).find((id) => id === revision);
    if (known === undefined) return void refuse(404, "RevisionNotFound", `Invalid rev id: ${revision}`);
    const files = repository.filesAt?.[known] ?? repository.files;
    if (api) {
      const siblings = Object.entries(files).map(([rfilename, content]) => {
        const { bytes, large, etag } = Mirror.blob(rfilename, content);
        if (!this.blobs) return { rfilename };
        const size = bytes.length;
        const lfs = large ? { lfs: { sha256: etag, size, pointerSize: 134 } } : {};
        return { rfilename, size, blobId: large ? hash("sha1", "pointer", etag) : etag, ...lfs };
      });
      const body = Buffer.from(JSON.stringify({ id: api[2], sha: known, private: false, gated: false, siblings }));
      return void this.#sendBody(seen, response, body, fault);
    }
    const path = (resolve as RegExpExecArray)[4];
    if (repository.gated)
      return void refuse(seen.token ? 403 : 401, "GatedRepo", `Access to model ${key} is restricted`);
    const content = files[path];
    if (content === undefined) return void refuse(404, "EntryNotFound", "Entry not found");
    const { bytes, large, etag } = Mirror.blob(path, content);
    response.setHeader("x-repo-commit", known);
    if (!large) {
      response.setHeader("etag", `"${etag}"`);
      return void this.#sendBody(seen, response, bytes, fault);
    }
    this.#large.set(etag, bytes);
    const { port } = this.#storage.address() as AddressInfo;
    response
      .writeHead(302, {
        location: `http://localhost:${port}/${etag}`,
        "x-linked-etag": `"${etag}"`,
        "x-linked-size": bytes.length,
      })
      .end();
  }

  #sendBody(seen: Seen, response: ServerResponse, whole: Uint8Array | undefined, fault: Fault | undefined): void {
    if (whole === undefined) return void response.writeHead(403).end();
    let bytes = whole;
    const from = fault === "no-range" ? 0 : Number(/^bytes=(\d+)-$/.exec(seen.range ?? "")?.[1] ?? 0);
    if (from >= bytes.length && from > 0) return void response.writeHead(416).end();
    if (fault === "corrupt") bytes = bytes.map((byte) => byte ^ 1);
    if (fault === "long") bytes = Buffer.concat([bytes, bytes]);
    const range = from > 0 ? { "content-range": `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {};
    bytes = bytes.subarray(from);
    response.writeHead(from > 0 ? 206 : 200, { "content-length": bytes.length, "accept-ranges": "bytes", ...range });
    if (seen.method === "HEAD") return void response.end();
    if (fault !== "half" && fault !== "silence-in-body") return void response.end(bytes);
    const half = bytes.subarray(0, bytes.length >> 1);
    // Given time to leave before the connection breaks.
    response.write(half, () => fault === "half" && setTimeout(() => response.destroy(), 30));
  }
}
