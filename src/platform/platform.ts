/** A thread that exchanges messages. */
export interface Thread {
  post(message: unknown): void;
  /** Whether it keeps the process alive. */
  hold(flag: boolean): void;
  end(): Promise<void>;
}

/**
 * What the library needs of the world outside; package.json's `#platform` chooses node.ts or browser.ts. The functions on files
 * are node:fs's, restricted to the forms used here; in a page they work on files in memory.
 */
export interface Platform {
  appendFileSync(path: string, data: string | Uint8Array): void;
  closeSync(fd: number): void;
  copyFileSync(from: string, to: string): void;
  existsSync(path: string): boolean;
  fstatSync(fd: number): { size: number };
  fsyncSync(fd: number): void;
  /** Of a link itself, which is neither file nor folder. */
  lstatSync(path: string): { size: number; isFile(): boolean; isDirectory(): boolean };
  mkdirSync(path: string, options?: { recursive?: boolean }): unknown;
  openSync(path: string, flags: string): number;
  readdirSync(path: string): string[];
  readFileSync(path: string, encoding: "utf8"): string;
  readSync(fd: number, into: Uint8Array, offset: number, length: number, position: number): number;
  renameSync(from: string, to: string): void;
  rmSync(path: string, options?: { recursive?: boolean; force?: boolean }): void;
  /** `mtimeMs`: when it was last written, where that is known. */
  statSync(path: string): { size: number; mtimeMs?: number; isFile(): boolean; isDirectory(): boolean };
  /** Throws where there are no links. */
  symlinkSync(target: string, path: string): void;
  writeFileSync(path: string, data: string | Uint8Array): void;
  writeSync(fd: number, data: Uint8Array, offset: number, length: number): number;

  basename(path: string): string;
  dirname(path: string): string;
  join(...parts: string[]): string;

  /** A new, empty folder for what lives no longer than the process. */
  scratchFolder(): string;
  /** Bytes of a file in pieces. */
  fileStream(path: string, gunzip: boolean): AsyncIterable<Uint8Array>;
  /** Rows of comma-separated text with the line where each ends. */
  csvRows(text: AsyncIterable<string>): AsyncIterable<{ record: string[]; line: number }>;
  /** For hyparquet. */
  parquetFile(
    path: string,
  ): Promise<{ byteLength: number; slice(start: number, end?: number): Promise<ArrayBuffer> | ArrayBuffer }>;
  /** Hex digest of `prefix` followed by a file. */
  fileDigest(path: string, algorithm: "sha1" | "sha256", prefix?: string): Promise<string>;
  /** Says whether a file's content is what it was; named by its algorithm. */
  contentDigest(path: string): string;
  /** Bytes that may still be written where `path` lies; undefined where nobody knows. */
  freeSpace(path: string): number | undefined;
  /** A file that ships with the package, whether it exists or not. */
  assetPath(name: string): string;
  /** Runs `code` with `data` in the variable `data` and `send(message)`; `onmessage` of its scope is called `receive`. */
  startThread(code: string, data: unknown, receive: (message: unknown) => void, ended: (why: string) => void): Thread;
  /** Lets the event loop take a turn. */
  nextTurn(): Promise<void>;
  env(name: string): string | undefined;
  /** The user's own folder. */
  homedir(): string;
  hostname(): string;
  processId(): number;
  /** What the library runs in. */
  readonly runtime: { node?: string; platform: string; arch: string };
  /** Whether a process of this machine runs. */
  processRuns(id: number): boolean;
  /** Where progress goes. */
  readonly terminal: { isTTY?: boolean; columns?: number; write(text: string): unknown };
}
