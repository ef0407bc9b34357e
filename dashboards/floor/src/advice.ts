// What to do about a verdict, for whoever stands at the fixture. The reason itself is gangd's.
import type { Outcome } from "./station";

const AGAIN = "Put the board in again. If it fails a second time, reject it.";

const BY_CODE: Record<string, string> = {
  unplugged: "Seat the board, check its cable, and put it in again: it is programmed anew.",
  mismatch: "The chip does not hold what it should: " + AGAIN,
  device: "The board says that it failed: " + AGAIN,
  stalled: "The board refused: " + AGAIN,
  timeout: "The board did not answer in time. Check its cable. " + AGAIN,
  transfer: "The cable or the hub is bad: change the cable. " + AGAIN,
  busy: "Another program has this board, or two boards say they are one: take it out, look.",
  invalid: "This board may not be built here now. Put it aside, and ask the line's lead.",
  io: "The station has a fault: call a technician.",
  cancelled: "Put the board in again.",
};

export function advice(outcome: Outcome): string {
  if (outcome.verdict === "PASS") return "";
  if (outcome.verdict !== "FAIL") {
    return "Nobody saw the end. Never ship it like this: put it in again.";
  }
  return BY_CODE[outcome.code] ?? AGAIN;
}
