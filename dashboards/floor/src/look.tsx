// How a slot looks: a word, a shape and a colour, each of which tells the state alone.
import type { JSX } from "preact";

import type { Slot } from "./station";

export type Look =
  | "nodata"
  | "empty"
  | "foreign"
  | "waiting"
  | "running"
  | "recording"
  | "pass"
  | "fail"
  | "unknown";

export const WORDS: Record<Look, string> = {
  nodata: "NO DATA",
  empty: "EMPTY",
  foreign: "WRONG BOARD",
  waiting: "WAITING",
  running: "RUNNING",
  recording: "SAVING",
  pass: "PASS",
  fail: "FAIL",
  unknown: "UNKNOWN",
};

// PASS is the one that must be earned: whatever is not known to be it, is not it.
export function lookOf(slot: Slot, fresh: boolean): Look {
  if (!fresh) return "nodata";
  if (slot.state !== "ended") return slot.state in WORDS ? slot.state : "unknown";
  switch (slot.outcome?.verdict) {
    case "PASS":
      return "pass";
    case "FAIL":
      return "fail";
    default:
      return "unknown";
  }
}

const SHAPES: Record<Look, JSX.Element> = {
  nodata: <path d="M8 8 L40 40 M16 8 L40 32 M8 16 L32 40 M32 8 L40 16 M8 32 L16 40" />,
  empty: <rect x="8" y="8" width="32" height="32" stroke-dasharray="4 5" />,
  foreign: (
    <>
      <path class="fill" d="M24 3 L45 24 L24 45 L3 24 Z" />
      <path class="cut" d="M24 13 L24 27 M24 33 L24 35" />
    </>
  ),
  waiting: <path class="fill" d="M12 8 H20 V40 H12 Z M28 8 H36 V40 H28 Z" />,
  running: <path class="fill" d="M11 5 L43 24 L11 43 Z" />,
  recording: (
    <path class="fill" d="M6 36 H42 V43 H6 Z M19 4 H29 V18 H37 L24 32 L11 18 H19 Z" />
  ),
  pass: (
    <>
      <circle class="fill" cx="24" cy="24" r="21" />
      <path class="cut" d="M13 25 L21 33 L36 16" />
    </>
  ),
  fail: (
    <>
      <path class="fill" d="M15 3 H33 L45 15 V33 L33 45 H15 L3 33 V15 Z" />
      <path class="cut" d="M15 15 L33 33 M33 15 L15 33" />
    </>
  ),
  unknown: (
    <>
      <path class="fill" d="M24 3 L46 43 H2 Z" />
      <path class="cut" d="M24 16 V30 M24 35 V38" />
    </>
  ),
};

export function Shape({ look }: { look: Look }): JSX.Element {
  return (
    <svg class={`shape ${look}`} viewBox="0 0 48 48" aria-hidden="true">
      {SHAPES[look]}
    </svg>
  );
}
