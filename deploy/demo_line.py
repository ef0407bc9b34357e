#!/usr/bin/env python3
"""The line of deploy/demo: a station on the virtual rack that this is started in."""
import argparse
import contextlib
import ctypes
import fcntl
import json
import os
import pathlib
import random
import shlex
import shutil
import signal
import socket as socketlib
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[1]
BIN = TOP / "build" / "release" / "bin"
PRODUCT = "tone"
VENDOR_PRODUCT = "1209:0001"
# gangd answers within a second, also on a busy machine with 64 boards.
READY_SECONDS = 60
ANSWER_SECONDS = 30
# 64 boards take two.
JOB_SECONDS = 300
STOP_SECONDS = 60
HASH_DIGITS = 12
STOPPING = (signal.SIGHUP, signal.SIGINT, signal.SIGTERM)
LIBC = ctypes.CDLL(None)
PR_SET_PDEATHSIG = 1  # prctl(2)


class Failed(Exception):
    """A sentence for whoever tries the demo."""


class Stopped(Exception):
    """By a signal, whose number it holds."""


def say(text=""):
    print(text, file=sys.stderr if OPTIONS.json else sys.stdout, flush=True)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--boards", type=int, required=True)
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--folder", type=pathlib.Path, default=TOP / "build" / "demo")
    options = parser.parse_args()
    options.folder = options.folder.resolve()
    return options


def ledger():
    return OPTIONS.folder / "ledger.db"


def socket():
    return OPTIONS.folder / "sockets" / "operator.sock"


def raise_stopped(number, _frame):
    # A Ctrl-C comes twice, from the terminal and from with-rack: the second must not cut short what
    # the first has begun.
    for each in STOPPING:
        signal.signal(each, signal.SIG_IGN)
    raise Stopped(number)


def lock_folder(stack):
    """A second demo would take the station away from below the first, and its ledger with it."""
    OPTIONS.folder.parent.mkdir(parents=True, exist_ok=True)
    lock = stack.enter_context(open(f"{OPTIONS.folder}.lock", "w", encoding="ascii"))
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise Failed(f"another demo is running in {OPTIONS.folder}: end it with Ctrl-C "
                     "first") from None


def find_boards():
    """The places of all boards, when all are there."""
    deadline = time.monotonic() + READY_SECONDS
    paths = []
    while time.monotonic() < deadline:
        shown = subprocess.run([BIN / "gangd", "--show-usb"], check=False, text=True,
                               stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               timeout=ANSWER_SECONDS)
        if shown.returncode:
            raise Failed("gangd cannot read the bus:\n" + shown.stderr.strip())
        paths = [line.split()[0] for line in shown.stdout.splitlines()
                 if line.endswith(VENDOR_PRODUCT)]
        if len(paths) == OPTIONS.boards:
            return paths
        time.sleep(0.1)
    raise Failed(f"{len(paths)} of {OPTIONS.boards} virtual boards appeared")


def write_station(paths):
    """A station of its own for each demo: the ledger of the one before is kept beside it."""
    if OPTIONS.folder.exists():
        before = OPTIONS.folder.with_name(f"{OPTIONS.folder.name}-before")
        shutil.rmtree(before, ignore_errors=True)
        OPTIONS.folder.rename(before)
    products = OPTIONS.folder / "products"
    OPTIONS.web_port = free_port()
    products.mkdir(parents=True)
    product = (TOP / "station_cfg" / "products" / f"{PRODUCT}.toml").read_text()
    (products / f"{PRODUCT}.toml").write_text(
        product.replace("../../build/", os.path.relpath(TOP / "build", products) + "/"))
    lines = ['name = "demo"', f'ledger = "{ledger().name}"', 'sockets = "sockets"',
             'products = "products"', 'acknowledge = "fail"',
             "", "[web]", f"port = {OPTIONS.web_port}",
             f'pages = "{TOP / "build" / "floor"}"']
    columns = 4 if len(paths) <= 16 else 8
    for number, path in enumerate(paths):
        lines += ["", "[[slot]]", f'name = "{number + 1}"', f'path = "{path}"',
                  f"row = {number // columns + 1}", f"column = {number % columns + 1}"]
    (OPTIONS.folder / "station.toml").write_text("\n".join(lines) + "\n")


def free_port():
    """Not of those that the kernel gives to whoever asks for any, for gangd takes it later."""
    while True:
        port = random.randrange(20000, 32000)
        with contextlib.suppress(OSError), socketlib.socket() as probe:
            probe.bind(("127.0.0.1", port))
            return port


def floor_page():
    """Its address, or why there is none."""
    if not (TOP / "build" / "floor" / "index.html").exists():
        return "not built: dashboards/floor/build builds it"
    return f"http://127.0.0.1:{OPTIONS.web_port}/"


def gangctl(*words, seconds=ANSWER_SECONDS, **options):
    """In a session of its own: of a Ctrl-C this program tells, and gangctl need not."""
    return subprocess.run([BIN / "gangctl", "--socket", socket(), *words], check=False,
                          timeout=seconds, start_new_session=True, **options)


def enter_gangd():
    """In gangd's process before it is gangd: the mask is inherited, and it ends if this program
    is killed."""
    LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)


def start_gangd(stack):
    """`stack` stops it. In a session of its own: the order of the end is this program's."""
    log = stack.enter_context(open(OPTIONS.folder / "gangd.log", "w", encoding="utf-8"))
    # No signal comes between its start and the promise to stop it.
    signal.pthread_sigmask(signal.SIG_BLOCK, STOPPING)
    try:
        gangd = subprocess.Popen([BIN / "gangd", "--config", OPTIONS.folder / "station.toml"],
                                 stderr=log, start_new_session=True, preexec_fn=enter_gangd)
        stack.callback(stop, gangd)
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, STOPPING)
    deadline = time.monotonic() + READY_SECONDS
    while gangctl("station", stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode:
        if gangd.poll() is not None or time.monotonic() > deadline:
            raise Failed("gangd did not start:\n" + last_lines())
        time.sleep(0.05)
    return gangd


def last_lines():
    return "\n".join((OPTIONS.folder / "gangd.log").read_text().splitlines()[-10:])


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
    try:
        gangctl("job", "start", PRODUCT, "--once", "--watch", seconds=JOB_SECONDS,
                stdout=sys.stderr if OPTIONS.json else None)
    except subprocess.TimeoutExpired:
        raise Failed(f"the job has not ended within {JOB_SECONDS} s:\n" + last_lines()) from None
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
            # No real board of this kind was ever seen: virtual ones prove no silicon.
            outcome.get("qualification", "UNQUALIFIED"),
            f"{int(outcome['duration_us']) / 1e6:.1f}", outcome.get("reason", "")]


def print_table(slots):
    rows = [["SLOT", "UID", "SERIAL", "IMAGE SHA-256", "MEASURED", "VERDICT", "QUALIFIED BY",
             "SECONDS", ""]]
    rows += [row(slot) for slot in slots]
    widths = [max(len(each[i]) for each in rows) for i in range(len(rows[0]))]
    say()
    for each in rows:
        say("  ".join(text.ljust(width) for text, width in zip(each, widths)).rstrip())


def print_advice():
    def short(path):
        return shlex.quote(os.path.relpath(path, TOP))
    gangctl_here = f"{short(BIN / 'gangctl')} --socket {short(socket())}"
    control = shlex.quote(os.environ["VRACK_CONTROL"])
    rack = f"VRACK_CONTROL={control} tests/rig/rack"
    say(f"""
The station runs until Ctrl-C. In another terminal, try

  cd {shlex.quote(str(TOP))}
  {gangctl_here} slots
  {gangctl_here} unit list
  {gangctl_here} unit show TN000001
  {gangctl_here} job start {PRODUCT} --watch
  {rack} unplug 1-1.1      pull a board, while that job runs,
  {rack} plug 1-1.1        put it back,
  {gangctl_here} acknowledge 1
                                and when its FAIL was seen, it is programmed again
  {short(BIN / 'gangctl')} audit verify --ledger {short(ledger())}
""")


def wait_for_stop(gangd):
    try:
        while gangd.poll() is None:
            time.sleep(0.2)
    except Stopped as stopped:
        if stopped.args[0] != signal.SIGINT:
            raise
        say("\nstopped")
        return
    raise Failed("gangd ended:\n" + last_lines())


def demonstrate(stack):
    lock_folder(stack)
    write_station(find_boards())
    gangd = start_gangd(stack)
    say(f"{OPTIONS.boards} virtual boards: the firmware core that ships, on models of the "
        "flash chip\nMX66UW1G45G with its real times, under the real libusb.\n")
    say(f"Floor page: {floor_page()}\n")
    seconds = run_job()
    slots = read_slots()
    passed = sum(row(slot)[5] == "PASS" for slot in slots)
    print_table(slots)
    say(f"\n{passed} of {OPTIONS.boards} passed in {seconds:.1f} s. Ledger: {ledger()}")
    if OPTIONS.json:
        print(json.dumps({"boards": OPTIONS.boards, "passed": passed,
                          "failed": OPTIONS.boards - passed, "seconds": round(seconds, 1),
                          "ledger": str(ledger())}), flush=True)
    if not OPTIONS.once:
        print_advice()
        wait_for_stop(gangd)
    return 0 if passed == OPTIONS.boards else 1


def main():
    for number in STOPPING:
        signal.signal(number, raise_stopped)
    try:
        with contextlib.ExitStack() as stack:
            return demonstrate(stack)
    except Stopped as stopped:
        print("\ndemo: stopped before its end", file=sys.stderr)
        return 128 + stopped.args[0]
    except Failed as failure:
        print(f"demo: {failure}", file=sys.stderr)
    except subprocess.TimeoutExpired as late:
        print(f"demo: no answer within {late.timeout:.0f} s: {shlex.join(map(str, late.cmd))}",
              file=sys.stderr)
    return 1


if __name__ == "__main__":
    OPTIONS = arguments()
    sys.exit(main())
