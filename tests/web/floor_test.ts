// An operator's day at the floor page, on a line that runs. What could break: a verdict that goes
// by unseen, a page that shows what is no longer so, a state that only colour tells, an event that
// is missed.
import assert from "node:assert/strict";
import { request } from "node:http";
import { after, before, test } from "node:test";
import type { Browser } from "playwright-core";

import { FloorPage, openBrowser } from "./floor_page.js";
import { lookAtAll } from "./grey.js";
import { Line, rack, until } from "./line.js";

const STALE_MS_MAX = 2000;
const BLOCK_BYTES = 64 * 1024;
const IMAGE_BYTES = 4 * BLOCK_BYTES; // of tone.bin, about

let line: Line;
let address: string;
let browser: Browser;
let floor: FloorPage;

before(async () => {
  line = new Line();
  address = await line.address();
  browser = await openBrowser();
  floor = await FloorPage.open(browser, address);
});

after(async () => {
  await browser?.close();
  await line?.stop();
});

function port(slot: number): string {
  const name = line.ports[slot - 1];
  assert.ok(name);
  return name;
}

// A board that has much to erase and write, on a chip that takes its maximum times for it.
function plugSlowBoard(slot: number): void {
  for (let address = 0; address < IMAGE_BYTES; address += BLOCK_BYTES) {
    rack("poke", port(slot), String(address), "00");
  }
  rack("slow", port(slot), "on");
  rack("plug", port(slot));
}

// Each of the ledger's verdicts, once, in its order.
async function listsAllVerdicts(): Promise<void> {
  const by_number = (a: string, b: string): number =>
    Number(a.split("-")[1]) - Number(b.split("-")[1]);
  const recorded = line.verdicts().sort(by_number);
  const listed = async (): Promise<string[]> => (await floor.verdicts()).reverse();
  await until(async () => (await listed()).length >= recorded.length, "the page lists them all");
  assert.deepEqual(await listed(), recorded);
}

test("the demo's job is seen from its boards to their verdicts", async () => {
  for (const slot of line.ports.keys()) await floor.shows(slot + 1, "pass");
  await floor.isFresh(true);
  await floor.page.locator('[data-slot="1"]', { hasText: /TN00000\d/ }).waitFor();
  await listsAllVerdicts();
});

test("no verdict stands without UNQUALIFIED: nobody has qualified these boards", async () => {
  // In one moment of a page that lives.
  const look = (): Promise<{ tiles: number; bare: (string | null)[] }> =>
    floor.page.evaluate(() => {
      const tiles = [...document.querySelectorAll('.tile[data-look="pass"]')];
      const bare = [...tiles, ...document.querySelectorAll(".verdicts li")]
        .filter((each) => each.querySelector(".unqualified") === null)
        .map((each) => each.textContent);
      return { tiles: tiles.length, bare };
    });
  await until(async () => {
    const { tiles, bare } = await look();
    assert.deepEqual(bare, []);
    return tiles > 0;
  }, "the page shows verdicts");
});

test("slots lie as in the fixture", async () => {
  const place = async (slot: number): Promise<{ x: number; y: number }> => {
    const box = await floor.tile(slot).boundingBox();
    assert.ok(box);
    return box;
  };
  const [first, fourth, fifth] = [await place(1), await place(4), await place(5)];
  assert.ok(fourth.x > first.x && fourth.y === first.y, "four columns");
  assert.ok(fifth.y > first.y && fifth.x === first.x, "slot 5 is below slot 1");
});

test("a verdict stays while its board does, and the next is seen from plug to PASS", async () => {
  rack("unplug", port(1));
  await floor.shows(1, "empty");
  line.startJob("--slot", "1", "--slot", "2", "--slot", "3");
  const before = (await floor.verdicts()).length;
  plugSlowBoard(1);
  await floor.shows(1, "running");
  await floor.tile(1).locator(".left", { hasText: "left in this step" }).waitFor();
  assert.ok(Number(await floor.tile(1).locator("progress").getAttribute("value")) >= 0);
  rack("slow", port(1), "off");
  await floor.shows(1, "pass");
  await floor.page.waitForFunction(
    (count) => document.querySelectorAll(".verdicts li").length > count,
    before,
  );
  await listsAllVerdicts();
});

test("a board pulled in mid-flight FAILs, and that stays until somebody has seen it", async () => {
  await floor.shows(2, "pass");
  rack("unplug", port(2));
  await floor.shows(2, "empty");
  plugSlowBoard(2);
  await floor.shows(2, "running");
  await floor.tile(2).locator(".step", { hasText: "%" }).waitFor();
  rack("unplug", port(2));
  await floor.shows(2, "fail");
  const advice = floor.tile(2).locator(".advice");
  assert.match((await advice.textContent()) ?? "", /put it in again/);
  rack("slow", port(2), "off");
  rack("plug", port(2));
  await floor.tile(2).locator(".hint", { hasText: "another board" }).waitFor();
  await floor.screenshot("fail");
  assert.deepEqual(await floor.seriousFaults(), []);
  await floor.shows(2, "fail");
  assert.deepEqual(line.events("attempt_acknowledged"), []);
  await floor.tile(2).getByRole("button", { name: /I have seen this FAIL/ }).click();
  await floor.shows(2, "pass");
  assert.equal(line.events("attempt_acknowledged").length, 1);
});

test("a gangd that hangs makes the page stale, and nothing on it looks like PASS", async () => {
  await floor.shows(1, "pass");
  line.signal("SIGSTOP");
  await floor.isFresh(false);
  assert.equal(await floor.page.locator('.tiles [data-look="nodata"]').count(), line.ports.length);
  assert.doesNotMatch((await floor.page.locator(".tiles").textContent()) ?? "", /PASS/);
  await floor.screenshot("stale");
  assert.deepEqual(await floor.seriousFaults(), []);
  line.signal("SIGCONT");
  await floor.isFresh(true);
  await floor.shows(1, "pass");
});

test("a gangd that is killed makes the page stale; it recovers with nothing missed", async () => {
  rack("unplug", port(3));
  await floor.shows(3, "empty");
  const begun = line.events("attempt_started").length;
  plugSlowBoard(3);
  await floor.shows(3, "running");
  // A board is at work before it has said who it is, and only then its attempt is on record.
  await until(() => line.events("attempt_started").length > begun, "the attempt is on record");
  await line.kill();
  await floor.isFresh(false);
  assert.equal(await floor.page.locator('[data-look="pass"]').count(), 0);
  rack("slow", port(3), "off");
  // The page is away until the station has worked again: it must ask for what came meanwhile.
  await floor.page.context().setOffline(true);
  line.startGangd();
  await line.isUp();
  await line.jobEnds(line.startJob("--once"));
  await floor.page.context().setOffline(false);
  await floor.isFresh(true);
  for (const slot of line.ports.keys()) await floor.shows(slot + 1, "pass");
  await listsAllVerdicts();
  const unknown = floor.page.locator('.verdicts [data-verdict="UNKNOWN"]');
  assert.equal(await unknown.count(), 1, "the attempt that the kill cut short");
});

test("silence was seen within two seconds, each time", async () => {
  const silences = await floor.silences();
  assert.ok(silences.length >= 2, `${silences.length} silences`);
  assert.ok(Math.max(...silences) < STALE_MS_MAX, `longest: ${Math.max(...silences)} ms`);
});

test("a unit is found by serial, UID and image, with what was meant and measured", async () => {
  const page = floor.page;
  await page.getByRole("link", { name: "Units" }).click();
  const search = async (words: string): Promise<void> => {
    await page.locator("#q").fill(words);
    await page.getByRole("button", { name: "Search" }).click();
  };
  await search("TN000001");
  await page.locator(".unit h2", { hasText: "TN000001" }).waitFor();
  const line_of_uid = await page.locator(".unit > p").first().textContent();
  const uid = line_of_uid?.match(/UID (\w+)/)?.[1];
  assert.ok(uid);
  const hashes = await page.locator(".attempt").first().locator(".hash span").allTextContents();
  assert.equal(hashes.length, 4, "image and serial, meant and measured");
  assert.match(hashes[0] ?? "", /^[0-9a-f]{64}$/);
  assert.equal(hashes[0], hashes[1]);
  const attempts = await page.locator(".attempt").count();
  assert.ok(attempts >= 2, "the demo's job, and the one after the kill");
  await floor.screenshot("unit");
  assert.deepEqual(await floor.seriousFaults(), []);
  const download = page.waitForEvent("download");
  await page.locator("a.download").first().click();
  assert.match((await download).suggestedFilename(), new RegExp(uid));
  await search(uid);
  await page.locator(".unit h2", { hasText: "TN000001" }).waitFor();
  await search(hashes[0] ?? "");
  await page.locator(".units li").nth(line.ports.length - 1).waitFor();
  await search("nothing-like-it");
  await page.getByText("No unit has this serial").waitFor();
});

test("a scanner is faster than the page", async () => {
  const page = floor.page;
  await page.evaluate(() => {
    const field = document.querySelector<HTMLInputElement>("#q");
    if (field === null) throw new Error("there is no field");
    field.value = "TN000002";
    field.form?.requestSubmit();
    field.value = "TN000003";
  });
  await page.locator(".unit h2", { hasText: "TN000002" }).waitFor();
  assert.equal(await page.locator("#q").inputValue(), "TN000003", "what was scanned meanwhile");
  await page.getByRole("button", { name: "Search" }).click();
  await page.locator(".unit h2", { hasText: "TN000003" }).waitFor();
  await page.goBack();
  await page.locator(".unit h2", { hasText: "TN000002" }).waitFor();
  assert.equal(await page.locator("#q").inputValue(), "TN000002", "the page that is shown again");
  await page.getByRole("button", { name: "Search" }).focus();
  await page.locator("#q").press("Enter");
  await page.keyboard.type("TN000001");
  assert.equal(await page.locator("#q").inputValue(), "TN000001", "it takes the place of the last");
});

test("only gangd's own page, by its own name, may ask", async () => {
  const status = (
    headers: Record<string, string>,
    method = "GET",
    path = "/api/station",
  ): Promise<number> =>
    new Promise((resolve, reject) => {
      const asking = request(`${address}${path}`, { method, headers }, (answer) => {
        answer.resume();
        resolve(answer.statusCode ?? 0);
      });
      asking.on("error", reject);
      asking.end(method === "POST" ? "{}" : undefined);
    });
  const json = { "Content-Type": "application/json" };
  assert.equal(await status({}), 200);
  assert.equal(await status({ Host: "gangd.example" }), 421);
  assert.equal(await status({}, "POST", "/api/acknowledge"), 415);
  const foreign = { ...json, Origin: "http://gangd.example" };
  assert.equal(await status(foreign, "POST", "/api/acknowledge"), 403);
  assert.equal(await status(json, "POST", "/api/acknowledge"), 400);
  assert.equal(await status({}, "PUT"), 400);
  assert.equal(await status({}, "GET", "/../station.toml"), 404);
});

test("states are told apart without colour", async () => {
  const { pairs, faults } = await lookAtAll(browser, address, process.env["FLOOR_SCREENSHOTS"]);
  assert.deepEqual(faults, []);
  assert.ok(pairs.length >= 36, `${pairs.length} pairs of looks`);
  for (const pair of pairs) {
    assert.ok(pair.shape > 0.04, `${pair.names}: shapes differ in ${pair.shape} of their pixels`);
    assert.ok(pair.words, `${pair.names}: the same word`);
  }
});

test("the page kept to its own rules", async () => {
  const answer = await fetch(`${address}/`);
  const policy = answer.headers.get("content-security-policy") ?? "";
  assert.match(policy, /default-src 'none'/);
  assert.doesNotMatch(policy, /unsafe|https?:|\*/);
  assert.deepEqual(floor.complaints, []);
});
