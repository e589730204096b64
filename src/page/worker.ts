import type { Port } from "./protocol.ts";
import { serve } from "./serve.ts";

// The script of a web worker: new Worker(new URL("shoshin/worker", import.meta.url), { type: "module" }).
serve(globalThis as unknown as Port);
