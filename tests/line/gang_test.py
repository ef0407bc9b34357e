#!/usr/bin/env python3
"""64 boards in one job, and a rack that freezes and dies under them. Each test has a rack of its
own, for the last one does not survive."""
import os
import signal
import sys
import unittest

from line import LineTest, check_record, rack, rack_ports, until

RACK = int(os.environ["VRACK_PID"])
FREEZE_SECONDS = float(os.environ.get("FREEZE_SECONDS", "20"))


class GangTest(LineTest):
    def start_slowly(self):
        """A job that is in the middle of its work for a while."""
        for port in rack_ports():
            rack("slow", port, "on")
        self.line.add_long_image(512 * 1024)
        self.line.start()
        job = self.line.start_job("--once")
        until(lambda: all(slot["step"] == "erase" for slot in self.line.slots()), "all erase")
        return job

    def test_64_boards_pass(self):
        self.assertEqual(len(self.line.paths), 64)
        self.line.start()
        status, said = self.line.run_job()
        self.assertEqual(status, 0, said)
        for slot in self.line.slots():
            self.assertTrue(self.line.holds(slot), slot["name"])
        self.line.stop()
        self.line.verify()

    def test_a_frozen_rack_gives_verdicts_that_are_right(self):
        job = self.start_slowly()
        os.kill(RACK, signal.SIGSTOP)
        try:
            # Verdicts may come meanwhile, but no job that hangs for ever and none that is wrong.
            signal.sigtimedwait([], FREEZE_SECONDS)
        finally:
            os.kill(RACK, signal.SIGCONT)
        ended = self.line.wait_for(job)
        self.assertEqual(sum(int(ended[k]) for k in ("passed", "failed", "unknown")), 64)
        for slot in self.line.slots():
            if slot["outcome"]["verdict"] == "VERDICT_PASS":
                self.assertTrue(self.line.holds(slot), slot["name"])
            else:
                self.assertNotEqual(slot["outcome"]["reason"], "")
        print(f"after {FREEZE_SECONDS:.0f} s: {ended['passed']} passed, {ended['failed']} failed, "
              f"{ended['unknown']} unknown", file=sys.stderr)
        check_record(self.line.events())

    def test_a_rack_that_dies_fails_every_board(self):
        job = self.start_slowly()
        os.kill(RACK, signal.SIGKILL)
        ended = self.line.wait_for(job)
        self.assertEqual((ended["passed"], ended["failed"]), ("0", "64"))
        for slot in self.line.slots():
            self.assertIn("unplugged", slot["outcome"]["reason"])
        ends = check_record(self.line.events())
        self.assertEqual([end["verdict"] for end in ends.values()], ["FAIL"] * 64)
        self.assertEqual(self.line.stop(), 0)
        self.line.verify()


if __name__ == "__main__":
    unittest.main()
