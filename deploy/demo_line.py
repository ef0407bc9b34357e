#!/usr/bin/env python3
"""The line of deploy/demo: a station on the virtual rack that this is started in."""
import argparse
import json
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[1]
BIN = TOP / "build" / "release" / "bin"
FOLDER = TOP / "build" / "demo"
SOCKET = FOLDER / "sockets" / "operator.sock"
LEDGER = FOLDER / "ledger.db"
PRODUCT = "tone"
VENDOR_PRODUCT = "1209:0001"
# gangd answers within a second, also on a busy machine with 64 boards.
READY_SECONDS = 60
STOP_SECONDS = 60
HASH_DIGITS = 12


class Failed(Exception):
    """A sentence for whoever tries the demo."""


def say(text=""):
    print(text, file=sys.stderr if OPTIONS.json else sys.stdout, flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boards", type=int, required=True)
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--json", action="store_true")
    return parser.parse_args()


def find_boards():
    """The places of all boards, when all are there."""
    deadline = time.monotonic() + READY_SECONDS
    while time.monotonic() < deadline:
        shown = subprocess.run([BIN / "gangd", "--show-usb"], check=True, text=True,
                               stdout=subprocess.PIPE).stdout
        paths = [line.split()[0] for line in shown.splitlines() if line.endswith(VENDOR_PRODUCT)]
        if len(paths) == OPTIONS.boards:
            return paths
    raise Failed(f"only {len(paths)} of {OPTIONS.boards} virtual boards appeared")


def write_station(paths):
    """A station of its own for each demo: the ledger of the one before is kept beside it."""
    if FOLDER.exists():
        before = FOLDER.with_name("demo-before")
        shutil.rmtree(before, ignore_errors=True)
        FOLDER.rename(before)
    products = FOLDER / "products"
    products.mkdir(parents=True)
    product = (TOP / "station_cfg" / "products" / f"{PRODUCT}.toml").read_text()
    (products / f"{PRODUCT}.toml").write_text(
        product.replace("../../build/release/firmware/", "../../release/firmware/"))
    lines = ['name = "demo"', f'ledger = "{LEDGER.name}"', 'sockets = "sockets"',
             'products = "products"']
    for number, path in enumerate(paths, 1):
        lines += ["", "[[slot]]", f'name = "{number}"', f'path = "{path}"']
    (FOLDER / "station.toml").write_text("\n".join(lines) + "\n")


def gangctl(*words, **options):
    return subprocess.run([BIN / "gangctl", "--socket", SOCKET, *words], check=False, **options)


def start_gangd():
    log = open(FOLDER / "gangd.log", "w", encoding="utf-8")
    gangd = subprocess.Popen([BIN / "gangd", "--config", FOLDER / "station.toml"], stderr=log)
    deadline = time.monotonic() + READY_SECONDS
    while gangctl("station", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        if gangd.poll() is not None or time.monotonic() > deadline:
            stop(gangd)
            raise Failed("gangd did not start:\n" + last_lines())
        time.sleep(0.05)
    return gangd


def last_lines():
    return "\n".join((FOLDER / "gangd.log").read_text().splitlines()[-10:])


def stop(gangd):
    if gangd.poll() is None:
        gangd.terminate()
    try:
        gangd.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        gangd.kill()
        gangd.wait()


def run_job():
    """Seconds, from the order to the last verdict."""
    began = time.monotonic()
    gangctl("job", "start", PRODUCT, "--once", "--watch",
            stdout=sys.stderr if OPTIONS.json else None)
    return time.monotonic() - began


def read_slots():
    answer = gangctl("--json", "slots", stdout=subprocess.PIPE, text=True)
    if answer.returncode:
        raise Failed("gangd does not answer any more:\n" + last_lines())
    return json.loads(answer.stdout)["slots"]


def row(slot):
    outcome = slot.get("outcome") or {"verdict": "VERDICT_UNKNOWN", "duration_us": 0}

    def digest(extents):
        return next((e["sha256"][:HASH_DIGITS] + "…" for e in outcome.get(extents, ())
                     if e["name"] == f"{PRODUCT}.bin"), "-")
    return [slot["name"], slot["uid"] or "-",
            ",".join(number["value"] for number in slot["numbers"]) or "-",
            digest("expected"), digest("measured"),
            outcome["verdict"].removeprefix("VERDICT_"),
            f"{int(outcome['duration_us']) / 1e6:.1f}", outcome.get("reason", "")]


def print_table(slots):
    rows = [["SLOT", "UID", "SERIAL", "IMAGE SHA-256", "MEASURED", "VERDICT", "SECONDS", ""]]
    rows += [row(slot) for slot in slots]
    widths = [max(len(each[i]) for each in rows) for i in range(len(rows[0]))]
    say()
    for each in rows:
        say("  ".join(text.ljust(width) for text, width in zip(each, widths)).rstrip())


def print_advice():
    def short(path):
        return os.path.relpath(path)
    gangctl_here = f"{short(BIN / 'gangctl')} --socket {short(SOCKET)}"
    rack = f"VRACK_CONTROL={os.environ['VRACK_CONTROL']} {short(TOP / 'tests/rig/rack')}"
    say(f"""
The station runs until Ctrl-C. In another terminal, from this folder, try

  {gangctl_here} slots
  {gangctl_here} unit list
  {gangctl_here} unit show TN000001
  {gangctl_here} job start {PRODUCT} --watch
  {rack} unplug 1-1.1      pull a board, while that job runs,
  {rack} plug 1-1.1        and put it back: it is programmed again
  {short(BIN / 'gangctl')} ledger verify {short(LEDGER)}
""")


def wait_for_interrupt(gangd):
    while gangd.poll() is None:
        time.sleep(0.2)
    raise Failed("gangd ended:\n" + last_lines())


def demonstrate():
    write_station(find_boards())
    gangd = start_gangd()
    try:
        say(f"{OPTIONS.boards} virtual boards: the firmware core that ships, on models of the "
            "flash chip\nMX66UW1G45G with its real times, under the real libusb.\n")
        seconds = run_job()
        slots = read_slots()
        passed = sum(row(slot)[5] == "PASS" for slot in slots)
        print_table(slots)
        say(f"\n{passed} of {OPTIONS.boards} passed in {seconds:.1f} s. Ledger: "
            f"{os.path.relpath(LEDGER)}")
        if OPTIONS.json:
            print(json.dumps({"boards": OPTIONS.boards, "passed": passed,
                              "failed": OPTIONS.boards - passed, "seconds": round(seconds, 1),
                              "ledger": os.path.relpath(LEDGER)}), flush=True)
        if not OPTIONS.once:
            print_advice()
            wait_for_interrupt(gangd)
    finally:
        stop(gangd)
    return 0 if passed == OPTIONS.boards else 1


def main():
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    try:
        return demonstrate()
    except KeyboardInterrupt:
        say("\nstopped")
        return 0
    except Failed as failure:
        print(f"demo: {failure}", file=sys.stderr)
        return 1


if __name__ == "__main__":
    OPTIONS = arguments()
    sys.exit(main())
