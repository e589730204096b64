#!/usr/bin/env node
const major = Number(process.versions.node.split(".")[0]);
if (major < 20) {
  console.error(`error: Node ${process.versions.node} is too old for Shoshin\nhint: install Node 20 or newer`);
  process.exit(1);
}
// A reader that has seen enough (| head) ends the run quietly; a log that nobody reads any more does not end a training.
process.stdout.on("error", (error) => {
  if (error.code === "EPIPE") process.exit();
  throw error;
});
process.stderr.on("error", (error) => {
  if (error.code !== "EPIPE") throw error;
});
const { main } = await import("../dist/cli/main.js");
process.exitCode = await main(process.argv.slice(2));
