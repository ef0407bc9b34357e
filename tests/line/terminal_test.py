#!/usr/bin/env python3
"""gangctl as a person meets it: on a terminal, and when something on the way breaks."""
import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import termios
import time
import unittest

from line import BIN, PATIENCE, LineTest, rack, rack_ports, until


class Terminal:
    """gangctl on a terminal of its own."""

    def __init__(self, line, *words, rows=24, columns=80):
        self.master, slave = pty.openpty()
        fcntl.ioctl(slave, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
        self.gangctl = subprocess.Popen([BIN / "gangctl", "--socket", line.socket, *words],
                                        stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        self.text = ""

    def read_until(self, pattern):
        deadline = time.monotonic() + PATIENCE
        while not re.search(pattern, self.text):
            ready, _, _ = select.select([self.master], [], [], deadline - time.monotonic())
            assert ready, f"no {pattern} in {self.text!r}"
            try:
                more = os.read(self.master, 65536).decode()
            except OSError:  # the terminal's other end is closed
                more = ""
            assert more, f"no {pattern} in {self.text!r}"
            self.text += more.replace("\r\n", "\n")
        return self.text

    def end(self, number=None):
        if number is not None:
            self.gangctl.send_signal(number)
        status = self.gangctl.wait(PATIENCE)
        os.close(self.master)
        return status


class TerminalTest(LineTest):
    def setUp(self):
        super().setUp()
        self.line.start()

    def test_the_last_verdict_is_drawn_although_nothing_follows_it(self):
        # The job goes on: no end of it makes gangctl draw once more.
        job = self.line.start_job()
        terminal = Terminal(self.line, "job", "watch", job)
        until(lambda: self.line.jobs()[-1]["passed"] == str(len(rack_ports())), "all pass")
        for slot in self.line.slots():
            serial = slot["numbers"][0]["value"]
            terminal.read_until(rf"slot {slot['name']} .*PASS.* {slot['uid']} {serial}")
        # Ctrl-C leaves the job alone, and says how to end it.
        terminal.end(signal.SIGINT)
        self.assertTrue(self.line.jobs()[-1]["running"])
        self.line.ctl("job", "stop", job)

    def test_more_slots_than_lines_do_not_scroll_away(self):
        rows = len(rack_ports()) - 1
        self.line.add_long_image(256 * 1024)
        for port in rack_ports():  # a picture every 100 ms
            rack("slow", port, "on")
            self.addCleanup(rack, "slow", port, "off")
        terminal = Terminal(self.line, "job", "start", "tone", "--once", "--watch", rows=rows)
        text = terminal.read_until(r"job .* finished: \d+ passed, 0 failed, 0 unknown")
        self.assertEqual(terminal.end(), 0)
        *pictures, last = text.split("\x1b[J")[:-1]
        self.assertNotEqual(pictures, [])
        for picture in pictures:
            self.assertLess(picture.count("\n"), rows)
            up = re.search(r"\x1b\[(\d+)A", picture)
            self.assertLess(int(up[1]) if up else 0, rows)
        self.assertTrue(any("more:" in picture for picture in pictures))
        # In the end everything stands there.
        self.assertEqual(last.count("PASS"), len(rack_ports()))

    def test_colour_only_for_those_who_want_it(self):
        os.environ["NO_COLOR"] = "1"
        self.addCleanup(os.environ.pop, "NO_COLOR")
        terminal = Terminal(self.line, "job", "start", "tone", "--once", "--watch")
        self.assertNotIn("\x1b[32m", terminal.read_until("finished"))
        self.assertEqual(terminal.end(), 0)

    def test_a_gangd_that_dies_is_not_the_end_of_the_job(self):
        job = self.line.start_job()
        watch = subprocess.Popen([BIN / "gangctl", "--socket", self.line.socket, "job", "watch",
                                  job], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        watch.stdout.readline()
        self.line.kill()
        said, complaint = watch.communicate(timeout=PATIENCE)
        self.assertEqual(watch.returncode, 3)
        self.assertIn("as far as it was seen", said)
        # A process that is being killed still listens for a moment.
        self.assertRegex(complaint, "start gangd|is not available")
        self.assertIn(f"gangctl job watch {job}", complaint)

    def test_output_that_nobody_takes_is_no_success(self):
        for words in (["station"], ["slots"], ["events"], ["--json", "job", "list"]):
            with open("/dev/full", "w", encoding="utf-8") as full:
                done = subprocess.run([BIN / "gangctl", "--socket", self.line.socket, *words],
                                      stdout=full, stderr=subprocess.PIPE, text=True, check=False)
            self.assertEqual(done.returncode, 3, words)
            self.assertIn("could not be written", done.stderr)


if __name__ == "__main__":
    unittest.main()
