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
  silences: number[];
  isHeldUp: boolean; // by axe-core, which has the page's only thread for a second and more
}

// Notes when the page heard something last, and how long after that it called itself stale.
function watchSilence(): void {
  const watched: Watched = { heard: performance.now(), silences: [], isHeldUp: false };
  Object.assign(window, { watched });
  const Original = window.EventSource;
  class Watching extends Original {
    constructor(url: string | URL) {
      super(url);
      this.addEventListener("beat", () => (watched.heard = performance.now()));
    }
  }
  window.EventSource = Watching;
  addEventListener("DOMContentLoaded", () => {
    let was = "false";
    new MutationObserver(() => {
      const now = document.querySelector("[data-fresh]")?.getAttribute("data-fresh") ?? was;
      if (was === "true" && now === "false" && !watched.isHeldUp) {
        watched.silences.push(performance.now() - watched.heard);
      }
      was = now;
    }).observe(document, { subtree: true, childList: true, attributes: true });
  });
}

// What axe-core calls serious or critical.
export async function seriousFaults(page: Page): Promise<string[]> {
  await page.evaluate(AXE);
  const violations = await page.evaluate(async () => {
    const watched = (window as unknown as { watched?: Watched }).watched;
    if (watched !== undefined) watched.isHeldUp = true;
    const axe = (window as unknown as { axe: typeof import("axe-core") }).axe;
    const found = (await axe.run()).violations.map((each) => ({
      impact: each.impact ?? "",
      text: `${each.id}: ${each.nodes.map((node) => node.html).join(" ")}`,
    }));
    // What was due meanwhile comes first.
    await new Promise((resolve) => setTimeout(resolve, 500));
    if (watched !== undefined) watched.isHeldUp = false;
    return found;
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

  // How long the page has called itself live without hearing anything, each time, in ms.
  silences(): Promise<number[]> {
    return this.page.evaluate(() => (window as unknown as { watched: Watched }).watched.silences);
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
