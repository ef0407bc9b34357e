#!/usr/bin/env python3
"""Checks a ledger as FORMAT.md describes it, with nothing but Python's standard library.

    format_test.py FILE

Proves that an auditor needs no gangd: every record is made again from what it says, byte for byte,
and the chain is followed from its beginning. Prints how many events there are, and the newest hash.
"""
import hashlib
import json
import sqlite3
import sys


def canonical(value):
    # RFC 8785 for strings, integers, arrays and objects with ASCII names.
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"), sort_keys=True)


def check(file):
    database = sqlite3.connect(f"file:{file}?mode=ro", uri=True)
    assert database.execute("PRAGMA application_id").fetchone() == (1734438503,)
    assert database.execute("PRAGMA user_version").fetchone() == (1,)
    hash_before = bytes(32)
    count = 0
    rows = database.execute("SELECT seq, epoch, bytes, hash FROM event ORDER BY seq")
    for seq, epoch, text, hash_now in rows:
        count += 1
        record = json.loads(text)
        assert canonical(record) == text, f"event {seq} is not canonical"
        assert (record["v"], record["epoch"], record["n"], seq) == (1, epoch, count, count)
        hash_before = hashlib.sha256(hash_before + text.encode()).digest()
        assert hash_before == hash_now, f"the chain breaks at event {seq}"
    assert count > 0
    return count, hash_before.hex()


if __name__ == "__main__":
    print(*check(sys.argv[1]))
