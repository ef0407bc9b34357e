// All looks of a slot on one page, in grey: made-up slots through the real page.
import path from "node:path";
import type { Browser, Page } from "playwright-core";

import { seriousFaults } from "./floor_page.js";

interface Pair {
  names: string;
  shape: number; // part of the pixels of the shape that differ clearly
  words: boolean; // they have different words
}

function slot(index: number, state: string, verdict?: string): Record<string, unknown> {
  const outcome = {
    id: "1-1", slot: "1", uid: "", numbers: [], verdict, code: "",
    qualification: "UNQUALIFIED", reason: "", step: "", duration_us: 1,
    expected: [], measured: [], proof: "", ended_event: "1-2",
  };
  return {
    name: `${index + 1}`, path: "", state, hint: "", job: "", attempt: "", uid: "", numbers: [],
    step: "write", bytes_done: 5, bytes_total: 9, acknowledgement: "none", row: 0, column: 0,
    ...(verdict === undefined ? {} : { outcome }),
  };
}

const SLOTS = [
  slot(0, "empty"),
  slot(1, "foreign"),
  slot(2, "waiting"),
  slot(3, "running"),
  slot(4, "recording"),
  slot(5, "ended", "PASS"),
  slot(6, "ended", "FAIL"),
  slot(7, "ended", "UNKNOWN"),
];

// In the browser: a stream that tells these slots, and beats until `mute` is set.
function pretend(slots: Record<string, unknown>[]): void {
  const station = { name: "grey", version: "", taking_boards: true, trouble: "", products: [] };
  const told = { station, jobs: [], slots: slots.map((each) => each["name"]) };
  class Pretended extends EventTarget {
    static readonly CLOSED = 2;
    readonly readyState = 1;
    constructor(_url: string) {
      super();
      const tell = (type: string, data: unknown): boolean =>
        this.dispatchEvent(new MessageEvent(type, { data: JSON.stringify(data) }));
      setInterval(() => {
        if ("mute" in window) return;
        tell("station", told);
        for (const each of slots) tell("slot", each);
        tell("beat", {});
      }, 200);
    }
  }
  Object.assign(window, { EventSource: Pretended });
}

const LOOKS = ["empty", "foreign", "waiting", "running", "recording", "pass", "fail", "unknown"];

interface Seen {
  look: string;
  word: string;
  png: string;
}

async function see(page: Page, look: string): Promise<Seen> {
  const tile = page.locator(`.tile[data-look="${look}"]`).first();
  const png = await tile.locator(".shape").first().screenshot();
  const word = (await tile.locator(".word").textContent()) ?? "";
  return { look, word, png: png.toString("base64") };
}

// In the browser: the part of the pixels that are clearly lighter in one than in the other.
async function difference([a, b]: [string, string]): Promise<number> {
  const pixels = async (png: string): Promise<Uint8ClampedArray> => {
    const bytes = Uint8Array.from(atob(png), (character) => character.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const canvas = new OffscreenCanvas(64, 64);
    const drawing = canvas.getContext("2d");
    if (drawing === null) throw new Error("no canvas");
    drawing.drawImage(image, 0, 0, 64, 64);
    return drawing.getImageData(0, 0, 64, 64).data;
  };
  // Only the form counts: what is nearer to the darkest than to the lightest of its own picture.
  const form = (data: Uint8ClampedArray): boolean[] => {
    const grey = Array.from({ length: data.length / 4 }, (_, i) => data[4 * i] ?? 0);
    const middle = (Math.min(...grey) + Math.max(...grey)) / 2;
    const dark = grey.map((each) => each < middle);
    // A light shape on a dark tile is the same shape.
    return dark[0] ? dark.map((each) => !each) : dark;
  };
  const [one, other] = [form(await pixels(a)), form(await pixels(b))];
  return one.filter((each, i) => each !== other[i]).length / one.length;
}

export async function lookAtAll(
  browser: Browser,
  address: string,
  screenshots: string | undefined,
): Promise<{ pairs: Pair[]; faults: string[] }> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 720 } });
  await page.addInitScript(pretend, SLOTS);
  await page.goto(`${address}/`);
  await page.locator(".tile").first().waitFor();
  const faults = await seriousFaults(page);
  await page.evaluate(() => (document.documentElement.style.filter = "grayscale(1)"));
  const seen: Seen[] = [];
  for (const look of LOOKS) seen.push(await see(page, look));
  if (screenshots) await page.screenshot({ path: path.join(screenshots, "grey.png") });
  await page.evaluate(() => Object.assign(window, { mute: true }));
  await page.locator('.tile[data-look="nodata"]').first().waitFor();
  seen.push(await see(page, "nodata"));
  const pairs: Pair[] = [];
  for (const [i, a] of seen.entries()) {
    for (const b of seen.slice(i + 1)) {
      const shape = await page.evaluate(difference, [a.png, b.png] as [string, string]);
      pairs.push({ names: `${a.look} and ${b.look}`, shape, words: a.word !== b.word });
    }
  }
  await page.close();
  return { pairs, faults };
}
