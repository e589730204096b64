// Opens Vitest's page in a Firefox that is installed, as it is: Playwright drives only its own build of it.
import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { defineBrowserProvider } from "@vitest/browser";

// No first-run pages, updates, safe browsing or reports: the page is all that it opens. Pages in the background are not slowed.
const PREFERENCES = {
  "app.update.enabled": false,
  "browser.aboutwelcome.enabled": false,
  "browser.safebrowsing.downloads.remote.enabled": false,
  "browser.shell.checkDefaultBrowser": false,
  "browser.startup.homepage_override.mstone": "ignore",
  "datareporting.policy.dataSubmissionEnabled": false,
  "dom.max_script_run_time": 0,
  "dom.min_background_timeout_value": 4,
  "extensions.update.enabled": false,
  "network.captive-portal-service.enabled": false,
  "network.connectivity-service.enabled": false,
  "services.settings.server": "data:,",
  "toolkit.telemetry.enabled": false,
};

class Firefox {
  readonly name = "firefox";
  readonly supportsParallelism = false;
  readonly #path: string;
  #process: ChildProcess | undefined;
  #profile: string | undefined;

  constructor(path: string) {
    this.#path = path;
  }
  getCommandsContext() {
    return {};
  }
  async openPage(_session: string, url: string) {
    await this.close();
    this.#profile = mkdtempSync(join(tmpdir(), "shoshin-firefox-"));
    const lines = Object.entries(PREFERENCES).map(([k, v]) => `user_pref(${JSON.stringify(k)}, ${JSON.stringify(v)});`);
    writeFileSync(join(this.#profile, "user.js"), `${lines.join("\n")}\n`);
    this.#process = spawn(this.#path, ["--headless", "--no-remote", "--profile", this.#profile, url], {
      stdio: "ignore",
    });
  }
  async close() {
    if (this.#process !== undefined && this.#process.exitCode === null) {
      const ended = once(this.#process, "exit");
      this.#process.kill();
      await ended;
    }
    if (this.#profile !== undefined) rmSync(this.#profile, { recursive: true, force: true, maxRetries: 5 });
    this.#process = undefined;
    this.#profile = undefined;
  }
}

/** A browser provider for Vitest: Firefox at `path`, headless. */
export const firefox = (path: string) =>
  defineBrowserProvider({ name: "firefox", providerFactory: () => new Firefox(path) as never });
