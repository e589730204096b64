import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, it } from "vitest";
import { OptionError } from "../../src/backend/options.ts";
import { temporaryFolder } from "../folder.ts";
import { type Door, findDoors } from "./find.ts";
import { NO_DOORS } from "./no-doors.ts";
import { DOORS } from "./table.ts";

// The compiler reads the whole package: once is enough for both backends.
const once = process.env.SHOSHIN_BACKEND === undefined;
const folder = temporaryFolder();

let doors: Door[] = [];
beforeAll(() => {
  doors = findDoors();
}, 240_000);

/** A name that is none, but near one: a letter comes twice. */
const misspelt = (name: string) => `${name.slice(0, 3)}${name.slice(2)}`;
const failure = async (call: () => unknown): Promise<Error> => {
  try {
    await call();
  } catch (error) {
    return error as Error;
  }
  throw new Error("nothing was thrown");
};

describe.runIf(once)("every public door", () => {
  it("is in the table, or is said to be none", () => {
    const missing = doors.filter(({ name }) => !(name in DOORS) && !(name in NO_DOORS));
    expect(missing.map((d) => `${d.name}(${d.parameter}: ${d.options.slice(0, 4).join(", ")} …)`)).toEqual([]);
    const names = new Set(doors.map((d) => d.name));
    expect(Object.keys(NO_DOORS).filter((name) => !names.has(name))).toEqual([]);
  });

  it.each(Object.keys(DOORS))("%s refuses an option that it does not know, and knows the nearest", async (name) => {
    const file = join(folder, "some.txt");
    writeFileSync(file, "a\tb\nc\td\n");
    const found = doors.find((door) => door.name === name);
    const options = DOORS[name].options ?? found?.options ?? [];
    expect(options.length, "options").toBeGreaterThan(0);
    const odd = await failure(() => DOORS[name].call({ xyzzy: 1 } as never, { folder, file }));
    expect(odd).toBeInstanceOf(OptionError);
    expect(odd.message).toMatch(/unknown (option|key|input) xyzzy/);
    const near = options.find((option) => option.length > 4) ?? options[0];
    const wrong = near.length > 4 ? misspelt(near) : near.toUpperCase();
    const error = await failure(() => DOORS[name].call({ [wrong]: 1 } as never, { folder, file }));
    expect(error.message).toContain(wrong);
    expect((error as OptionError).hint).toContain(`Did you mean ${near}?`);
    for (const nothing of [null, 7, "all"]) {
      const refused = await failure(() => DOORS[name].call(nothing as never, { folder, file }));
      expect(refused.constructor.name).not.toMatch(/^(Type|Range|Reference|Syntax)Error$/);
    }
  });
});
