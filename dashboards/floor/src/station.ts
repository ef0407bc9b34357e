// What gangd tells of itself: daemon/web/convert.cc writes it.

export type Verdict = "PASS" | "FAIL" | "UNKNOWN";
export type SlotState = "empty" | "foreign" | "waiting" | "running" | "recording" | "ended";

export interface UnitNumber {
  pool: string;
  value: string;
}

export interface Extent {
  name: string;
  address: number;
  size: number;
  sha256: string;
}

// Of which kind a board is, as it tells.
export interface BoardKey {
  chip: string;
  board: string;
  flashes: string[];
  loader: string;
}

export const UNQUALIFIED = "UNQUALIFIED";

export interface Outcome {
  id: string;
  slot: string;
  uid: string;
  numbers: UnitNumber[];
  verdict: Verdict;
  qualification: string; // the event that qualified this kind of board, or UNQUALIFIED
  key: BoardKey;
  code: string;
  reason: string;
  step: string;
  duration_us: number;
  expected: Extent[];
  measured: Extent[];
  measured_as_booted: Extent[]; // once more, as the application that runs from it will read it
  proof: string;
  ended_event: string;
}

export interface Slot {
  name: string;
  path: string;
  state: SlotState;
  hint: string;
  job: string;
  attempt: string;
  uid: string;
  numbers: UnitNumber[];
  step: string;
  bytes_done: number;
  bytes_total: number;
  acknowledgement: "none" | "wanted" | "given";
  row: number;
  column: number;
  outcome?: Outcome;
}

export interface Station {
  name: string;
  version: string;
  taking_boards: boolean;
  trouble: string;
  products: string[];
}

export interface Job {
  id: string;
  product: string;
  slots: string[];
  once: boolean;
  running: boolean;
  reason: string;
  passed: number;
  passed_unqualified: number;
  failed: number;
  unknown: number;
}

// Without `verdict` it is going on.
export interface Attempt extends Partial<Omit<Outcome, "id" | "slot" | "uid" | "numbers">> {
  id: string;
  slot: string;
  uid: string;
  numbers: UnitNumber[];
  job: string;
  product: string;
  started_at: string;
  expected: Extent[];
  loader_sha256?: string;
}

export interface Unit {
  uid: string;
  numbers: UnitNumber[];
  last_attempt: string;
  attempts: number;
  last_verdict?: Verdict;
  last_qualification?: string;
}

export interface LedgerEvent {
  token: string;
  record: { at: string; type: string };
  attempt?: Attempt;
}

// What stands beside a verdict. Whatever gangd does not say to be qualified, is not.
export function beside(qualification: string | undefined): string {
  const is_qualified = qualification !== undefined && /^\d+-\d+$/.test(qualification);
  return is_qualified ? "" : UNQUALIFIED;
}

export function serials(numbers: UnitNumber[]): string {
  return numbers.map((number) => number.value).join(", ");
}

export function seconds(duration_us: number): string {
  return `${(duration_us / 1e6).toFixed(1)} s`;
}
