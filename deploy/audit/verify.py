#!/usr/bin/env python3
"""Checks a gangd ledger, or the evidence of one unit, without gangd; daemon/ledger/FORMAT.md
explains it. Needs the command openssl, 1.1.1 or newer. Ends with 0: good, 1: not good."""
import argparse
import base64
import hashlib
import json
import pathlib
import sqlite3
import subprocess
import sys
import tempfile

KEY_PARTS = ("chip", "board", "flashes", "loader")  # of what a qualification holds for
KEY_DER = bytes.fromhex("302a300506032b6570032100")  # RFC 8410: what stands before the 32 bytes


def need(fact, what):
    if not fact:
        raise ValueError(what)


def sha256(data):
    return hashlib.sha256(data).digest()


def is_signed(key, signature, *lines):
    with tempfile.TemporaryDirectory() as name:
        pathlib.Path(name, "key").write_bytes(KEY_DER + bytes.fromhex(key))
        pathlib.Path(name, "signature").write_bytes(signature)
        pathlib.Path(name, "text").write_text("".join(line + "\n" for line in lines), "utf-8")
        return subprocess.run(
            ["openssl", "pkeyutl", "-verify", "-pubin", "-keyform", "DER", "-inkey", "key",
             "-rawin", "-in", "text", "-sigfile", "signature"], cwd=name, check=False,
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL).returncode == 0


def read_record(text):
    record = json.loads(text)
    again = json.dumps(record, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    need(again == text and record["v"] == 1, f"no record in the canonical form: {text[:60]}")
    return record


class Keys:
    """The key in force, and whether the one that was noted elsewhere vouches for it."""
    def __init__(self, noted):
        self.noted, self.key, self.vouched = noted, None, False

    def follow(self, record):
        event, approved = record["event"], False
        if record["type"] == "key_replaced" and event["signature"]:
            place = f"{record['epoch']}-{record['n']}"
            approved = is_signed(self.key, bytes.fromhex(event["signature"]), "gangd key",
                                 record["station"], place, event["public_key"])
            need(approved, f"event {record['n']}: the key before did not sign the new one")
        if record["type"] == "board_qualified":
            need(is_signed(self.key, bytes.fromhex(event["signature"]), "gangd qualification",
                           record["station"], f"{record['epoch']}-{record['n']}",
                           event["qualification"], event["chip"], event["board"],
                           ",".join(event["flashes"]), event["loader"], event["uid"]),
                 f"event {record['n']}: the station did not sign this qualification")
        if record["type"] in ("ledger_began", "key_replaced"):
            self.key = event["public_key"]
            self.vouched = self.key == self.noted or (self.vouched and approved)

    def judge(self):
        need(self.vouched or not self.noted, f"signed by another key than --key: {self.key}")
        return f"signed by {self.key}" + ("" if self.noted else ": compare it with the station's")


class Chain(Keys):
    """A ledger's events, followed from the first."""
    def __init__(self, noted_key=None, noted_heads=()):
        super().__init__(noted_key)
        self.station, self.hash, self.epoch, self.n, self.head = None, bytes(32), 0, 0, None
        self.heads = {h["head"]: h for h in noted_heads if not h["head"].endswith("-0")}

    def next(self, seq, epoch, text, row_hash, signature):
        record = read_record(text)
        begins, leaps = record["type"] == "ledger_began", record["type"] == "epoch_began"
        need(begins == (self.n == 0) and record["n"] == seq == self.n + 1 and
             record["epoch"] == epoch and self.station in (None, record["station"]) and
             (epoch > self.epoch if begins or leaps else epoch == self.epoch),
             f"event {seq} does not follow event {self.n}")
        self.hash = sha256(self.hash + sha256(text.encode()))
        need(self.hash == row_hash, f"event {seq} or its hash was changed: the chain breaks there")
        self.station, self.epoch, self.n = record["station"], epoch, seq
        self.follow(record)
        lines = ("gangd head", self.station, f"{epoch}-{seq}", self.hash.hex())
        self.head = signature and (self.key, signature, *lines)
        if noted := self.heads.pop(lines[2], None):
            need((noted["station"], noted["sha256"]) == (self.station, lines[3]) and is_signed(
                self.key, bytes.fromhex(noted["signature"]), *lines), f"not the head noted: {seq}")

    def finish(self):
        need(self.head and is_signed(*self.head), f"no signed head covers event {self.n}")
        need(not self.heads, f"it ends at event {self.n}, and another head was noted: {self.heads}")
        return f"{self.station}, newest {self.epoch}-{self.n} {self.hash.hex()}, {self.judge()}"


def beside(end, events):
    """What stands beside the verdict: who qualified this kind of board, or that nobody did."""
    if not (name := end.get("qualification")):
        return "UNQUALIFIED"
    qualified = events.get(name, {"type": "missing"})
    need(qualified["type"] == "board_qualified" and all(
        end.get(part) == qualified["event"][part] for part in KEY_PARTS),
        f"{name} did not qualify this kind of board")
    return f"qualified by {name}"


def check_evidence(evidence, noted_key=None):
    """Every record is in a signed chain, and what says PASS is one. Gives what is proven."""
    keys, events, said, n = Keys(noted_key), {}, [], 0
    for proof in evidence["records"]:
        record = read_record(proof["record"])
        need(record["station"] == evidence["station"] and record["n"] > n, "records out of order")
        n, events[f"{record['epoch']}-{record['n']}"] = record["n"], record
        keys.follow(record)
        chain = sha256(bytes.fromhex(proof["before"]) + sha256(proof["record"].encode()))
        for each in proof["after"]:
            chain = sha256(chain + bytes.fromhex(each))
        need(keys.key and is_signed(
            keys.key, bytes.fromhex(proof["signature"]), "gangd head", record["station"],
            f"{record['epoch']}-{n + len(proof['after'])}", chain.hex()), f"event {n}: not signed")
        need(record["type"][:3] not in ("job", "att") or keys.judge(), "no key")
    for name, start in ((k, v) for k, v in events.items() if v["type"] == "attempt_started"):
        event, job = start["event"], events[start["event"]["job"]]["event"]
        need(event["uid"] == evidence["uid"], f"attempt {name} is another unit's")
        end = next((each["event"] for each in events.values() if each["type"] == "attempt_ended"
                    and each["event"]["attempt"] == name), {"verdict": "no end", "measured": []})
        same = [each in end["measured"] for each in job["image_extents"] + event["unit_extents"]]
        need(end["verdict"] != "PASS" or (same and all(same)), f"attempt {name} is no PASS")
        said.append(f"attempt {name} at {start['at']}: {end['verdict']} "
                    f"{beside(end, events)}, serial "
                    + (", ".join(each["value"] for each in event["numbers"]) or "none"))
        said += [f"  {each['name']} at 0x{each['address']:08x}, {each['size']} bytes: sha256 "
                 f"{each['sha256']}" for each in end["measured"]]
    need(said, "no attempt is in it")
    return "\n".join([f"station {evidence['station']}, UID {evidence['uid']}", *said, keys.judge()])


def check_file(name, key, head, without_head):
    if key and len(key) != 64:
        key = base64.b64decode("".join(pathlib.Path(key).read_text().split("\n")[1:2]))[-32:].hex()
    if pathlib.Path(name).open("rb").read(16) != b"SQLite format 3\0":
        return check_evidence(json.loads(pathlib.Path(name).read_bytes()), key)
    noted = [] if without_head else [json.loads(line) for line in pathlib.Path(
        head or name + ".head").read_text(encoding="utf-8").splitlines()]
    ledger = sqlite3.connect(f"{pathlib.Path(name).absolute().as_uri()}?mode=ro", uri=True)
    need(ledger.execute("PRAGMA user_version").fetchone() == (2,), "a ledger of another format")
    chain = Chain(key, noted)
    for row in ledger.execute("SELECT event.seq, epoch, bytes, hash, signature FROM event "
                              "LEFT JOIN head ON head.seq = event.seq ORDER BY event.seq"):
        chain.next(*row)
    return chain.finish()


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("FILE", help="a ledger, or what gangctl audit evidence wrote")
    parser.add_argument("--key", help="the station's, noted elsewhere: 64 digits, or a PEM file")
    parser.add_argument("--head", help="a signed head, noted elsewhere; else that in FILE.head")
    parser.add_argument("--without-head", action="store_true", help="a cut end is not found then")
    try:
        print(check_file(*vars(parser.parse_args()).values()))
    except Exception as wrong:  # whatever a forger thought of
        sys.exit(f"NOT GOOD: {type(wrong).__name__}: {wrong}")
