import type { HubOptions } from "../hub/index.ts";
import { Progress } from "../train/index.ts";

/** How data and models come from the hub while a task runs: with progress on the terminal, unless it shall be quiet. */
export function downloads(options: {
  quiet?: boolean;
  args?: { quiet?: boolean };
  say?: (line: string) => void;
}): HubOptions {
  const progress = new Progress({ quiet: options.quiet ?? options.args?.quiet });
  return { onProgress: (update) => progress.download(update), say: options.say };
}
