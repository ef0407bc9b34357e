// What is in a unit, and how anyone knows.
import { useEffect, useRef, useState } from "preact/hooks";
import type { JSX } from "preact";

import { Shape, type Look } from "./look";
import { beside, seconds, serials, type Attempt, type Extent, type Unit, type Verdict } from "./station";

interface Found {
  units: Unit[];
  has_more: boolean;
}

interface History {
  unit: Unit;
  history: Attempt[];
}

// What gangd answers to a question; a sentence when it cannot.
function useAnswer<T>(path: string | null): { answer: T | null; trouble: string } {
  const [state, setState] = useState<{ answer: T | null; trouble: string }>({
    answer: null,
    trouble: "",
  });
  useEffect(() => {
    setState({ answer: null, trouble: "" });
    if (path === null) return;
    const abort = new AbortController();
    const ask = async (): Promise<void> => {
      try {
        const response = await fetch(path, { signal: abort.signal });
        if (response.ok) setState({ answer: (await response.json()) as T, trouble: "" });
        else setState({ answer: null, trouble: (await response.text()).trim() });
      } catch {
        if (!abort.signal.aborted) {
          setState({ answer: null, trouble: "gangd cannot be reached: try again" });
        }
      }
    };
    void ask();
    return () => abort.abort();
  }, [path]);
  return state;
}

interface Judged {
  verdict: Verdict | undefined;
  qualification: string | undefined;
}

function VerdictMark({ verdict, qualification }: Judged): JSX.Element {
  const words = verdict === undefined ? "" : beside(qualification);
  const looks: Record<Verdict, Look> = { PASS: "pass", FAIL: "fail", UNKNOWN: "unknown" };
  const look = verdict === undefined ? "running" : looks[verdict];
  return (
    <span class={`mark ${look}`}>
      <Shape look={look} />
      <strong>{verdict ?? "RUNNING"}</strong>
      {words !== "" && <strong class="unqualified">{words}</strong>}
    </span>
  );
}

function ExtentRow({ meant, attempt }: { meant: Extent; attempt: Attempt }): JSX.Element {
  const among = (extents?: Extent[]): Extent | undefined =>
    extents?.find(
      (each) =>
        each.name === meant.name && each.address === meant.address && each.size === meant.size,
    );
  const measured = among(attempt.measured);
  const booted = among(attempt.measured_as_booted);
  const is = (extent?: Extent): "same" | "other" =>
    extent?.sha256 === meant.sha256 ? "same" : "other";
  const same = is(measured) === "same" && (booted === undefined || is(booted) === "same");
  return (
    <tr>
      <th scope="row">{meant.name}</th>
      <td>0x{meant.address.toString(16).padStart(8, "0")}</td>
      <td class="figure">{meant.size}</td>
      <td class="hash">
        <span>{meant.sha256}</span>
        <span class={is(measured)}>{measured?.sha256 ?? "not measured"}</span>
        {booted && <span class={is(booted)}>{booted.sha256} as the application reads it</span>}
      </td>
      <td>{same ? "= same" : "≠ NOT THE SAME"}</td>
    </tr>
  );
}

const PROOFS: Record<string, string> = {
  device: "the device itself, which restarted its flash first",
  readback: "gangd, from what it read back",
  both: "the device, and gangd from what it read back",
};

function KindLine({ attempt }: { attempt: Attempt }): JSX.Element | null {
  const key = attempt.key;
  if (!key) return null;
  return (
    <p>
      Board {key.board || "not told"} · chip {key.chip || "not told"} · flash{" "}
      {key.flashes.join(" ") || "not told"} ·{" "}
      {beside(attempt.qualification) === ""
        ? `qualified by ${attempt.qualification}`
        : "nobody has qualified this kind with this loader"}
    </p>
  );
}

function AttemptPart({ attempt }: { attempt: Attempt }): JSX.Element {
  return (
    <section class="attempt" aria-labelledby={`attempt-${attempt.id}`}>
      <h3 id={`attempt-${attempt.id}`}>
        <VerdictMark verdict={attempt.verdict} qualification={attempt.qualification} /> attempt{" "}
        {attempt.id}
      </h3>
      <p>
        {new Date(attempt.started_at).toLocaleString()} · slot {attempt.slot} · job {attempt.job} (
        {attempt.product})
        {attempt.duration_us !== undefined && ` · ${seconds(attempt.duration_us)}`}
      </p>
      <KindLine attempt={attempt} />
      {attempt.reason && <p class="reason">{attempt.reason}</p>}
      {attempt.proof && <p>Measured by {PROOFS[attempt.proof] ?? attempt.proof}.</p>}
      <table>
        <caption class="unseen">What should be in the unit, and what was measured</caption>
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col">Address</th>
            <th scope="col">Bytes</th>
            <th scope="col">SHA-256: should be, and measured</th>
            <th scope="col">These are</th>
          </tr>
        </thead>
        <tbody>
          {attempt.expected.map((meant) => (
            <ExtentRow key={`${meant.name} ${meant.address}`} meant={meant} attempt={attempt} />
          ))}
        </tbody>
      </table>
    </section>
  );
}

function UnitPart({ uid }: { uid: string }): JSX.Element {
  const path = `/api/unit?uid=${encodeURIComponent(uid)}`;
  const { answer, trouble } = useAnswer<History>(path);
  if (trouble !== "") return <p role="alert">{trouble}</p>;
  if (answer === null) return <p>…</p>;
  const { unit, history } = answer;
  return (
    <article class="unit" aria-labelledby="unit-title">
      <h2 id="unit-title">
        {serials(unit.numbers) || "no serial"}{" "}
        <VerdictMark verdict={unit.last_verdict} qualification={unit.last_qualification} />
      </h2>
      <p>
        UID {unit.uid} · {unit.attempts} {unit.attempts === 1 ? "attempt" : "attempts"}
      </p>
      <p>
        <a class="download" href={`/api/evidence?uid=${encodeURIComponent(unit.uid)}`} download>
          Evidence
        </a>{" "}
        (a file that deploy/audit/verify.py checks without gangd) ·{" "}
        <a href={path} download={`unit-${unit.uid}.json`}>
          Record as JSON
        </a>
      </p>
      {[...history].reverse().map((attempt) => (
        <AttemptPart key={attempt.id} attempt={attempt} />
      ))}
    </article>
  );
}

function FoundList({ query }: { query: string }): JSX.Element {
  const path = query === "" ? null : `/api/units?q=${encodeURIComponent(query)}`;
  const { answer, trouble } = useAnswer<Found>(path);
  if (trouble !== "") return <p role="alert">{trouble}</p>;
  if (answer === null) return <p role="status">{query === "" ? "" : "…"}</p>;
  const only = answer.units.length === 1 ? answer.units[0] : undefined;
  if (only) return <UnitPart uid={only.uid} />;
  if (answer.units.length === 0) {
    return <p role="status">No unit has this serial, this UID or this image.</p>;
  }
  return (
    <>
      <p role="status">
        {answer.has_more ? "The first " : ""}
        {answer.units.length} units carry this image; the verdict is that of the newest attempt.
      </p>
      <ul class="units">
        {answer.units.map((unit) => (
          <li key={unit.uid}>
            <VerdictMark verdict={unit.last_verdict} qualification={unit.last_qualification} />
            <a href={`#/units/${encodeURIComponent(unit.uid)}`}>
              {serials(unit.numbers) || unit.uid}
            </a>
            <span>{unit.uid}</span>
          </li>
        ))}
      </ul>
    </>
  );
}

export function UnitsPage({ query }: { query: string }): JSX.Element {
  const field = useRef<HTMLInputElement>(null);
  const searched = useRef("");
  // A link's query is shown; one's own stands there, or already the next, which a scanner types
  // while the page still turns to the last.
  useEffect(() => {
    if (field.current && query !== searched.current) field.current.value = query;
    searched.current = query;
  }, [query]);
  const search = (event: SubmitEvent): void => {
    event.preventDefault();
    if (!field.current) return;
    searched.current = field.current.value.trim();
    location.hash = `#/units/${encodeURIComponent(searched.current)}`;
    // What is typed or scanned next stands in its place.
    field.current.select();
  };
  return (
    <main class="unit-page">
      <h1>Units</h1>
      <form role="search" onSubmit={search}>
        <label for="q">Serial, UID, or SHA-256 of an image</label>
        <input ref={field} id="q" name="q" autocomplete="off" maxLength={128} />
        <button type="submit">Search</button>
      </form>
      <FoundList key={query} query={query} />
    </main>
  );
}
