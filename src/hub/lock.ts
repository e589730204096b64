import {
  closeSync,
  dirname,
  hostname,
  mkdirSync,
  openSync,
  processId,
  processRuns,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "#platform";
import { throwIfStopped } from "./request.ts";
import type { HubSettings } from "./settings.ts";

/** A holder writes this often that it is alive; one that has not for the second time is gone. Milliseconds. */
const BEAT = 2_000;
const GONE = 30_000;

const codeOf = (error: unknown) => (error as NodeJS.ErrnoException).code;

function create(path: string, text: string): boolean {
  let fd: number;
  try {
    fd = openSync(path, "wx");
  } catch (error) {
    if (codeOf(error) === "EEXIST") return false;
    throw error;
  }
  try {
    writeSync(fd, new TextEncoder().encode(text), 0, text.length);
    return true;
  } catch (error) {
    rmSync(path, { force: true });
    throw error;
  } finally {
    closeSync(fd);
  }
}

function read(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch (error) {
    if (codeOf(error) === "ENOENT") return undefined;
    throw error;
  }
}

/** Whether the holder was a process of this machine and runs no more. */
function ended(text: string): boolean {
  const [id, host] = text.split(" ");
  return host === hostname() && /^\d+$/.test(id) && !processRuns(Number(id));
}

/**
 * Runs `work` while no other process does for the same `path`. The lock of a holder that died is taken over. Should two hold it
 * for all that, what they write is checked before it gets its name.
 */
export async function withLock<T>(path: string, settings: HubSettings, work: () => Promise<T>): Promise<T> {
  mkdirSync(dirname(path), { recursive: true });
  const own = `${processId()} ${hostname()} ${Math.random().toString(36).slice(2)}`;
  let seen: string | undefined;
  let since = performance.now();
  while (!create(path, `${own} 0`)) {
    throwIfStopped(settings.signal);
    const text = read(path);
    if (text !== seen) [seen, since] = [text, performance.now()];
    if (text !== undefined && (ended(text) || performance.now() - since > GONE)) {
      rmSync(path, { force: true });
      continue;
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
  let beats = 0;
  const timer = setInterval(() => {
    // Taken over by somebody who thought us dead: not ours to write any more.
    if (read(path)?.startsWith(own)) writeFileSync(path, `${own} ${++beats}`);
  }, BEAT);
  try {
    return await work();
  } finally {
    clearInterval(timer);
    if (read(path)?.startsWith(own)) rmSync(path, { force: true });
  }
}
