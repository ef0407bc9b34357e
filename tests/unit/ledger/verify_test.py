#!/usr/bin/env python3
"""deploy/audit/verify.py finds every change of a ledger: verify_test.py LEDGER, which is good.

Each byte of each record is changed, each record is removed, doubled and changes places, as it is
and with all hashes behind it made again. Each change is followed from the record where it is; a few
are made in a file, and given to verify.py as an auditor does.
"""
import copy
import pathlib
import shutil
import sqlite3
import subprocess
import sys
import tempfile

AUDIT = pathlib.Path(__file__).resolve().parents[3] / "deploy" / "audit"
sys.path.insert(0, str(AUDIT))
import verify  # noqa: E402

SELECT = ("SELECT event.seq, epoch, bytes, hash, signature FROM event "
          "LEFT JOIN head ON head.seq = event.seq ORDER BY event.seq")


def finds(chain, rows, is_end):
    """Whether verify.py finds something in rows that follow what `chain` has seen."""
    chain = copy.copy(chain)
    chain.heads = dict(chain.heads)
    try:
        for row in rows:
            chain.next(*row)
        if is_end:
            chain.finish()
    except (ValueError, KeyError, TypeError):
        return True
    return False


def forged(before, rows):
    """With numbers and hashes made again behind the hash `before`."""
    made = []
    for seq, (_, epoch, text, _, signature) in rows:
        try:
            record = verify.json.loads(text)
            record["n"] = seq
            text = verify.json.dumps(record, ensure_ascii=False, separators=(",", ":"),
                                     sort_keys=True)
        except (ValueError, TypeError):
            pass  # it stays no record
        before = verify.sha256(before + verify.sha256(text.encode()))
        made.append((seq, epoch, text, before, signature))
    return made


def numbered(first, rows):
    return list(zip(range(first, first + len(rows)), rows))


def check_bytes(chains, rows):
    count = 0
    for chain, (seq, epoch, text, row_hash, signature) in zip(chains, rows):
        whole = text.encode()
        for at in range(len(whole)):
            changed = bytearray(whole)
            changed[at] ^= 1 << (count % 8)
            count += 1
            try:
                row = (seq, epoch, changed.decode(), row_hash, signature)
            except UnicodeDecodeError:
                continue  # sqlite3 refuses it as it is read
            assert finds(chain, [row], False), (seq, at)
    return count


def check_rows(chains, rows):
    for i, chain in enumerate(chains):
        rest = rows[i:]
        assert finds(chain, [], True), ("cut", i + 1)
        changes = [("removed", rest[1:]), ("doubled", rest[:1] + rest)]
        if len(rest) > 1:
            changes.append(("swapped", [rest[1], rest[0], *rest[2:]]))
        for what, changed in changes:
            # As it is it shows at once; forged, when the newest head has another hash.
            assert finds(chain, changed[:2], len(rest) < 3), (what, i + 1)
            made = forged(chain.hash, numbered(i + 1, changed))
            assert finds(chain, made, True), (what, "forged", i + 1)


def check_file(ledger):
    """What an auditor runs, on a file that a hand with a database tool has changed."""
    with tempfile.TemporaryDirectory() as name:
        copied = pathlib.Path(name, "ledger.db")
        for change, is_good in (
                ("SELECT 1", True),
                ("UPDATE event SET bytes = replace(bytes, 'FAIL', 'PASS')", False),
                ("DELETE FROM event WHERE seq = 300", False),
                ("DELETE FROM event WHERE seq = 300; DELETE FROM head WHERE seq = 300", False),
                ("UPDATE event SET bytes = cast(x'ff' AS TEXT) WHERE seq = 150", False),
                ("UPDATE event SET hash = zeroblob(32) WHERE seq = 300", False),
                ("UPDATE head SET signature = zeroblob(64) WHERE seq = 300", False)):
            copied.unlink(missing_ok=True)
            shutil.copy(f"{ledger}.head", f"{copied}.head")
            with sqlite3.connect(f"file:{ledger}?mode=ro", uri=True) as source:
                database = sqlite3.connect(copied)
                source.backup(database)
            for (trigger,) in database.execute(
                    "SELECT name FROM sqlite_schema WHERE type = 'trigger'").fetchall():
                database.execute(f"DROP TRIGGER {trigger}")
            database.executescript(change)
            database.close()
            done = subprocess.run([AUDIT / "verify.py", copied], stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, check=False)
            assert (done.returncode == 0) == is_good, (change, done.stdout)


def main(ledger):
    rows = sqlite3.connect(f"file:{ledger}?mode=ro", uri=True).execute(SELECT).fetchall()
    assert len(rows) == 300
    # A process for each signature would take minutes: openssl says once which signatures there are.
    signed = set()
    really = verify.is_signed
    verify.is_signed = lambda *words: signed.add(words) or True
    noted = [verify.json.loads(line) for line in open(f"{ledger}.head", encoding="utf-8")]
    chain, chains = verify.Chain(None, noted), []
    for row in rows:
        chains.append(copy.copy(chain))
        chains[-1].heads = dict(chain.heads)
        chain.next(*row)
        if chain.head:
            signed.add(chain.head)
    chain.finish()
    assert all(really(*words) for words in sorted(signed)[::40])
    verify.is_signed = lambda *words: words in signed
    assert not finds(chains[0], rows, True), "a good one passes"
    count = check_bytes(chains, rows)
    check_rows(chains, rows)
    check_file(ledger)
    print(f"{count} bytes of {len(rows)} records")


if __name__ == "__main__":
    main(sys.argv[1])
