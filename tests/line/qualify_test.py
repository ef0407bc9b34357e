#!/usr/bin/env python3
"""gangctl qualify, from the first cold start to a unit without UNQUALIFIED, on virtual boards: what
it asks of a person on a real one is done here by the rack.

What could break: a surface that shows a verdict without its qualification; a kind of board that
counts as qualified without each step; a procedure that a kill or a mistake ends.
"""
import csv
import http.client
import io
import json
import subprocess
import unittest

from line import (BIN, FLASH, PATIENCE, SERIAL, TOP, LineTest, check_record, port_of, rack,
                  rack_ports, until)

STEPS = ["cold_start", "program", "cold_cycle", "dump", "boot", "cold_return", "measure"]
PERSON = "Anna B."


class QualifyTest(LineTest):
    def setUp(self):
        super().setUp()
        self.line.write_config(tables="[web]\nport = 0\n")
        self.line.start()
        self.quality = self.line.folder / "sockets" / "quality.sock"
        self.port = rack_ports()[0]
        self.dump = self.line.folder / "flash.bin"
        # What a hub's switch or a relay would be.
        self.power = self.line.folder / "power"
        self.power.write_text("#!/bin/sh\ncase $1 in off) set -- unplug;; on) set -- plug;; esac\n"
                              f'exec {TOP}/tests/rig/rack $1 {self.port}\n')
        self.power.chmod(0o755)

    def qualify(self, *words, answers=(), socket=None):
        done = subprocess.run(
            [BIN / "gangctl", "--socket", socket or self.quality, "qualify", *words],
            input="".join(answer + "\n" for answer in answers), capture_output=True, text=True,
            timeout=PATIENCE, check=False)
        return done.returncode, done.stdout + done.stderr

    def begin(self, *words, answers=()):
        return self.qualify("tone", "--slot", "1", "--person", PERSON, "--power", self.power,
                            "--off-seconds", "0", *words, answers=answers)

    def continued(self, answers):
        name = self.line.ask("qualifications")[0]["qualifications"][0]["id"]
        return self.qualify("--continue", name, "--power", self.power, "--off-seconds", "0",
                            answers=answers)

    def read_chip(self, size=SERIAL - FLASH + 32):
        """What a debugger would read out of the chip: asked behind gangd's back."""
        bytes_ = b""
        while len(bytes_) < size:
            some = min(4096, size - len(bytes_))
            bytes_ += bytes.fromhex(rack("peek", self.port, str(len(bytes_)), str(some)))
        return bytes_

    def dump_at(self, bytes_):
        self.dump.write_bytes(bytes_)
        return f"{self.dump}@0x{FLASH:08x}"

    def steps(self):
        return [event["event"] for event in self.line.events()
                if event["type"] == "qualification_step"]

    def qualify_board(self):
        """From nothing to the signature; the dump comes when there is something to read."""
        status, said = self.begin(answers=["q"])  # as far as the dump
        self.assertEqual(status, 1, said)
        status, said = self.continued([self.dump_at(self.read_chip()), "it plays a tone", PERSON])
        self.assertEqual(status, 0, said)
        return next(f"{event['epoch']}-{event['n']}" for event in self.line.events()
                    if event["type"] == "board_qualified")

    # --- every surface

    def web(self, path):
        where = self.line.log_text().rsplit("http://127.0.0.1:", 1)[1].split("/")[0]
        connection = http.client.HTTPConnection("127.0.0.1", int(where), timeout=PATIENCE)
        self.addCleanup(connection.close)
        connection.request("GET", path)
        return connection.getresponse().read().decode()

    def audit(self, *words):
        done = subprocess.run([BIN / "gangctl", "audit", *words, "--ledger", self.line.ledger],
                              capture_output=True, text=True, check=True)
        return done.stdout

    def said_everywhere(self, uid):
        """What each surface puts beside the unit's newest verdict."""
        slot = self.line.slots()[0]
        job = self.line.jobs()[-1]
        unit = self.line.ask("unit", "show", uid)[0]
        listed = next(row for row in self.line.ask("unit", "list") if row["uid"] == uid)
        page = json.loads(self.web(f"/api/unit?uid={uid}"))
        found = json.loads(self.web(f"/api/units?q={uid}"))["units"][0]
        table = list(csv.DictReader(io.StringIO(self.audit("export", "--format", "csv"))))
        lines = [json.loads(line) for line in
                 self.audit("export", "--format", "jsonl").splitlines()]
        recalled = [json.loads(line) for line in self.audit(
            "recall", "--image", self.line.image_sha256, "--json").splitlines()]
        evidence = self.line.folder / "unit.json"
        evidence.write_text(self.audit("evidence", "--uid", uid))
        proven = subprocess.run([TOP / "deploy/audit/verify.py", evidence], capture_output=True,
                                text=True, check=True).stdout
        verdicts = [line for line in proven.splitlines() if line.startswith("attempt ")]
        metrics = self.web("/metrics")
        sample = 'gangd_unqualified_attempts_total{product="tone",verdict="pass"} '
        return {
            "slots": slot["outcome"]["qualification"],
            "unit show": unit["history"][-1]["qualification"],
            "unit": unit["last_qualification"],
            "unit list": listed["last_qualification"],
            "page": page["history"][-1]["qualification"],
            "page's unit": page["unit"]["last_qualification"],
            "search": found["last_qualification"],
            "csv": table[-1]["qualification"],
            "jsonl": lines[-1]["qualification"],
            "recall": next(row for row in recalled if row["uid"] == uid)["qualification"],
            "evidence": verdicts[-1].split("PASS ")[1].split(",")[0].removeprefix("qualified by "),
        }, {"job": int(job["passed_unqualified"]),
            "metric": int(metrics.split(sample)[1].splitlines()[0])}

    def words_everywhere(self, uid):
        """The lines that people read in which a verdict stands."""
        words = [self.line.ctl(*command).stdout for command in
                 (("slots",), ("unit", "list"), ("unit", "show", uid))]
        words.append(self.audit("recall", "--image", self.line.image_sha256))
        return [line for text in words for line in text.splitlines() if "PASS" in line]

    def test_a_verdict_is_nowhere_without_its_qualification(self):
        status, said = self.line.run_job("--slot", "1")
        self.assertEqual(status, 0, said)
        self.assertIn("slot 1: PASS UNQUALIFIED  ", said)
        self.assertIn("of those that passed, 1 UNQUALIFIED", said)
        uid = self.line.slots()[0]["uid"]
        beside, counts = self.said_everywhere(uid)
        self.assertEqual(set(beside.values()), {"UNQUALIFIED"}, beside)
        self.assertEqual(counts, {"job": 1, "metric": 1})
        lines = self.words_everywhere(uid)
        self.assertGreaterEqual(len(lines), 5)
        for line in lines:
            self.assertIn("PASS UNQUALIFIED", line)

        name = self.qualify_board()
        _, before = self.said_everywhere(uid)
        status, said = self.line.run_job("--slot", "1")
        self.assertEqual(status, 0, said)
        self.assertNotIn("UNQUALIFIED", said)
        beside, counts = self.said_everywhere(uid)
        self.assertEqual(set(beside.values()), {name}, beside)
        self.assertEqual(counts, {"job": 0, "metric": before["metric"]})
        # Those before stay what they were.
        history = self.line.ask("unit", "show", uid)[0]["history"]
        self.assertEqual([row["qualification"] for row in history],
                         ["UNQUALIFIED"] * (len(history) - 1) + [name])
        key = history[-1]["key"]
        self.assertEqual((key["chip"], key["board"]), ("0x10000fff", "virtual"))
        self.assertEqual(len(key["loader_sha256"]), 64)
        self.line.stop()
        self.line.verify()
        self.refuses_what_a_forger_changed(name)

    def refuses_what_a_forger_changed(self, name):
        evidence = self.line.folder / "unit.json"
        verify = [TOP / "deploy/audit/verify.py", evidence]
        whole = json.loads(evidence.read_text())
        self.assertEqual(subprocess.run(verify, capture_output=True, check=False).returncode, 0)
        kept = [each for each in whole["records"]
                if json.loads(each["record"])["type"] != "board_qualified"]
        self.assertEqual(len(whole["records"]) - len(kept), 1, name)
        evidence.write_text(json.dumps(whole | {"records": kept}))
        self.assertEqual(subprocess.run(verify, capture_output=True, check=False).returncode, 1)

    # --- the procedure

    def test_mistakes_are_on_record_and_done_again(self):
        status, said = self.begin(answers=["q"])
        self.assertEqual(status, 1, said)
        self.assertEqual([step["step"] for step in self.steps()], STEPS[:3])
        flash = self.read_chip()
        spoiled = flash[:5000] + bytes([flash[5000] ^ 1]) + flash[5001:]
        status, said = self.continued(
            [self.dump_at(spoiled), f"{self.line.folder}/nothing@0", f"{self.dump}@12x", "q"])
        self.assertEqual(status, 1, said)
        self.assertIn(f"1 bytes differ, the first at 0x{FLASH + 5000:08x}", said)
        self.assertIn("cannot be read", said)
        self.assertIn("is no FILE@ADDRESS", said)
        self.line.kill()
        self.line.start()
        status, said = self.continued(
            [self.dump_at(flash), "", "it plays a tone", "Somebody else", PERSON])
        self.assertEqual(status, 0, said)
        self.assertIn("not done: note must have", said)
        self.assertIn("another name", said)
        steps = self.steps()
        self.assertEqual([(step["step"], step["passed"]) for step in steps],
                         [(step, 1) for step in STEPS[:3]] + [("dump", 0)]
                         + [(step, 1) for step in STEPS[3:]])
        self.assertEqual(steps[-3]["note"], "it plays a tone")
        self.assertEqual([step["role"] for step in steps], ["quality"] * len(steps))
        qualified = [event["event"] for event in self.line.events()
                     if event["type"] == "board_qualified"]
        self.assertEqual([(each["failures"], each["person"]) for each in qualified],
                         [(1, PERSON)])
        check_record(self.line.events())
        self.line.stop()
        self.line.verify()

    def test_a_board_that_kept_its_power_is_refused(self):
        status, said = self.qualify("tone", "--slot", "1", "--person", PERSON, answers=["", "q"])
        self.assertEqual(status, 1, said)
        self.assertIn("has not been away", said)
        self.assertEqual(self.steps(), [])

    def test_a_chip_that_lies_is_no_step(self):
        rack("skip", self.port, "5")
        status, said = self.begin(answers=["q"])
        self.assertEqual(status, 1, said)
        self.assertIn("the attempt ended as FAIL", said)
        self.assertEqual([(step["step"], step["passed"]) for step in self.steps()],
                         [("cold_start", 1), ("program", 0)])

    def test_bytes_that_are_gone_after_the_cold_starts_are_found(self):
        status, said = self.begin(answers=["q"])
        self.assertEqual(status, 1, said)
        dump = self.dump_at(self.read_chip())
        rack("poke", self.port, "77", "00")
        status, said = self.continued([dump, "it plays a tone", "q"])
        self.assertEqual(status, 1, said)
        self.assertIn("were not there any more", said)

    def test_only_quality_may(self):
        status, said = self.qualify("tone", "--slot", "1", "--person", PERSON,
                                    socket=self.line.socket)
        self.assertEqual(status, 3, said)
        self.assertIn("quality", said)

    def test_a_product_that_is_read_back_cannot_be_qualified(self):
        self.line.write_product(extra='verify = "readback"')
        status, said = self.begin()
        self.assertEqual(status, 3, said)
        self.assertIn('verify = "device"', said)


if __name__ == "__main__":
    unittest.main()
