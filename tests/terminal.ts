import { afterEach, beforeEach, vi } from "vitest";

const COLOURS = new RegExp(`${String.fromCharCode(27)}\\[[0-9;]*m`, "g");

/** What each test of a file writes to the terminal, which shows none of it; `err` without the colours that CI turns on. */
export function terminal(): { out: string; err: string } {
  const written = { out: "", err: "" };
  beforeEach(() => {
    Object.assign(written, { out: "", err: "" });
    vi.spyOn(process.stdout, "write").mockImplementation((s) => {
      written.out += s;
      return true;
    });
    vi.spyOn(process.stderr, "write").mockImplementation((s) => {
      written.err += String(s).replace(COLOURS, "");
      return true;
    });
  });
  afterEach(() => vi.restoreAllMocks());
  return written;
}
