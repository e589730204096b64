import { z } from "zod";
import { type Asked, ask, askJson, repositoryUrl, withRetries } from "./request.ts";
import { HubError, type HubSettings } from "./settings.ts";

/** A file of a repository at a commit. */
export interface RemoteFile {
  path: string;
  /** Name of its blob: the SHA-256 of a large file, git's SHA-1 of a small one. Undefined until asked for. */
  etag: string | undefined;
  /** Bytes; undefined where the hub does not say. */
  size: number | undefined;
}

export interface Listing {
  commit: string;
  files: RemoteFile[];
}

const COMMIT = /^[0-9a-f]{40}$/;
export const isCommit = (revision: string): boolean => COMMIT.test(revision);

const Info = z.object({
  sha: z.string().regex(/^[0-9a-f]{6,64}$/),
  siblings: z.array(
    z.object({
      rfilename: z.string(),
      size: z.number().int().nonnegative().nullish(),
      blobId: z.string().nullish(),
      lfs: z.object({ sha256: z.string().nullish(), size: z.number().nullish() }).nullish(),
    }),
  ),
});

/** Throws {@link HubError} for a name that is none on the hub, before it becomes part of an address or a path. */
export function checkId(id: string): void {
  if (/^(?=.{1,96}$)([A-Za-z0-9][\w.-]*\/)?[A-Za-z0-9_][\w.-]*$/.test(id) && !/--|\.\.|\.git$/.test(id)) return;
  throw new HubError(`${JSON.stringify(id)} is no name of a repository`, "Names look like OWNER/NAME.");
}

/** Throws {@link HubError} for a revision that could leave the cache's folder of references. */
export function checkRevision(revision: string): void {
  const parts = revision.split("/");
  if (/^[\w./+-]{1,255}$/.test(revision) && parts.every((part) => part !== "" && !part.startsWith("."))) return;
  throw new HubError(`${JSON.stringify(revision)} is no revision`, "A revision is a branch, a tag or a commit.");
}

/** Throws {@link HubError} for a path that would lead out of the snapshot's folder. */
export function checkPath(path: string, id: string): void {
  const parts = path.split("/");
  const odd = [...path].some((c) => c < " " || c === "\\" || c === ":");
  if (!odd && parts.every((part) => part !== "" && part !== "." && part !== "..")) return;
  throw new HubError(`${id} lists the file ${JSON.stringify(path)}, which is no path inside it`);
}

const etagOf = (text: string | null | undefined): string | undefined => {
  const etag = text?.replace(/^W\//, "").replace(/^"|"$/g, "");
  return etag !== undefined && /^\w[\w.-]{0,127}$/.test(etag) ? etag : undefined;
};

/** A list of files in the hub's form. Throws {@link HubError} for any other. */
export function parseListing(value: unknown, id: string, where: string): Listing {
  const read = Info.safeParse(value);
  if (!read.success) {
    const [issue] = read.error.issues;
    throw new HubError(
      `${where} describes ${id} in a form that is not the hub's (${issue.path.join(".")}: ${issue.message})`,
      "Is HF_ENDPOINT the address of a hub?",
    );
  }
  const files = read.data.siblings.map(({ rfilename, size, blobId, lfs }) => {
    checkPath(rfilename, id);
    return {
      path: rfilename,
      etag: etagOf(lfs ? lfs.sha256 : blobId),
      size: (lfs ? lfs.size : size) ?? undefined,
    };
  });
  return { commit: read.data.sha, files };
}

/** Commit and files of a repository at a revision. Throws {@link HubError}. */
export async function listRepository(asked: Asked, settings: HubSettings): Promise<Listing> {
  const { kind, id, revision } = asked;
  const url = `${settings.endpoint}/api/${kind}s/${id}/revision/${encodeURIComponent(revision)}?blobs=true`;
  return parseListing(await askJson(url, asked, settings), id, settings.endpoint);
}

export const fileUrl = (asked: Asked, commit: string, path: string, settings: HubSettings): string =>
  `${repositoryUrl(settings, asked)}/resolve/${encodeURIComponent(commit)}/${path.split("/").map(encodeURIComponent).join("/")}`;

/** Etag and size of a file from the headers, for mirrors whose list does not have them. Throws {@link HubError}. */
export async function describeFile(
  asked: Asked,
  commit: string,
  file: RemoteFile,
  settings: HubSettings,
): Promise<RemoteFile & { etag: string }> {
  const { etag } = file;
  if (etag !== undefined) return { ...file, etag };
  return withRetries(settings, async () => {
    let url = fileUrl(asked, commit, file.path, settings);
    for (let hops = 0; hops < 5; hops++) {
      const { response, close } = await ask(url, { ...asked, file: file.path }, settings, {
        method: "HEAD",
        manual: true,
      });
      close();
      const { headers } = response;
      const to = headers.get("location");
      const etag = etagOf(headers.get("x-linked-etag")) ?? (to === null ? etagOf(headers.get("etag")) : undefined);
      if (etag !== undefined) {
        const length = headers.get("x-linked-size") ?? (to === null ? headers.get("content-length") : null);
        return { ...file, etag, size: file.size ?? (length === null ? undefined : Number(length)) };
      }
      // A repository that was renamed answers with its new address on the same host; storage elsewhere has etags of its own.
      if (to === null || new URL(to, url).origin !== new URL(url).origin) break;
      url = new URL(to, url).href;
    }
    throw new HubError(`${settings.endpoint} gives no etag for ${file.path} of ${asked.id}`, "Use another mirror.");
  });
}
