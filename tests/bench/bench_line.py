"""What tests/bench/peers and tests/bench/host share: a gangd to measure, images, clocks, results.

A bench runs each of its measurements on a rack of its own, which it starts with itself as the
command; what that prints is the measurement.
"""
import json
import os
import pathlib
import random
import subprocess
import sys
import time

TOP = pathlib.Path(__file__).resolve().parents[2]
PRESET = "release"
os.environ["LINE_PRESET"] = PRESET
sys.path.insert(0, str(TOP / "tests/line"))
from line import FLASH, Line, rack, rack_ports, until  # noqa: E402, F401

MIB = 1 << 20
BLOCK = 64 * 1024  # what is erased at once
PART = "MX66UW1G45G"
# No measurement takes that long; a hang would.
SECONDS_MAX = 3600
CPUCLOCK_SCHED = 2  # linux: what a process has run, in nanoseconds


def build(*targets):
    if not (TOP / "build" / PRESET).is_dir():
        subprocess.run(["cmake", "--preset", PRESET], cwd=TOP, check=True,
                       stdout=subprocess.DEVNULL)
    subprocess.run(["cmake", "--build", "--preset", PRESET, "--target", "vrack", "gangd_usbfs",
                    *targets], cwd=TOP, check=True, stdout=subprocess.DEVNULL)


def on_a_rack(command, *, boards, speed=1, part=PART):
    """Runs `command` below with-rack; gives the JSON that it prints, one object a line."""
    done = subprocess.run([TOP / "tests/rig/with-rack", "--preset", PRESET, "--boards", str(boards),
                           "--parts", part, "--speed", str(speed), "--", *map(str, command)],
                          stdout=subprocess.PIPE, text=True, timeout=SECONDS_MAX, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


def random_image(mib, seed):
    """Nothing that packs, and no blank page: what a programmer has most work with."""
    return random.Random(seed).randbytes(mib * MIB)


def with_changes(image, share, seed):
    """`image` with that share of its blocks made anew."""
    changed = bytearray(image)
    blocks = range(0, len(image), BLOCK)
    for at in random.Random(seed).sample(blocks, max(1, round(len(blocks) * share))):
        end = min(at + BLOCK, len(image))
        changed[at:end] = random.Random(seed + at).randbytes(end - at)
    return bytes(changed)


def cpu_seconds(pid):
    """What all threads of a process have run, those that have ended too."""
    return time.clock_gettime((~pid) << 3 | CPUCLOCK_SCHED)


def rack_cpu_seconds():
    return cpu_seconds(int(os.environ["VRACK_PID"]))


def hold(image, places=16):
    """Whether every board of the rack has the image, looked at in some places behind the back of
    who wrote it. PASS is gangd's word; this is the chip's."""
    spots = random.Random(0).sample(range(0, len(image), 4096), min(places, len(image) // 4096))
    return all(bytes.fromhex(rack("peek", port, str(at), "4096")) == image[at:at + 4096]
               for port in rack_ports() for at in spots)


class MeasuredLine(Line):
    """A station whose product has no serial number: its image alone is what is written."""

    def write_product(self, image=b"\xff", extra=""):
        products = self.folder / "products"
        products.mkdir(exist_ok=True)
        (products / "tone.bin").write_bytes(image)
        (products / "tone.toml").write_text(f"""{extra}
name = "tone"
incoming = "fresh"
minutes_max = 60
[usb]
vendor = 0x1209
product = 0x0001
[[image]]
file = "tone.bin"
address = {FLASH}
""")

    def program(self, image):
        """One job over all slots, from gangctl's start to its end; what it took."""
        self.write_product(image)
        rack_cpu, cpu, start = rack_cpu_seconds(), cpu_seconds(self.gangd.pid), time.monotonic()
        done = self.ctl("job", "start", "tone", "--once", "--watch", timeout=SECONDS_MAX)
        wall = time.monotonic() - start
        measured = {"seconds": wall, "cpu_seconds": cpu_seconds(self.gangd.pid) - cpu,
                    "rack_busy": (rack_cpu_seconds() - rack_cpu) / wall}
        if done.returncode != 0:
            raise AssertionError(f"gangctl: {done.returncode}\n{done.stdout}{done.stderr}")
        ends = [event["event"] for event in self.events() if event["type"] == "attempt_ended"]
        attempts = ends[-len(self.paths):]
        measured["attempt_seconds"] = max(int(end["duration_us"]) for end in attempts) / 1e6
        return measured


def report(results, as_json):
    """Prints results; 1 if a limit was missed. `at_least` says which side of it is good."""
    missed = False
    for result in results:
        at_least = result.pop("at_least", True)
        limit, ratio = result.get("limit"), result["ratio"]
        bad = limit is not None and (ratio < limit if at_least else ratio > limit)
        missed |= bad
        rounded = {name: round(value, 3) if isinstance(value, float) else value
                   for name, value in result.items()}
        if as_json:
            print(json.dumps(rounded))
            continue
        rest = ", ".join(f"{name} {value}" for name, value in rounded.items()
                         if name not in ("case", "ratio", "limit"))
        bound = "" if limit is None else f" ({'at least' if at_least else 'at most'} {limit}" \
                                         f"{': MISSED' if bad else ''})"
        print(f"{result['case']}: {rounded['ratio']}{bound}; {rest}")
    return 1 if missed else 0

