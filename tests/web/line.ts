// The demo's line, from outside: its rack, its gangd, and what gangctl says of it.
import { spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import path from "node:path";
import { fileURLToPath } from "node:url";

export const TOP = path.resolve(path.dirname(fileURLToPath(import.meta.url)), "../../..");
const BIN = path.join(TOP, "build/release/bin");
// For a machine that is busy with other tests.
export const PATIENCE_MS = 60_000;

export function sleep(ms: number): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

export async function until(holds: () => boolean | Promise<boolean>, what: string): Promise<void> {
  const deadline = Date.now() + PATIENCE_MS;
  while (!(await holds())) {
    if (Date.now() > deadline) throw new Error(`waited ${PATIENCE_MS / 1000} s until ${what}`);
    await sleep(50);
  }
}

export function rack(...words: string[]): string {
  const done = spawnSync(path.join(TOP, "tests/rig/rack"), words, { encoding: "utf8" });
  if (done.status !== 0) throw new Error(`rack ${words.join(" ")}: ${done.stdout}${done.stderr}`);
  return done.stdout.trim();
}

// For what talks to boards: with-rack's libraries, which tests/web/run keeps from everything else.
function onRack(): NodeJS.ProcessEnv {
  return { ...process.env, LD_PRELOAD: process.env["RACK_PRELOAD"] ?? "" };
}

interface Event {
  epoch: number;
  n: number;
  type: string;
}

// Of a process that may have ended.
function commandOf(pid: string): string[] {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
  } catch {
    return [];
  }
}

export class Line {
  readonly folder = path.join(mkdtempSync(path.join(tmpdir(), "web.")), "demo");
  readonly ports = (JSON.parse(rack("list")) as { port: string }[]).map((each) => each.port);
  private readonly demo: ChildProcess;
  private said = "";
  private gangd: ChildProcess | null = null;
  private children: ChildProcess[] = [];

  constructor() {
    this.demo = spawn(
      path.join(TOP, "deploy/demo_line.py"),
      ["--boards", String(this.ports.length), "--folder", this.folder],
      { stdio: ["ignore", "pipe", "pipe"], env: onRack() },
    );
    for (const stream of [this.demo.stdout, this.demo.stderr]) {
      stream?.on("data", (text: Buffer) => (this.said += text.toString()));
    }
  }

  async address(): Promise<string> {
    const found = (): RegExpMatchArray | null => this.said.match(/http:\/\/127\.0\.0\.1:\d+/);
    await until(() => found() !== null || this.demo.exitCode !== null, "the demo tells its page");
    const address = found();
    if (address === null) throw new Error(`no floor page: ${this.said}`);
    return address[0];
  }

  ctl(...words: string[]): string {
    const done = spawnSync(
      path.join(BIN, "gangctl"),
      ["--socket", path.join(this.folder, "sockets/operator.sock"), ...words],
      { encoding: "utf8", timeout: PATIENCE_MS },
    );
    if (done.status !== 0) throw new Error(`gangctl: ${done.stdout}${done.stderr}`);
    return done.stdout;
  }

  startJob(...words: string[]): string {
    const answer = JSON.parse(this.ctl("--json", "job", "start", "tone", ...words));
    return (answer as { job: string }).job;
  }

  async jobEnds(job: string): Promise<void> {
    await until(() => {
      const jobs = JSON.parse(this.ctl("--json", "job", "list")) as {
        jobs: { id: string; running: boolean }[];
      };
      return jobs.jobs.some((each) => each.id === job && !each.running);
    }, `job ${job} ends`);
  }

  // The tokens of all verdicts on record, sorted.
  verdicts(): string[] {
    return this.events("attempt_ended");
  }

  events(type: string): string[] {
    const lines = this.ctl("--json", "events").trim().split("\n");
    const events = lines.map((line) => (JSON.parse(line) as { record: Event }).record);
    return events
      .filter((event) => event.type === type)
      .map((event) => `${event.epoch}-${event.n}`)
      .sort();
  }

  private gangdPid(): number {
    if (this.gangd?.pid !== undefined) return this.gangd.pid;
    const own = readdirSync("/proc").filter((name) => /^\d+$/.test(name));
    for (const pid of own) {
      const words = commandOf(pid);
      if (words[0]?.endsWith("/gangd") && words[2]?.startsWith(this.folder)) return Number(pid);
    }
    throw new Error(`no gangd runs: ${this.said}`);
  }

  signal(name: NodeJS.Signals): void {
    process.kill(this.gangdPid(), name);
  }

  // As by kill -9. The demo, which cannot go on without it, ends too.
  async kill(): Promise<void> {
    this.signal("SIGKILL");
    await until(() => this.demo.exitCode !== null, "the demo ends");
  }

  startGangd(): void {
    const config = path.join(this.folder, "station.toml");
    this.gangd = spawn(path.join(BIN, "gangd"), ["--config", config], {
      stdio: "inherit",
      env: onRack(),
    });
    this.children.push(this.gangd);
  }

  async isUp(): Promise<void> {
    await until(() => {
      try {
        return this.ctl("station") !== "";
      } catch {
        return false;
      }
    }, "gangd answers");
  }

  async stop(): Promise<void> {
    for (const child of [this.demo, ...this.children]) {
      if (child.exitCode !== null || child.signalCode !== null) continue;
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      await ended;
    }
    rmSync(path.dirname(this.folder), { recursive: true, force: true });
  }
}
