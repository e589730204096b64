// node ask.mjs CHECKOUT [[…], …]: runs several commands of a checkout's command line, one after another; prints what they print.
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

const [checkout, commands] = process.argv.slice(2);
const { main } = await import(pathToFileURL(resolve(checkout, "dist/cli/main.js")).href);
const write = process.stdout.write;
const printed = [];
for (const words of JSON.parse(commands)) {
  let text = "";
  process.stdout.write = (piece) => {
    text += piece;
    return true;
  };
  const status = await main(words);
  process.stdout.write = write;
  if (status !== 0) process.exit(status);
  printed.push(JSON.parse(text));
}
console.log(JSON.stringify(printed));
