"""A line for a test: a folder with a station in it, and the gangd that works there.

Used inside tests/rig/with-rack. The programs are those of the build whose name LINE_PRESET holds.
"""
import hashlib
import json
import os
import pathlib
import random
import signal
import socket
import subprocess
import tempfile
import time
import unittest

TOP = pathlib.Path(__file__).resolve().parents[2]
BIN = TOP / "build" / os.environ.get("LINE_PRESET", "debug") / "bin"
FLASH = 0x90000000
SERIAL = 0x90010000
IMAGE_SIZE = 16 * 1024  # short attempts
# For a machine that is busy with other tests.
PATIENCE = 120
READY = " is ready\n"


def rack(*words):
    """As tests/rig/rack, without the time that a process takes to start."""
    with socket.socket(socket.AF_UNIX) as control:
        control.connect(os.environ["VRACK_CONTROL"])
        control.sendall((" ".join(words) + "\n").encode())
        answer = control.makefile().readline().strip()
    word, _, rest = answer.partition(" ")
    assert word == "ok", f"rack {' '.join(words)}: {answer}"
    return rest


def rack_ports():
    """The rack's ports that have boards, in its order."""
    return [port["port"] for port in json.loads(rack("list"))]


class Line:
    """A station of its own in a new folder."""

    def __init__(self):
        self._folder = tempfile.TemporaryDirectory(prefix="line.")
        self.folder = pathlib.Path(self._folder.name)
        self.ledger = self.folder / "ledger.db"
        self.socket = self.folder / "sockets" / "operator.sock"
        self.auditor_socket = self.folder / "sockets" / "auditor.sock"
        self.config = self.folder / "station.toml"
        self.gangd = None
        # Its own: a board that still holds another test's image is not done before it began.
        self.image = os.urandom(IMAGE_SIZE)
        self.write_product()
        self.paths = self.find_boards()
        self.write_config()

    # --- what the station is told

    def write_product(self, extra=""):
        products = self.folder / "products"
        products.mkdir(exist_ok=True)
        (products / "tone.bin").write_bytes(self.image)
        self.image_sha256 = hashlib.sha256(self.image).hexdigest()
        (products / "tone.toml").write_text(f"""{extra}
name = "tone"
[usb]
vendor = 0x1209
product = 0x0001
[[image]]
file = "tone.bin"
address = {FLASH}
[serial]
pool = "tone"
prefix = "T"
digits = 6
address = {SERIAL}
size = 32
""")

    def add_long_image(self, size=1 << 20):
        """A slow board erases for seconds: it will be seen at that on a busy machine, too."""
        (self.folder / "products" / "long.bin").write_bytes(os.urandom(size))
        with open(self.folder / "products" / "tone.toml", "a", encoding="utf-8") as product:
            product.write(f'[[image]]\nfile = "long.bin"\naddress = {FLASH + (1 << 20)}\n')

    def find_boards(self):
        shown = subprocess.run([BIN / "gangd", "--show-usb"], stdout=subprocess.PIPE, text=True,
                               check=True, timeout=PATIENCE).stdout
        return [line.split()[0] for line in shown.splitlines() if line.endswith("1209:0001")]

    def write_config(self, *, head="", slots=None, ledger="ledger.db", sockets="sockets",
                     tables=""):
        slots = slots or [(str(n), path) for n, path in enumerate(self.paths, 1)]
        text = f'{head}\nname = "line-1"\nledger = "{ledger}"\nsockets = "{sockets}"\n'
        text += 'products = "products"\n'
        for name, path in slots:
            text += f'[[slot]]\nname = "{name}"\npath = "{path}"\n'
        text += tables
        self.config.write_text(text)

    # --- gangd

    def start(self, wait=True):
        told = self.log_text().count(READY)
        with open(self.folder / "gangd.log", "a", encoding="utf-8") as log:
            self.gangd = subprocess.Popen([BIN / "gangd", "--config", self.config], stderr=log)
        if wait:
            # The first socket answers before the last door is open.
            until(lambda: self.log_text().count(READY) > told or self.gangd.poll() is not None,
                  "gangd is ready")
            assert self.gangd.poll() is None, self.log_text()
        return self

    def run_to_its_end(self):
        """For a gangd that is to refuse: its status, and what it said."""
        done = subprocess.run([BIN / "gangd", "--config", self.config], stderr=subprocess.PIPE,
                              text=True, timeout=PATIENCE, check=False)
        return done.returncode, done.stderr

    def stop(self):
        if self.gangd is None:
            return 0
        if self.gangd.poll() is None:
            self.gangd.terminate()
        status = self.gangd.wait(PATIENCE)
        self.gangd = None
        return status

    def kill(self):
        self.gangd.send_signal(signal.SIGKILL)
        self.gangd.wait(PATIENCE)
        self.gangd = None

    def log_text(self):
        log = self.folder / "gangd.log"
        return log.read_text() if log.exists() else ""

    def close(self):
        try:
            status = self.stop()
            assert status == 0, f"gangd ended with {status}: {self.log_text()}"
        finally:
            self._folder.cleanup()

    # --- asking it

    def ctl(self, *words, timeout=PATIENCE):
        return subprocess.run([BIN / "gangctl", "--socket", self.socket, *words],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                              timeout=timeout, check=False)

    def ask(self, *words):
        answer = self.ctl("--json", *words)
        assert answer.returncode == 0, answer.stderr
        return [json.loads(line) for line in answer.stdout.splitlines()]

    def slots(self):
        return self.ask("slots")[0]["slots"]

    def jobs(self):
        return self.ask("job", "list")[0]["jobs"]

    def start_job(self, *words):
        return self.ask("job", "start", "tone", *words)[0]["job"]

    def run_job(self, *words):
        """Each slot takes one board; gangctl's status, and what it said."""
        done = self.ctl("job", "start", "tone", "--once", "--watch", *words)
        return done.returncode, done.stdout + done.stderr

    def wait_for(self, job):
        until(lambda: not next(j for j in self.jobs() if j["id"] == job)["running"], "the job ends")
        return next(j for j in self.jobs() if j["id"] == job)

    def events(self):
        return [event["record"] for event in self.ask("events")]

    def holds(self, slot):
        """Whether the slot's chip holds image and serial: asked behind gangd's back."""
        port, serial = port_of(slot["uid"]), slot["numbers"][0]["value"]
        found = bytes.fromhex(rack("peek", port, "0", str(len(self.image))))
        field = bytes.fromhex(rack("peek", port, str(SERIAL - FLASH), "32"))
        return found == self.image and field == serial.encode().ljust(32, b"\xff")

    # --- the record, without gangd

    def verify(self):
        """That the ledger is whole and signed, and its projections those of its events; and that
        others than gangd see that, too."""
        for command in ([BIN / "gangctl", "audit", "verify", "--ledger", self.ledger],
                        [TOP / "deploy/audit/verify.py", self.ledger]):
            done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                                  text=True, check=False)
            assert done.returncode == 0, done.stdout


def check_record(events):
    """Each attempt and job has one end, no number two units. Gives the ends of attempts by id."""
    open_ids, holders, ends = {}, {}, {}
    for event in events:
        name = f"{event['epoch']}-{event['n']}"
        body = event["event"]
        if event["type"] in ("job_started", "attempt_started"):
            open_ids[name] = event["type"]
        if event["type"] == "job_ended":
            assert open_ids.pop(body["job"]) == "job_started"
        if event["type"] == "attempt_ended":
            assert open_ids.pop(body["attempt"]) == "attempt_started"
            ends[body["attempt"]] = body
        for number in body.get("numbers", ()):
            key = number["pool"], number["value"]
            assert holders.setdefault(key, body["uid"]) == body["uid"], key
    assert not open_ids, open_ids
    return ends


def port_of(uid):
    return next(port["port"] for port in json.loads(rack("list")) if port.get("serial") == uid)


def free_port():
    """Not of those that the kernel gives to whoever asks for any."""
    while True:
        port = random.randrange(20000, 32000)
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
                return port
            except OSError:
                continue


def until(true, what, patience=PATIENCE):
    deadline = time.monotonic() + patience
    while not true():
        if time.monotonic() > deadline:
            raise AssertionError(f"waited {patience} s until {what}")
        time.sleep(0.05)


class LineTest(unittest.TestCase):
    def setUp(self):
        self.line = Line()
        self.addCleanup(self.line.close)
