// The floor page as a person sees it, in Chromium.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import path from "node:path";
import { chromium, type Browser, type Page } from "playwright-core";

import { PATIENCE_MS } from "./line.js";

const AXE = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");

export async function openBrowser(): Promise<Browser> {
  return chromium.launch({
    executablePath: "/usr/bin/chromium",
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--no-first-run",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
    ],
  });
}

interface Watched {
  heard: number;
  silences: { ms: number; heldUp: number }[];
}

// A page that was held up for longer, by axe-core or by the machine, could not see the silence.
const HELD_UP_MS_MAX = 200;

// Notes when the page heard something last, how long after that it called itself stale, and for how
// long its only thread was held up between the two.
function watchSilence(): void {
  const watched: Watched = { heard: performance.now(), silences: [] };
  Object.assign(window, { watched });
  let ran = watched.heard;
  let heldUp = 0;
  const run = (): void => {
    const now = performance.now();
    heldUp = Math.max(heldUp, now - ran);
    ran = now;
  };
  setInterval(run, 20);
  const Original = window.EventSource;
  class Watching extends Original {
    constructor(url: string | URL) {
      super(url);
      this.addEventListener("beat", () => {
        watched.heard = ran = performance.now();
        heldUp = 0;
      });
    }
  }
  window.EventSource = Watching;
  addEventListener("DOMContentLoaded", () => {
    let was = "false";
    new MutationObserver(() => {
      const now = document.querySelector("[data-fresh]")?.getAttribute("data-fresh") ?? was;
      if (was === "true" && now === "false") {
        run();
        watched.silences.push({ ms: ran - watched.heard, heldUp });
      }
      was = now;
    }).observe(document, { subtree: true, childList: true, attributes: true });
  });
}

// What axe-core calls serious or critical.
export async function seriousFaults(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const violations = await page.evaluate(async () => {
    const axe = (window as unknown as { axe: typeof import("axe-core") }).axe;
    return (await axe.run()).violations.map((each) => ({
      impact: each.impact ?? "",
      text: `${each.id}: ${each.nodes.map((node) => node.html).join(" ")}`,
    }));
  });
  return violations
    .filter((each) => each.impact === "serious" || each.impact === "critical")
    .map((each) => each.text);
}

export class FloorPage {
  readonly complaints: string[] = [];

  private constructor(
    readonly page: Page,
    address: string,
  ) {
    page.on("console", (message) => {
      // What the browser itself says of a gangd that is down.
      if (message.type() === "error" && !message.text().includes("net::ERR_")) {
        this.complaints.push(message.text());
      }
    });
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("request", (request) => {
      if (!request.url().startsWith(`${address}/`)) this.complaints.push(`asks ${request.url()}`);
    });
  }

  static async open(browser: Browser, address: string): Promise<FloorPage> {
    const page = await browser.newPage({ viewport: { width: 1280, height: 860 } });
    page.setDefaultTimeout(PATIENCE_MS);
    await page.addInitScript(watchSilence);
    const floor = new FloorPage(page, address);
    await page.goto(`${address}/`);
    return floor;
  }

  tile(slot: number): ReturnType<Page["locator"]> {
    return this.page.locator(`[data-slot="${slot}"]`);
  }

  async shows(slot: number, look: string): Promise<void> {
    await this.page.locator(`[data-slot="${slot}"][data-look="${look}"]`).waitFor();
  }

  async isFresh(fresh: boolean): Promise<void> {
    await this.page.locator(`[data-fresh="${fresh}"]`).waitFor();
  }

  // How long the page has called itself live without hearing anything, in ms, each time that it
  // could see it.
  async silences(): Promise<number[]> {
    const all = await this.page.evaluate(
      () => (window as unknown as { watched: Watched }).watched.silences,
    );
    return all.filter((each) => each.heldUp < HELD_UP_MS_MAX).map((each) => each.ms);
  }

  // The tokens of the verdicts that it lists, in its order.
  verdicts(): Promise<string[]> {
    return this.page
      .locator(".verdicts li")
      .evaluateAll((lines) => lines.map((line) => line.getAttribute("data-token") ?? ""));
  }

  seriousFaults(): Promise<string[]> {
    return seriousFaults(this.page);
  }

  // For the README, if it is asked for.
  async screenshot(name: string): Promise<void> {
    const folder = process.env["FLOOR_SCREENSHOTS"];
    if (folder) await this.page.screenshot({ path: path.join(folder, `${name}.png`) });
  }
}
