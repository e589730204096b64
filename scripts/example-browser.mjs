// Serves examples/browser with the headers that let a page use threads.
import { fileURLToPath } from "node:url";
import { createServer } from "vite";

const at = (path) => fileURLToPath(new URL(`../${path}`, import.meta.url));
const server = await createServer({
  root: at("examples/browser"),
  configFile: false,
  server: {
    fs: { allow: [at(".")] },
    headers: { "Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp" },
  },
  resolve: {
    alias: [
      { find: "#platform", replacement: at("dist/platform/browser.js") },
      { find: "#door", replacement: at("dist/backend/door-browser.js") },
      { find: "shoshin/page", replacement: at("dist/page/index.js") },
      { find: "shoshin/worker", replacement: at("dist/page/worker.js") },
    ],
  },
});
await server.listen();
server.printUrls();
