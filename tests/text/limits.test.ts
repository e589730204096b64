import { describe, expect, it } from "vitest";
import { ShoshinError } from "../../src/backend/errors.ts";
import { DataError } from "../../src/data/index.ts";
import { Tokenizer } from "../../src/text/index.ts";
import { ChatTemplate } from "../../src/text/pretrained/chat-template.ts";
import { compilePattern } from "../../src/text/tokenizers/patterns.ts";

describe("expressions of files", () => {
  it.each(["(a+)+$", "(\\w|\\d)+x", "(x+x+)+y"])("%s takes exponential time and is refused", (Regex) => {
    expect(() => compilePattern({ Regex }, "t.json: pre_tokenizer.pattern")).toThrow(/t\.json.*exponential time/);
  });
  it.each(["\\p{N}{1,3}(?=(?:\\p{N}{3})*(?:\\P{N}|$))", "(?=(\\d{3})+(?!\\d))", "(?:ab)+|c", "(\\s\\w+)*"])(
    "%s is not",
    (Regex) => {
      expect(compilePattern({ Regex }, "t.json").global).toBe(true);
    },
  );
});

describe("hyphens", () => {
  const json = (added: string[], pattern: object) => ({
    added_tokens: added.map((content, i) => ({ id: 2 + i, content, normalized: false })),
    pre_tokenizer: { type: "Split", pattern, behavior: "Isolated" },
    model: { type: "WordLevel", vocab: { "?": 0, "-": 1 }, unk_token: "?" },
  });
  it("stand in added tokens and in patterns that are texts", () => {
    const tokenizer = Tokenizer.fromJSON(json(["<|end-of-turn|>", "[a-z]"], { String: "-" }));
    expect(tokenizer.encode("x-y<|end-of-turn|>-[a-z]b").ids).toEqual([0, 1, 0, 2, 1, 3, 0]);
  });
  it("stand in delimiters and classes", () => {
    const tokenizer = Tokenizer.fromJSON(json([], { Regex: "[\\-_]" }));
    expect(tokenizer.encode("x-y").ids).toEqual([0, 1, 0]);
    const cut = Tokenizer.fromJSON({
      ...json([], { String: "a" }),
      pre_tokenizer: { type: "CharDelimiterSplit", delimiter: "-" },
    });
    expect(cut.encode("x-y").ids).toEqual([0, 0]);
  });
});

describe("chat templates stop", () => {
  const loop = (n: number, inside: string) => `{% for i in range(${n}) %}${inside}{% endfor %}`;
  it.each([
    ["loops in loops", loop(1000, loop(1000, loop(1000, "")))],
    ["a long range", loop(1e9, "")],
    ["a text that doubles", `{% set ns = namespace(x='ab') %}${loop(100, "{% set ns.x = ns.x ~ ns.x %}")}{{ ns.x }}`],
    [
      "a list that doubles",
      `{% set ns = namespace(x=[1,2]) %}${loop(100, "{% set ns.x = ns.x + ns.x %}")}{{ ns.x|length }}`,
    ],
    ["a macro of itself", "{% macro f(x) %}{{ f(x) }}{% endmacro %}{{ f(1) }}"],
    ["a wide indent", "{{ 'a\nb'|indent(400000000) }}"],
    ["deep brackets", `{{${"(".repeat(50_000)}1${")".repeat(50_000)}}}`],
  ])("%s", (_, source) => {
    expect(() => new ChatTemplate(source, "t.json").render({ messages: [] })).toThrow(DataError);
  });
  it("but not for long conversations", () => {
    const messages = Array.from({ length: 2000 }, (_, i) => ({ role: i % 2 ? "assistant" : "user", content: "x" }));
    const template = new ChatTemplate("{% for m in messages %}{{ m.role[0] }}{% endfor %}", "t.json");
    expect(template.render({ messages })).toBe("ua".repeat(1000));
  });
  it("and say what the template says", () => {
    const template = new ChatTemplate("{{ raise_exception('roles must alternate') }}", "t.json");
    expect(() => template.render({ messages: [] })).toThrow(ShoshinError);
    expect(() => template.render({ messages: [] })).toThrow(/roles must alternate/);
  });
});
