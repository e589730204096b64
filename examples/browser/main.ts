/**
 * One page, no framework: a CSV dropped onto it is learned in a web worker; the loss is drawn as it falls.
 * In the repository: npm run example:browser
 */
import { zipSync } from "fflate";
import { ModelWorker } from "shoshin/page";

const at = <T extends HTMLElement>(id: string) => document.getElementById(id) as T;
const log = (text: string) => {
  at("log").textContent += `${text}\n`;
};
const losses: number[] = [];

function draw(): void {
  const canvas = at<HTMLCanvasElement>("curve");
  const pen = canvas.getContext("2d") as CanvasRenderingContext2D;
  pen.clearRect(0, 0, canvas.width, canvas.height);
  const top = Math.max(...losses) * 1.05;
  pen.beginPath();
  losses.forEach((loss, i) => {
    pen.lineTo((i / Math.max(1, losses.length - 1)) * canvas.width, canvas.height * (1 - loss / top));
  });
  pen.strokeStyle = "#06c";
  pen.lineWidth = 2;
  pen.stroke();
  pen.font = "20px system-ui, sans-serif";
  pen.fillStyle = "#222";
  pen.textAlign = "right";
  pen.fillText(`training loss ${losses.at(-1)?.toFixed(4)}`, canvas.width - 16, 32);
}

const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
const model = await ModelWorker.start(worker);
const { instructionSet, threads } = model.facts;
Object.assign(globalThis, { shoshinModel: model }); // to play with in the console
at("log").textContent = "";
log(`Ready: ${instructionSet}, ${threads} thread${threads > 1 ? "s" : ""}.`);

async function learn(file: File): Promise<void> {
  losses.length = 0;
  log(`${file.name}:`);
  const text = await file.text();
  const header = text.slice(0, text.indexOf("\n"));
  const last = header.trim().split(",").at(-1) as string;
  const cells = text
    .trim()
    .split("\n")
    .slice(1)
    .map((row) => row.trim().split(",").at(-1) as string);
  const kinds = new Set(cells);
  const task =
    kinds.size > 20 && cells.every((c) => Number.isFinite(Number(c))) ? "tabular-regression" : "tabular-classification";
  await model.write(new Map([["data.csv", text]]));
  at<HTMLButtonElement>("stop").disabled = false;
  try {
    const report = await model.train(
      { task, data: "data.csv", labelColumn: last, args: { numTrainEpochs: 60 } },
      (event) => {
        if (event.type === "note") log(event.text);
        if (event.type !== "step") return;
        losses.push(event.loss);
        draw();
      },
    );
    const metrics = Object.entries(report.validation ?? {}).map(([name, value]) => `${name} ${value.toFixed(4)}`);
    log(`${task}: ${report.epochs} epochs in ${report.seconds.toFixed(1)} s. On held-out rows: ${metrics.join(", ")}.`);
    at<HTMLButtonElement>("save").disabled = false;
  } catch (error) {
    const { message, hint } = error as { message: string; hint?: string };
    log(`error: ${message}${hint === undefined ? "" : `\nhint: ${hint}`}`);
  }
  at<HTMLButtonElement>("stop").disabled = true;
}

at("stop").onclick = () => model.stop();
at("save").onclick = async () => {
  const files = Object.fromEntries([...(await model.files())].map(([name, bytes]) => [`model/${name}`, bytes]));
  const link = document.createElement("a");
  link.href = URL.createObjectURL(new Blob([zipSync(files)], { type: "application/zip" }));
  link.download = "model.zip";
  link.click();
};
const drop = at("drop");
drop.ondragover = (event) => {
  event.preventDefault();
  drop.classList.add("over");
};
drop.ondragleave = () => drop.classList.remove("over");
drop.ondrop = (event) => {
  event.preventDefault();
  drop.classList.remove("over");
  const file = event.dataTransfer?.files[0];
  if (file !== undefined) learn(file);
};
at<HTMLInputElement>("file").onchange = (event) => {
  const file = (event.target as HTMLInputElement).files?.[0];
  if (file !== undefined) learn(file);
};
