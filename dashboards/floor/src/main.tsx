// The page: its head, and the part that the address asks for: `#/` the floor, `#/units/WORDS`.
import { render, type JSX } from "preact";
import { useEffect, useState } from "preact/hooks";

import { Feed, type Floor } from "./feed";
import { FloorPage } from "./floor";
import { Shape } from "./look";
import { UnitsPage } from "./units";

const UNITS = "#/units";

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function Head({ floor }: { floor: Floor }): JSX.Element {
  const heard = floor.heard === null ? "never" : floor.heard.toLocaleTimeString();
  return (
    <header class={floor.fresh ? "head" : "head stale"}>
      <p class="name">{floor.station?.name ?? "gangd"}</p>
      <nav aria-label="Pages">
        <a href="#/">Floor</a>
        <a href={UNITS}>Units</a>
      </nav>
      <p class="link" role="status" data-fresh={String(floor.fresh)}>
        <Shape look={floor.fresh ? "running" : "nodata"} />
        {floor.fresh ? "LIVE" : `STALE: nothing heard from gangd since ${heard}`}
      </p>
    </header>
  );
}

function App(): JSX.Element {
  const [floor, setFloor] = useState<Floor | null>(null);
  const [hash, setHash] = useState(location.hash);
  useEffect(() => {
    const feed = new Feed(setFloor);
    setFloor(feed.floor);
    const follow = (): void => setHash(location.hash);
    addEventListener("hashchange", follow);
    return () => removeEventListener("hashchange", follow);
  }, []);
  if (floor === null) return <p>…</p>;
  const trouble = floor.fresh && floor.station && !floor.station.taking_boards;
  return (
    <>
      <Head floor={floor} />
      {trouble && (
        <p class="trouble" role="alert">
          No boards are taken: {floor.station?.trouble}
        </p>
      )}
      {hash.startsWith(UNITS) ? (
        <UnitsPage query={decoded(hash.slice(UNITS.length + 1))} />
      ) : (
        <FloorPage floor={floor} />
      )}
    </>
  );
}

const page = document.getElementById("page");
if (page !== null) render(<App />, page);
