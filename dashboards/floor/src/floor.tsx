// The floor: the slots as they lie in the fixture, and the verdicts as they came.
import type { JSX } from "preact";

import type { Floor } from "./feed";
import { Shape } from "./look";
import { beside, serials, type Job, type LedgerEvent, type Slot } from "./station";
import { Tile } from "./tile";

const VERDICTS_SHOWN = 50;

// The columns of the fixture, where the station's file says how its slots lie.
function columnsOf(slots: Slot[]): { gridTemplateColumns?: string } {
  const columns = Math.max(0, ...slots.map((slot) => slot.column));
  return columns === 0 ? {} : { gridTemplateColumns: `repeat(${columns}, minmax(0, 1fr))` };
}

function JobLine({ job }: { job: Job }): JSX.Element {
  return (
    <p class="job">
      Job {job.id}: <strong>{job.product}</strong> {job.running ? "runs" : job.reason} ·{" "}
      {job.passed} passed, {job.failed} failed, {job.unknown} unknown
      {job.passed_unqualified > 0 && `; of those that passed, ${job.passed_unqualified} UNQUALIFIED`}
    </p>
  );
}

function VerdictLine({ event }: { event: LedgerEvent }): JSX.Element | null {
  const attempt = event.attempt;
  if (!attempt) return null;
  const look =
    attempt.verdict === "PASS" ? "pass" : attempt.verdict === "FAIL" ? "fail" : "unknown";
  return (
    <li data-token={event.token} data-attempt={attempt.id} data-verdict={attempt.verdict}>
      <Shape look={look} />
      <strong>{attempt.verdict}</strong>
      {beside(attempt.qualification) !== "" && (
        <strong class="unqualified">{beside(attempt.qualification)}</strong>
      )}
      <span>slot {attempt.slot}</span>
      <a href={`#/units/${encodeURIComponent(attempt.uid)}`}>
        {serials(attempt.numbers) || attempt.uid || "no UID"}
      </a>
      <time dateTime={event.record.at}>{new Date(event.record.at).toLocaleTimeString()}</time>
    </li>
  );
}

export function FloorPage({ floor }: { floor: Floor }): JSX.Element {
  const running = floor.jobs.filter((job) => job.running);
  const shown = running.length > 0 ? running : floor.jobs.slice(-1);
  return (
    <main class={floor.fresh ? "floor" : "floor stale"}>
      <section aria-labelledby="slots-title">
        <h1 id="slots-title" class="unseen">
          Slots
        </h1>
        {floor.fresh && shown.map((job) => <JobLine key={job.id} job={job} />)}
        <ul class="tiles" style={columnsOf(floor.slots)}>
          {floor.slots.map((slot) => (
            <Tile key={slot.name} slot={slot} fresh={floor.fresh} />
          ))}
        </ul>
      </section>
      <section aria-labelledby="verdicts-title" class="verdicts">
        <h2 id="verdicts-title">{floor.fresh ? "On record" : "On record before"}</h2>
        <ol>
          {floor.verdicts.slice(0, VERDICTS_SHOWN).map((event) => (
            <VerdictLine key={event.token} event={event} />
          ))}
        </ol>
      </section>
    </main>
  );
}
