#!/usr/bin/env python3
"""What tests/rig/with-rack promises: status, signals, nothing left behind, and other programs.

  tests/rig/with_rack_test.py PRESET     started by ctest
"""
import json
import os
import pathlib
import signal
import subprocess
import sys
import tempfile
import unittest

import packaged

RIG = pathlib.Path(__file__).resolve().parent
PRESET = "debug"
BOARDS = 64
# Far more than anything here takes.
SECONDS = 120


class WithRackTest(unittest.TestCase):
    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.addCleanup(self.temporary.cleanup)
        self.environment = dict(os.environ, TMPDIR=self.temporary.name)

    def tearDown(self):
        self.assertEqual(os.listdir(self.temporary.name), [], "left behind")

    def start(self, *command, boards=2, preset=None, options=()):
        return subprocess.Popen(
            [RIG / "with-rack", "--boards", str(boards), "--preset", preset or PRESET, *options,
             "--", *command],
            env=self.environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)

    def run_on_rack(self, *command, **how):
        process = self.start(*command, **how)
        output, complaints = process.communicate(timeout=SECONDS)
        return process.returncode, output, complaints

    def test_the_status_is_that_of_the_command(self):
        self.assertEqual(self.run_on_rack("true")[0], 0)
        self.assertEqual(self.run_on_rack("sh", "-c", "exit 7")[0], 7)
        self.assertEqual(self.run_on_rack("sh", "-c", "kill -USR1 $$")[0], 128 + signal.SIGUSR1)

    def test_a_command_that_is_not_there_is_named(self):
        status, _, complaints = self.run_on_rack("no-such-program")
        self.assertEqual(status, 125)
        self.assertIn("no-such-program", complaints)

    def test_what_is_not_built_is_named_with_the_command_that_builds_it(self):
        status, _, complaints = self.run_on_rack("true", preset="no-such-preset")
        self.assertEqual(status, 125)
        self.assertIn("build/no-such-preset/bin/vrack is missing. Type: cmake --preset", complaints)

    def test_what_vrack_refuses_is_said_and_nothing_runs(self):
        for options, reason in ((("--topology", "1-1:2"), "only 2 free ports"),
                                (("--topology", "1-1"), "'1-1' is no hub"),
                                (("--topology", "1-1:8,1-2.1:4"), "in no port of any hub"),
                                (("--parts", "echo,,echo"), "a part without name"),
                                (("--speed", "0"), "usage: vrack")):
            status, output, complaints = self.run_on_rack("echo", "ran", boards=3, options=options)
            self.assertEqual((status, output), (125, ""))
            self.assertIn(reason, complaints)

    def test_a_signal_reaches_the_command_and_the_rack_is_cleaned_up(self):
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            process = self.start("sh", "-c", "echo there; exec sleep 1000")
            self.assertEqual(process.stdout.readline(), "there\n")
            process.send_signal(number)
            process.communicate(timeout=SECONDS)
            self.assertEqual(process.returncode, 128 + number)

    def test_two_racks_know_nothing_of_each_other(self):
        inner = [RIG / "with-rack", "--boards", "1", "--preset", PRESET, "--topology", "2-3:4",
                 "--", RIG / "rack", "list"]
        status, output, complaints = self.run_on_rack(*map(str, inner))
        self.assertEqual(status, 0, complaints)
        self.assertEqual([board["port"] for board in json.loads(output)], ["2-3.1"])

    def test_boards_take_the_ports_that_hubs_leave(self):
        status, output, complaints = self.run_on_rack(
            RIG / "rack", "list", boards=4, options=("--topology", "1-2:2,1-2.1:8,usb3:1"))
        self.assertEqual(status, 0, complaints)
        self.assertEqual([board["port"] for board in json.loads(output)],
                         ["1-2.2", "1-2.1.1", "1-2.1.2", "1-2.1.3"])

    def test_boards_may_come_later(self):
        status, output, complaints = self.run_on_rack(
            "sh", "-c", "lsusb -d 1209: ; $0 plug 1-1.2 && lsusb -d 1209:", RIG / "rack",
            options=("--unplugged",))
        self.assertEqual(status, 0, complaints)
        # What follows the id is the board's own name, or that of the machine's list of all ids.
        self.assertRegex(output, r"^3\nBus 001 Device 003: ID 1209:0001 .+\n$")

    def test_the_rack_refuses_what_it_does_not_know(self):
        for command, reason in ((["unplug", "7-7"], "no port 7-7"),
                                (["explode", "1-1.1"], "an echo board has no chip to explode"),
                                (["stall", "1-1.1", "x"], "stall PORT ENDPOINT"),
                                (["unplug"], "which port?")):
            status, output, _ = self.run_on_rack(RIG / "rack", *command)
            self.assertEqual(status, 1)
            self.assertIn(reason, output)

    def test_lsusb_shows_every_hub_and_board_in_its_port(self):
        status, output, complaints = self.run_on_rack("lsusb", "-t", boards=BOARDS)
        self.assertEqual((status, complaints), (0, ""))
        self.assertEqual(output.count("Class=root_hub"), 2)
        self.assertEqual(output.count("Driver=hub/8p"), 8)
        self.assertEqual(output.count("If 1"), BOARDS)

    def test_dfu_util_lists_every_board_and_uploads_from_one(self):
        for _ in range(packaged.TRIES):
            status, output, complaints = self.run_on_rack("dfu-util", "-l", boards=BOARDS)
            if not packaged.came_too_late(complaints):
                break
        self.assertEqual(status, 0, complaints)
        for board in range(BOARDS):
            self.assertIn(f'serial="ECHO{board:04}"', output)
        with tempfile.TemporaryDirectory() as folder:
            copy = pathlib.Path(folder) / "upload"
            status, output, complaints = self.run_on_rack(
                "dfu-util", "--serial", "ECHO0001", "--upload", copy)
            self.assertEqual(status, 0, output + complaints)
            self.assertEqual(copy.read_bytes(), bytes(at * 7 % 256 for at in range(10000)))


if __name__ == "__main__":
    PRESET = sys.argv.pop(1)
    unittest.main()
