// The stream of daemon/web/feed.h, and what it has told so far. Silence is told, too.
import type { Job, LedgerEvent, Slot, Station } from "./station";

// gangd beats at least twice a second. A person must see within two that it does not.
const SILENCE_MS = 1400;
const LOOK_MS = 200;
// A new try, where the browser has given up.
const RETRY_MS = 500;
const VERDICTS_KEPT = 200;

export interface Floor {
  // False: nobody knows what is in the slots now.
  fresh: boolean;
  // When something was heard last; nothing before the first time.
  heard: Date | null;
  station: Station | null;
  jobs: Job[];
  slots: Slot[];
  // Ends of attempts, the newest first.
  verdicts: LedgerEvent[];
}

export class Feed {
  floor: Floor = { fresh: false, heard: null, station: null, jobs: [], slots: [], verdicts: [] };
  private source: EventSource | null = null;
  private heardAt = -Infinity;
  private token = "";
  private order: string[] = [];
  private slots = new Map<string, Slot>();

  constructor(private readonly changed: (floor: Floor) => void) {
    this.open();
    setInterval(() => this.look(), LOOK_MS);
    // A tab that slept has timers that slept.
    document.addEventListener("visibilitychange", () => this.look());
  }

  private open(): void {
    const after = this.token === "" ? "" : `?after=${encodeURIComponent(this.token)}`;
    const source = new EventSource(`/api/stream${after}`);
    this.source = source;
    const on = <T>(type: string, take: (data: T) => void): void =>
      source.addEventListener(type, (event: MessageEvent<string>) => {
        if (event.lastEventId !== "") this.token = event.lastEventId;
        take(JSON.parse(event.data) as T);
      });
    on<{ station: Station; jobs: Job[]; slots: string[] }>("station", (told) => {
      this.floor = { ...this.floor, station: told.station, jobs: told.jobs };
      this.order = told.slots;
    });
    on<Slot>("slot", (slot) => this.slots.set(slot.name, slot));
    on<LedgerEvent>("ledger", (event) => this.take(event));
    on("reset", () => {
      this.token = "";
      this.floor = { ...this.floor, verdicts: [] };
    });
    // Ends each piece of the stream: what came before it belongs together.
    on("beat", () => this.beat());
    source.addEventListener("error", () => this.lost(source));
  }

  private take(event: LedgerEvent): void {
    if (event.record.type !== "attempt_ended") return;
    // After a new start of the stream some may come twice.
    if (this.floor.verdicts.some((each) => each.token === event.token)) return;
    const verdicts = [event, ...this.floor.verdicts].slice(0, VERDICTS_KEPT);
    this.floor = { ...this.floor, verdicts };
  }

  private beat(): void {
    this.heardAt = performance.now();
    const slots = this.order.flatMap((name) => this.slots.get(name) ?? []);
    this.floor = { ...this.floor, fresh: true, heard: new Date(), slots };
    this.changed(this.floor);
  }

  private lost(source: EventSource): void {
    this.go_stale();
    // The browser tries again by itself, but for an answer that is no stream.
    if (source.readyState !== EventSource.CLOSED || source !== this.source) return;
    this.source = null;
    setTimeout(() => this.open(), RETRY_MS);
  }

  private look(): void {
    if (performance.now() - this.heardAt > SILENCE_MS) this.go_stale();
  }

  private go_stale(): void {
    if (!this.floor.fresh) return;
    this.floor = { ...this.floor, fresh: false };
    this.changed(this.floor);
  }
}
