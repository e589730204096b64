import type { Command } from "commander";
import { valuesFor } from "../../options/index.ts";
import { downloads, loadModel } from "../../tasks/index.ts";
import { EVALUATE } from "../../tasks/options/index.ts";
import { addCommand, given } from "../command.ts";
import { applyCommon } from "../common.ts";
import { describeEvaluation, print } from "../print.ts";

export function addEvaluate(cli: Command): void {
  const command = addCommand(cli, "evaluate <model>", {
    description: "measure a trained model: a folder, or hub:OWNER/NAME",
    table: EVALUATE,
    examples: ["shoshin evaluate runs/reviews --data test.tsv"],
  });
  command.action(async (dir: string) => {
    const options = given(command, EVALUATE);
    applyCommon(options);
    const { data = "", quiet } = options;
    const model = await loadModel(dir, undefined, downloads(options));
    const report = await model.evaluate({ ...valuesFor(EVALUATE, options), data, quiet });
    print(options, { ...report, seconds: Number(report.seconds.toFixed(3)) }, () => describeEvaluation(report));
  });
}
