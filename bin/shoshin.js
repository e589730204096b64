#!/usr/bin/env node
const major = Number(process.versions.node.split(".")[0]);
if (major < 20) {
  console.error(`error: Node ${process.versions.node} is too old for Shoshin\nhint: install Node 20 or newer`);
  process.exit(1);
}
const { main } = await import("../dist/cli/main.js");
process.exitCode = await main(process.argv.slice(2));
