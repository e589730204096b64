import type { Command } from "commander";
import { flag } from "../../options/index.ts";
import { Tokenizer } from "../../text/index.ts";
import { addCommand, given } from "../command.ts";
import { applyCommon } from "../common.ts";
import { print } from "../print.ts";

const TABLE = { specialTokens: flag({ default: true, help: "with [CLS] and the like" }) };

export function addTokenize(cli: Command): void {
  const command = addCommand(cli, "tokenize <dir> <text>", {
    description: "cut a text into the tokens of a saved tokenizer: id, token, position",
    table: TABLE,
    examples: ['shoshin tokenize runs/tokenizer "A film to see twice."'],
  });
  command.action((dir: string, text: string) => {
    const options = given(command, TABLE);
    applyCommon(options);
    const encoding = Tokenizer.fromFile(dir).encode(text, { addSpecialTokens: options.specialTokens ?? true });
    print(options, encoding, () =>
      encoding.ids
        .map((id, i) => `${id}\t${JSON.stringify(encoding.tokens[i])}\t${encoding.offsets[i].join("–")}`)
        .join("\n"),
    );
  });
}
