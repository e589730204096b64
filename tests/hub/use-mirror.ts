import { join } from "node:path";
import { afterAll, afterEach, beforeAll, beforeEach, vi } from "vitest";
import { temporaryFolder } from "../folder.ts";
import { Mirror } from "./mirror.ts";

/**
 * A mirror for the tests of a file, and a folder that goes with them. In each test the hub is that mirror, the cache is empty,
 * nobody is logged in, and SHOSHIN_DATA is `data` in the folder.
 */
export function useMirror(): { mirror: Mirror; base: string } {
  const base = temporaryFolder();
  const mirror = new Mirror();
  let count = 0;
  beforeAll(async () => {
    await mirror.start();
  });
  afterAll(async () => {
    await mirror.stop();
  });
  beforeEach(() => {
    for (const name of ["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN", "HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"])
      vi.stubEnv(name, "");
    vi.stubEnv("HF_HOME", join(base, `cache-${count++}`));
    vi.stubEnv("HF_ENDPOINT", mirror.endpoint);
    vi.stubEnv("SHOSHIN_DATA", join(base, "data"));
    mirror.seen.length = 0;
  });
  afterEach(() => {
    vi.unstubAllEnvs();
  });
  return { mirror, base };
}
