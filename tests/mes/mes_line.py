"""A line with a MES, for tests: inside tests/rig/with-rack."""
import pathlib
import sqlite3
import subprocess
import sys
import threading

HERE = pathlib.Path(__file__).resolve().parent
TOP = HERE.parents[1]
sys.path.insert(0, str(TOP / "tests" / "line"))
# noqa: E402: found by that path.
from line import Line, check_record, free_port, rack, rack_ports, until  # noqa: E402


class MesLine(Line):
    """A station whose numbers are the MES's."""

    # `deadline_ms`: a MES that is late twice cannot be asked, also where only the machine is busy.
    def __init__(self, address="unix:mes.sock", certificates="", deadline_ms=10000):
        self.deadline_ms = deadline_ms
        self.address, self.certificates = address, certificates
        self.station = "line-1"
        super().__init__()

    def write_product(self, extra="", ahead=3):
        super().write_product(extra)
        product = self.folder / "products" / "tone.toml"
        text = product.read_text()
        product.write_text(text.replace('pool = "tone"',
                                        f'pool = "tone"\nfrom = "mes"\nahead = {ahead}'))

    def write_config(self, **options):
        super().write_config(**options)
        text = self.config.read_text().replace('name = "line-1"', f'name = "{self.station}"')
        self.config.write_text(
            f'{text}[mes]\naddress = "{self.address}"\ndeadline_ms = {self.deadline_ms}\n'
            f"{self.certificates}")

    def become(self, station):
        """Another station, with a ledger of its own: to it all boards are new."""
        self.station, self.ledger = station, self.folder / f"{station}.db"
        self.write_config(ledger=self.ledger.name)


class KeptMes:
    """The MES as a process that is started again whenever it has died."""

    def __init__(self, line, seed=1, faults=0, listen=None, options=()):
        self.database = line.folder / "mes.db"
        self.log = line.folder / "mes.log"
        self.listen = listen or f"unix:{line.folder}/mes.sock"
        self.seed, self.faults, self.options = seed, faults, options
        self.deaths = 0
        self.process = None
        self.keeper = None
        self.is_wanted = False
        self.lock = threading.Lock()  # between its being wanted and its being started

    def start(self):
        self.is_wanted = True
        self.run()
        self.keeper = threading.Thread(target=self.keep)
        self.keeper.start()
        return self

    def run(self):
        with open(self.log, "a", encoding="utf-8") as log:
            self.process = subprocess.Popen(
                [HERE / "faulty_mes.py", "--database", self.database, "--listen", self.listen,
                 "--seed", str(self.seed + 1000 * self.deaths), "--faults", str(self.faults),
                 *self.options], stdout=log, stderr=log)

    def keep(self):
        while True:
            self.process.wait()
            with self.lock:
                if not self.is_wanted:
                    return
                self.deaths += 1
                self.run()

    def stop(self):
        with self.lock:
            self.is_wanted = False
            if self.process and self.process.poll() is None:
                self.process.kill()
        if self.keeper:
            self.keeper.join()
            self.keeper = None

    def rows(self, sql, *values):
        """What it holds; nothing before it has begun."""
        if not self.database.exists():
            return []
        with sqlite3.connect(self.database, timeout=60) as database:
            try:
                return database.execute(sql, values).fetchall()
            except sqlite3.OperationalError:
                return []

    def ready(self):
        until(lambda: self.log.exists() and "ready" in self.log.read_text(), "the MES answers")
        return self


__all__ = ["TOP", "KeptMes", "MesLine", "check_record", "free_port", "rack", "rack_ports", "until"]
