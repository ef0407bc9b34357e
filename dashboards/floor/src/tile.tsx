// One slot: what is in it, how far it is, and what to do.
import { useEffect, useRef, useState } from "preact/hooks";
import type { JSX } from "preact";

import { advice } from "./advice";
import { lookOf, Shape, WORDS } from "./look";
import { beside, seconds, serials, type Outcome, type Slot } from "./station";

// Before so much is known of a step, a guess would jump about.
const GUESS_AFTER_MS = 400;

// Seconds that the step still takes, from how it went so far; null while nobody can know.
function useTimeLeft(slot: Slot): number | null {
  const began = useRef({ attempt: "", step: "", at: 0, done: 0 });
  const now = performance.now();
  const from = began.current;
  if (from.attempt !== slot.attempt || from.step !== slot.step || from.done > slot.bytes_done) {
    began.current = { attempt: slot.attempt, step: slot.step, at: now, done: slot.bytes_done };
    return null;
  }
  const done = slot.bytes_done - from.done;
  if (done <= 0 || now - from.at < GUESS_AFTER_MS) return null;
  return ((slot.bytes_total - slot.bytes_done) * (now - from.at)) / done / 1000;
}

function timeText(left: number): string {
  if (left < 1) return "less than 1 s left";
  if (left < 90) return `about ${Math.ceil(left)} s left`;
  return `about ${Math.ceil(left / 60)} min left`;
}

function Progress({ slot }: { slot: Slot }): JSX.Element {
  const left = useTimeLeft(slot);
  const percent = slot.bytes_total > 0 ? Math.floor((100 * slot.bytes_done) / slot.bytes_total) : 0;
  return (
    <div class="going">
      <progress max="100" value={percent} aria-label={`slot ${slot.name}: ${slot.step}`} />
      <p class="step">
        {slot.step || "begin"} {slot.bytes_total > 0 ? `${percent} %` : ""}
      </p>
      <p class="left">{left === null ? "\u00a0" : `${timeText(left)} in this step`}</p>
    </div>
  );
}

async function acknowledge(slot: string, attempt: string): Promise<string> {
  // The same name for each try: of several that arrive, one counts.
  const body = JSON.stringify({ request_id: `page-${attempt}`, slot, attempt });
  const headers = { "Content-Type": "application/json" };
  try {
    const answer = await fetch("/api/acknowledge", { method: "POST", headers, body });
    return answer.ok ? "" : (await answer.text()).trim();
  } catch {
    return "gangd cannot be reached: try again when the page is live";
  }
}

function Acknowledge({ slot }: { slot: Slot }): JSX.Element {
  const [trouble, setTrouble] = useState("");
  const [asking, setAsking] = useState(false);
  useEffect(() => setTrouble(""), [slot.attempt]);
  const press = async (): Promise<void> => {
    setAsking(true);
    setTrouble(await acknowledge(slot.name, slot.attempt));
    setAsking(false);
  };
  return (
    <div class="acknowledge">
      <button type="button" disabled={asking} onClick={press}>
        I have seen this FAIL<span class="unseen"> of slot {slot.name}</span>
      </button>
      {trouble !== "" && <p role="alert">{trouble}</p>}
    </div>
  );
}

function Beside({ outcome }: { outcome: Outcome }): JSX.Element | null {
  const words = beside(outcome.qualification);
  if (words === "") return null;
  return (
    <strong class="unqualified" title="Nobody has qualified this kind of board with this loader">
      {words}
    </strong>
  );
}

function Ended({ slot, outcome }: { slot: Slot; outcome: Outcome }): JSX.Element {
  return (
    <div class="ended">
      {outcome.reason !== "" && <p class="reason">{outcome.reason}</p>}
      {outcome.verdict !== "PASS" && <p class="advice">{advice(outcome)}</p>}
      {slot.acknowledgement === "wanted" && <Acknowledge slot={slot} />}
      {slot.acknowledgement === "given" && <p>Seen. Take the board away.</p>}
      <p class="took">{seconds(outcome.duration_us)}</p>
    </div>
  );
}

export function Tile({ slot, fresh }: { slot: Slot; fresh: boolean }): JSX.Element {
  const look = lookOf(slot, fresh);
  const place = slot.row > 0 ? { gridRow: `${slot.row}`, gridColumn: `${slot.column}` } : {};
  const serial = serials(slot.numbers);
  return (
    <li class={`tile ${look}`} style={place} data-slot={slot.name} data-look={look}>
      <header>
        <h2>
          <span class="unseen">Slot </span>
          {slot.name}
        </h2>
        <Shape look={look} />
        <strong class="word">{WORDS[look]}</strong>
        {fresh && slot.outcome && <Beside outcome={slot.outcome} />}
      </header>
      {fresh && (
        <div class="facts">
          {serial !== "" && <p class="serial">{serial}</p>}
          {slot.uid !== "" && (
            <p class="uid">
              <a href={`#/units/${encodeURIComponent(slot.uid)}`}>{slot.uid}</a>
            </p>
          )}
          {look === "running" && <Progress slot={slot} />}
          {slot.outcome && <Ended slot={slot} outcome={slot.outcome} />}
          {slot.hint !== "" && <p class="hint">{slot.hint}</p>}
        </div>
      )}
    </li>
  );
}
