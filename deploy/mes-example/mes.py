#!/usr/bin/python3
"""A small MES for gangd: answers gang.mes.v1, and keeps what it knows in one SQLite file.

    mes.py --database mes.db --listen unix:/run/mes/mes.sock
    mes.py --database mes.db --listen 0.0.0.0:50061 --ca ca.pem --cert mes.pem --key mes.key

The interpreter is the system's: Debian's python3-grpcio and python3-protobuf, protobuf-compiler and
protobuf-compiler-grpc. README.md says what an integrator can learn from it.
"""
import argparse
import concurrent.futures
import importlib
import pathlib
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import threading

import grpc

TOP = pathlib.Path(__file__).resolve().parents[2]
LEASE_MAX = 10000

# Every answer follows from these tables, so a MES that is killed goes on where it was.
TABLES = """
CREATE TABLE IF NOT EXISTS blocked(   -- units that must not be built: put them in by hand
  uid TEXT PRIMARY KEY, reason TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS pool(      -- each begins at 1, unless it is put in by hand
  pool TEXT PRIMARY KEY, next INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS lease(
  station TEXT, request_id TEXT, pool TEXT NOT NULL, first INTEGER NOT NULL,
  count INTEGER NOT NULL, PRIMARY KEY(station, request_id));
CREATE TABLE IF NOT EXISTS report(    -- one row for each attempt, however often it was told
  station TEXT, epoch INTEGER, sequence INTEGER, uid TEXT NOT NULL, serial TEXT NOT NULL,
  verdict TEXT NOT NULL, product TEXT NOT NULL, work_order TEXT NOT NULL, reason TEXT NOT NULL,
  allowed_by TEXT NOT NULL, ended_at TEXT NOT NULL, message BLOB NOT NULL,
  qualification TEXT NOT NULL,        -- beside the verdict: an event of the station, or UNQUALIFIED
  PRIMARY KEY(station, epoch, sequence));
CREATE TABLE IF NOT EXISTS unit(      -- what is in the world: the newest verdict of each chip
  uid TEXT PRIMARY KEY, product TEXT NOT NULL, verdict TEXT NOT NULL, passed INTEGER NOT NULL,
  qualification TEXT NOT NULL);       -- beside the verdict: who qualified its kind, or UNQUALIFIED
CREATE TABLE IF NOT EXISTS serial(    -- whose each number is, for ever
  pool TEXT, value TEXT, uid TEXT NOT NULL, PRIMARY KEY(pool, value));
"""


def generated():
    """What protoc makes of the interface for Python: messages, and the server's skeleton."""
    folder = tempfile.mkdtemp(prefix="mes.")
    subprocess.run(["protoc", f"--proto_path={TOP / 'proto'}", f"--python_out={folder}",
                    f"--grpc_python_out={folder}",
                    f"--plugin=protoc-gen-grpc_python={shutil.which('grpc_python_plugin')}",
                    "gang/mes/v1/mes.proto"], check=True)
    sys.path.insert(0, folder)
    modules = [importlib.import_module(f"gang.mes.v1.mes_{kind}") for kind in ("pb2", "pb2_grpc")]
    shutil.rmtree(folder)
    return modules


pb, rpc = generated()


class Refusal(Exception):
    """An answer to a question that is wrong: nothing was changed."""

    def __init__(self, code, sentence):
        super().__init__(sentence)
        self.code = code


class Books:
    """The database. One question at a time, each in one transaction that is on the disk before it
    is answered: an answer that is lost is given again, the same."""

    def __init__(self, file):
        self.lock = threading.Lock()
        self.database = sqlite3.connect(file, isolation_level=None, check_same_thread=False)
        self.database.executescript(f"PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; {TABLES}")

    def within(self, work, request):
        with self.lock:
            self.database.execute("BEGIN IMMEDIATE")
            try:
                answer = work(request)
                self.database.execute("COMMIT")
                return answer
            except BaseException:
                self.database.execute("ROLLBACK")
                raise

    def row(self, sql, *values):
        return self.database.execute(sql, values).fetchone()

    def authorize(self, unit):
        blocked = self.row("SELECT reason FROM blocked WHERE uid = ?", unit.uid)
        if blocked:
            return pb.AuthorizeUnitResponse(reason=f"unit {unit.uid} is blocked: {blocked[0]}")
        known = self.row("SELECT product FROM unit WHERE uid = ? AND passed > 0", unit.uid)
        if known and known[0] != unit.product:
            return pb.AuthorizeUnitResponse(
                reason=f"unit {unit.uid} is a {known[0]}, not a {unit.product}: put it aside")
        return pb.AuthorizeUnitResponse(allowed=True)

    def lease(self, wanted):
        """The request's name decides: asked again, it gets the numbers that it was given."""
        if not wanted.station or not wanted.request_id or not wanted.pool or wanted.count == 0:
            raise Refusal(grpc.StatusCode.INVALID_ARGUMENT,
                          "a lease needs station, request_id, pool and count")
        key = wanted.station, wanted.request_id
        given = self.row("SELECT first, count FROM lease WHERE station=? AND request_id=?", *key)
        if given is None:
            self.database.execute("INSERT OR IGNORE INTO pool VALUES(?, 1)", (wanted.pool,))
            first, = self.row("SELECT next FROM pool WHERE pool = ?", wanted.pool)
            given = first, min(wanted.count, LEASE_MAX)
            self.database.execute("UPDATE pool SET next = ? WHERE pool = ?",
                                  (sum(given), wanted.pool))
            self.database.execute("INSERT INTO lease VALUES(?,?,?,?,?)",
                                  (*key, wanted.pool, *given))
        return pb.LeaseSerialsResponse(first=given[0], count=given[1])

    def report(self, told):
        """The key decides: what was told before is acknowledged, and not counted again."""
        key = told.key.station, told.key.epoch, told.key.sequence
        bytes_ = told.SerializeToString(deterministic=True)
        known = self.row("SELECT message FROM report WHERE station=? AND epoch=? AND sequence=?",
                         *key)
        if known is None:
            self.count(told, key, bytes_)
        elif known[0] != bytes_:
            # A ledger was put back from a copy, and goes on without a new epoch.
            raise Refusal(grpc.StatusCode.ALREADY_EXISTS,
                          f"report {key} was another before: station {key[0]} works on a copy of "
                          "its ledger; stop it, and call its administrator")
        return pb.ReportUnitResponse()

    def count(self, told, key, bytes_):
        serial = told.serials[0].value if told.serials else ""
        verdict = pb.Verdict.Name(told.verdict).removeprefix("VERDICT_")
        beside = told.qualification or "UNQUALIFIED"  # from a gangd that knew no such thing
        allowed = pb.AllowedBy.Name(told.allowed_by).removeprefix("ALLOWED_BY_")
        self.database.execute("INSERT INTO report VALUES(?,?,?,?,?,?,?,?,?,?,?,?,?)",
                              (*key, told.uid, serial, verdict, told.product, told.work_order,
                               told.reason, allowed, told.ended_at, bytes_, beside))
        for number in told.serials:
            self.database.execute("INSERT OR IGNORE INTO serial VALUES(?,?,?)",
                                  (number.pool, number.value, told.uid))
            holder, = self.row("SELECT uid FROM serial WHERE pool=? AND value=?", number.pool,
                               number.value)
            if holder != told.uid:
                raise Refusal(grpc.StatusCode.ALREADY_EXISTS,
                              f"{number.value} is unit {holder}'s, and was put into {told.uid}")
        if told.uid:
            self.database.execute(
                "INSERT INTO unit VALUES(?1,?2,?3,?4,?5) ON CONFLICT(uid) DO UPDATE SET "
                "product = ?2, verdict = ?3, passed = passed + ?4, qualification = ?5",
                (told.uid, told.product, verdict, int(told.verdict == pb.VERDICT_PASS), beside))


class Mes(rpc.MesServicer):
    def __init__(self, books):
        self.books = books

    def answer(self, work, request, context):
        try:
            return self.books.within(work, request)
        except Refusal as refusal:
            context.abort(refusal.code, str(refusal))

    def AuthorizeUnit(self, request, context):  # the names are gRPC's
        return self.answer(self.books.authorize, request, context)

    def LeaseSerials(self, request, context):
        return self.answer(self.books.lease, request, context)

    def ReportUnit(self, request, context):
        return self.answer(self.books.report, request, context)


def serve(servicer, options):
    server = grpc.server(concurrent.futures.ThreadPoolExecutor(max_workers=8))
    rpc.add_MesServicer_to_server(servicer, server)
    if options.ca:
        ca, cert, key = (pathlib.Path(each).read_bytes()
                         for each in (options.ca, options.cert, options.key))
        credentials = grpc.ssl_server_credentials([(key, cert)], ca, require_client_auth=True)
        server.add_secure_port(options.listen, credentials)
    else:
        server.add_insecure_port(options.listen)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: server.stop(grace=1))
    server.start()
    print(f"ready {options.listen}", flush=True)
    server.wait_for_termination()


def arguments():
    parser = argparse.ArgumentParser(description=__doc__,
                                     formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--database", required=True)
    parser.add_argument("--listen", required=True, help="HOST:PORT, or unix:PATH")
    for name, what in (("ca", "who signed the stations' certificates"), ("cert", "the MES's own"),
                       ("key", "its key")):
        parser.add_argument(f"--{name}", help=what)
    options = parser.parse_args()
    if len({bool(options.ca), bool(options.cert), bool(options.key)}) > 1:
        parser.error("--ca, --cert and --key belong together")
    if not options.ca and not options.listen.startswith(("unix:", "localhost:", "127.")):
        parser.error("beyond this machine give --ca, --cert and --key")
    return options


if __name__ == "__main__":
    chosen = arguments()
    serve(Mes(Books(chosen.database)), chosen)
