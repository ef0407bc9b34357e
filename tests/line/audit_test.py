#!/usr/bin/env python3
"""An auditor with gangctl and with Python alone, while gangd works and after it."""
import csv
import io
import json
import os
import subprocess
import unittest

from line import BIN, PATIENCE, TOP, LineTest

VERIFY = TOP / "deploy" / "audit" / "verify.py"


def run(*words):
    return subprocess.run([str(word) for word in words], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, timeout=PATIENCE, check=False)


class AuditTest(LineTest):
    def audit(self, verb, *words):
        return run(BIN / "gangctl", "audit", verb, "--ledger", self.line.ledger, *words)

    def setUp(self):
        super().setUp()
        self.line.start()
        status, said = self.line.run_job()
        self.assertEqual(status, 0, said)
        self.serial = self.line.slots()[0]["numbers"][0]["value"]

    def test_a_running_station_is_audited(self):
        facts = json.loads(self.audit("verify", "--json").stdout)
        self.assertEqual(facts["ok"], 1)
        key = facts["key"]
        self.assertEqual(self.audit("verify", "--key", key).returncode, 0)
        self.assertEqual(self.audit("verify", "--key", "0" * 64).returncode, 1)
        self.assertEqual(self.audit("verify", "--key", "x").returncode, 3)
        done = run(VERIFY, "--key", key, self.line.ledger)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(facts["sha256"], done.stdout)
        # The public key is what openssl makes of the station's own.
        secret = self.line.folder / "station.key"
        self.assertEqual(secret.stat().st_mode & 0o777, 0o600)
        public = run("openssl", "pkey", "-in", secret, "-pubout")
        pem = self.line.folder / "station.pub"
        pem.write_text(public.stdout)
        self.assertEqual(self.audit("verify", "--key", pem).returncode, 0)
        self.assertEqual(run(VERIFY, "--key", pem, self.line.ledger).returncode, 0)

    def test_evidence_of_a_unit(self):
        evidence = self.line.folder / "unit.json"
        evidence.write_text(self.audit("evidence", "--serial", self.serial).stdout)
        done = run(VERIFY, evidence)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn(f"PASS UNQUALIFIED, serial {self.serial}", done.stdout)
        self.assertIn(self.line.image_sha256, done.stdout)
        for slot in self.line.slots()[1:]:
            self.assertNotIn(slot["uid"], evidence.read_text())
        evidence.write_text(evidence.read_text().replace(self.serial, "T999999"))
        self.assertEqual(run(VERIFY, evidence).returncode, 1)
        self.assertEqual(self.audit("evidence", "--serial", "T999999").returncode, 1)
        self.assertEqual(self.audit("evidence").returncode, 2)

    def test_recall_and_export(self):
        lines = self.audit("recall", "--image", self.line.image_sha256, "--json").stdout
        units = [json.loads(line) for line in lines.splitlines()]
        self.assertEqual([unit["image"] for unit in units], ["carries"] * len(self.line.paths))
        self.assertIn([self.serial], [unit["serials"] for unit in units])
        self.assertEqual(self.audit("recall", "--image", "0" * 64).returncode, 1)
        self.assertEqual(self.audit("recall", "--image", "0").returncode, 3)
        table = list(csv.DictReader(io.StringIO(self.audit("export", "--format", "csv").stdout)))
        self.assertEqual([row["verdict"] for row in table], ["PASS"] * len(self.line.paths))
        self.assertIn(json.dumps([self.serial]), [row["serials"] for row in table])
        events = self.audit("export", "--format", "jsonl", "--events").stdout.splitlines()
        self.assertEqual([json.loads(event)["record"] for event in events], self.line.events())

    def test_a_backup_is_gone_on_from(self):
        copy = self.line.folder / "copy.db"
        self.assertEqual(self.audit("backup", "--to", copy).returncode, 0)
        self.assertEqual(run(VERIFY, copy).returncode, 0)
        self.assertEqual(self.audit("backup", "--to", copy).returncode, 3)
        self.line.stop()
        for suffix in ("", "-wal", "-shm"):
            self.line.ledger.with_name(f"ledger.db{suffix}").unlink(missing_ok=True)
        os.replace(copy, self.line.ledger)
        status, said = self.line.run_to_its_end()
        self.assertEqual(status, 1, said)
        self.assertIn("gangctl ledger go-on", said)
        words = ("ledger", "go-on", "--ledger", self.line.ledger, "--key",
                 self.line.folder / "station.key", "--reason", "the disk was lost")
        self.assertEqual(run(BIN / "gangctl", *words, "--skip", "10").returncode, 0)
        self.line.start()
        status, said = self.line.run_job()
        self.assertEqual(status, 0, said)
        # The same boards keep their serials; a new one would get none of those that may be out.
        self.assertEqual(self.line.slots()[0]["numbers"][0]["value"], self.serial)
        self.line.stop()
        self.line.verify()


if __name__ == "__main__":
    unittest.main()
