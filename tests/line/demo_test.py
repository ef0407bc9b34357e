#!/usr/bin/env python3
"""deploy/demo does what the README says of it, and station_cfg holds what works as it is.

What could break: a field that gangctl names otherwise, a status that tells no truth, a gangd that
outlives its demo, a demo that takes away the ledger of another.
"""
import json
import pathlib
import shutil
import signal
import subprocess
import tempfile
import unittest

from line import BIN, PATIENCE, READY, TOP, rack, rack_ports, until


class DemoTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="demo.")
        self.addCleanup(folder.cleanup)
        self.top = pathlib.Path(folder.name)
        self.folder = self.top / "demo"

    def start(self, *words):
        demo = subprocess.Popen(
            [TOP / "deploy/demo_line.py", "--boards", str(len(rack_ports())), "--folder",
             self.folder, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        # Of a test that fails half-way, too: it would keep the boards.
        self.addCleanup(demo.communicate, timeout=PATIENCE)
        self.addCleanup(demo.kill)
        return demo

    def finish(self, demo):
        out, said = demo.communicate(timeout=PATIENCE)
        return demo.returncode, out, said

    def run_demo(self, *words):
        return self.finish(self.start(*words))

    def gangctl(self, *words):
        return subprocess.run([BIN / "gangctl", "--socket", self.folder / "sockets/operator.sock",
                               *words], capture_output=True, text=True, timeout=PATIENCE,
                              check=False)

    def is_ready(self):
        log = self.folder / "gangd.log"
        return log.exists() and READY in log.read_text()

    def assert_ended_in_order(self):
        self.assertEqual(self.gangctl("station").returncode, 3)
        ledger = self.gangctl("audit", "verify", "--ledger", self.folder / "ledger.db")
        self.assertEqual(ledger.returncode, 0, ledger.stderr)

    def test_json_is_one_object_about_boards_that_passed(self):
        status, out, said = self.run_demo("--once", "--json")
        self.assertEqual(status, 0, said)
        answer = json.loads(out)
        self.assertGreater(answer.pop("seconds"), 0)
        boards = len(rack_ports())
        self.assertEqual(answer, {"boards": boards, "passed": boards, "failed": 0,
                                  "ledger": str(self.folder / "ledger.db")})
        self.assert_ended_in_order()

    def test_the_table_has_what_was_meant_and_what_was_measured(self):
        status, out, said = self.run_demo("--once")
        self.assertEqual(status, 0, said)
        rows = [line.split() for line in out.splitlines() if " PASS " in line and "…" in line]
        self.assertEqual(len(rows), len(rack_ports()))
        for _slot, _uid, serial, meant, measured, verdict, beside, _seconds in rows:
            self.assertRegex(serial, r"^TN\d{6}$")
            self.assertRegex(meant, r"^[0-9a-f]{12}…$")
            self.assertEqual((measured, verdict, beside), (meant, "PASS", "UNQUALIFIED"))

    def test_a_chip_that_lies_makes_the_status_1(self):
        # A page: to skip the erase of a block that is blank does no harm.
        rack("skip", rack_ports()[0], "100")
        status, out, said = self.run_demo("--once", "--json")
        self.assertEqual(status, 1, said)
        self.assertEqual(json.loads(out)["failed"], 1)

    def test_stopped_in_the_middle_it_is_no_success_and_all_is_on_record(self):
        for port in rack_ports():
            rack("slow", port, "on")
            self.addCleanup(rack, "slow", port, "off")
        demo = self.start("--once", "--json")
        until(lambda: '"SLOT_STATE_RUNNING"' in self.gangctl("--json", "slots").stdout,
              "boards are programmed")
        demo.send_signal(signal.SIGINT)
        status, out, _said = self.finish(demo)
        self.assertEqual((status, out), (128 + signal.SIGINT, ""))
        self.assert_ended_in_order()

    def test_a_second_one_leaves_the_first_alone_which_runs_until_ctrl_c(self):
        first = self.start()
        until(self.is_ready, "gangd is ready")
        status, _out, said = self.run_demo("--once")
        self.assertEqual(status, 1)
        self.assertIn("another demo is running", said)
        until(lambda: '"SLOT_STATE_ENDED"' in self.gangctl("--json", "slots").stdout, "verdicts")
        self.assertEqual(self.gangctl("station").returncode, 0)
        first.send_signal(signal.SIGTERM)
        self.assertEqual(self.finish(first)[0], 128 + signal.SIGTERM)
        self.assert_ended_in_order()

    def test_a_gangd_that_dies_is_told_with_its_last_lines(self):
        demo = self.start()
        until(self.is_ready, "gangd is ready")
        children = pathlib.Path(f"/proc/{demo.pid}/task/{demo.pid}/children").read_text().split()
        gangd = next(child for child in children
                     if b"gangd" in pathlib.Path(f"/proc/{child}/cmdline").read_bytes()
                     .partition(b"\0")[0].rpartition(b"/")[2])
        subprocess.run(["kill", "-KILL", gangd], check=True)
        status, _out, said = self.finish(demo)
        self.assertEqual(status, 1)
        self.assertRegex(said, r"demo: gangd .*\n")
        log = (self.folder / "gangd.log").read_text()
        self.assertIn(READY.strip(), log)
        self.assertIn("\n".join(log.splitlines()[-10:]), said)

    def test_a_wrong_option_gets_one_sentence(self):
        for words in (["--boards", "0"], ["--boards", "65"], ["--boards"], ["--bords", "8"],
                      ["--boards", "9" * 30]):
            done = subprocess.run([TOP / "deploy/demo", *words], capture_output=True, text=True,
                                  timeout=PATIENCE, check=False)
            self.assertEqual((done.returncode, done.stdout), (2, ""), words)
            self.assertRegex(done.stderr, r"^demo: [^\n]+\n$")

    def test_the_example_station_programs_boards_as_it_is(self):
        shutil.copytree(TOP / "station_cfg", self.folder)
        station = self.folder / "station.toml"
        # Others may run a station on this machine.
        station.write_text(station.read_text().replace("port = 8484", "port = 0"))
        (self.top / "build").symlink_to(TOP / "build")  # the product's image: ../../build/...
        gangd = subprocess.Popen([BIN / "gangd", "--config", self.folder / "station.toml"],
                                 stderr=subprocess.PIPE, text=True)
        self.addCleanup(gangd.communicate)
        self.addCleanup(gangd.terminate)
        until(lambda: self.gangctl("station").returncode == 0 or gangd.poll() is not None,
              "gangd answers")
        done = self.gangctl("job", "start", "tone", "--once", "--watch")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("2 passed, 0 failed, 0 unknown", done.stdout)


if __name__ == "__main__":
    unittest.main()
