#!/usr/bin/env python3
"""A gangd, as it is built, works on the rack, and gangctl orders it about."""
import signal
import unittest

from line import PATIENCE, LineTest, check_record, rack, rack_ports, until


class JobTest(LineTest):
    def test_all_boards_pass_and_hold_what_the_record_says(self):
        self.line.start()
        status, said = self.line.run_job()
        self.assertEqual(status, 0, said)
        slots = self.line.slots()
        self.assertEqual(len(slots), len(rack_ports()))
        for slot in slots:
            self.assertEqual(slot["outcome"]["verdict"], "VERDICT_PASS")
            self.assertTrue(self.line.holds(slot), slot["name"])
        ends = check_record(self.line.events())
        self.assertEqual(len(ends), len(slots))
        self.assertEqual(self.line.stop(), 0)
        self.line.verify()

    def test_a_board_that_is_put_back_keeps_its_serial(self):
        self.line.start()
        port = rack_ports()[0]
        job = self.line.start_job("--slot", "1")
        until(lambda: self.line.jobs()[-1]["passed"] == "1", "the first pass")
        serial = self.line.slots()[0]["numbers"][0]["value"]
        rack("replug", port)
        until(lambda: self.line.jobs()[-1]["passed"] == "2", "the second pass")
        self.assertEqual(self.line.slots()[0]["numbers"][0]["value"], serial)
        self.assertEqual(self.line.ctl("job", "stop", job).returncode, 0)
        unit = self.line.ask("unit", "show", serial)[0]
        self.assertEqual(unit["attempts"], "2")

    def test_a_board_that_is_pulled_fails_and_says_so_until_the_next_comes(self):
        self.line.add_long_image()
        self.line.start()
        port = rack_ports()[0]
        rack("slow", port, "on")
        job = self.line.start_job("--slot", "1", "--once")
        until(lambda: self.line.slots()[0]["step"] == "erase", "it erases")
        rack("unplug", port)
        ended = self.line.wait_for(job)
        self.assertEqual((ended["failed"], ended["passed"]), ("1", "0"))
        self.assertIn("unplugged", self.line.slots()[0]["outcome"]["reason"])
        rack("plug", port)
        rack("slow", port, "off")

    def test_a_fail_that_must_be_seen_stands_until_somebody_says_so(self):
        self.line.write_config(head='acknowledge = "fail"')
        self.line.start()
        port = rack_ports()[0]
        rack("skip", port, "20")  # a page: to skip the erase of a blank block does no harm
        self.assertEqual(self.line.run_job("--slot", "1")[0], 1)
        rack("unplug", port)
        self.line.kill()
        self.line.start()
        slot = self.line.slots()[0]
        self.assertEqual((slot["state"], slot["acknowledgement"]),
                         ("SLOT_STATE_ENDED", "ACKNOWLEDGEMENT_WANTED"))
        self.assertIn("holds something else", slot["outcome"]["reason"])
        seen = self.line.ctl("acknowledge", "1")
        self.assertEqual(seen.returncode, 0, seen.stderr)
        until(lambda: self.line.slots()[0]["state"] == "SLOT_STATE_EMPTY", "the slot is free")
        self.assertEqual(self.line.ctl("acknowledge", "1").returncode, 3)
        records = [event for event in self.line.events()
                   if event["type"] == "attempt_acknowledged"]
        self.assertEqual([event["event"]["role"] for event in records], ["operator"])
        self.assertEqual([event["event"]["attempt"] for event in records], [slot["attempt"]])
        self.assertEqual(self.line.stop(), 0)
        self.line.verify()
        rack("plug", port)

    def test_a_chip_that_lies_fails(self):
        self.line.start()
        rack("skip", rack_ports()[0], "3")
        status, said = self.line.run_job("--slot", "1")
        self.assertEqual(status, 1, said)
        self.assertIn("holds something else", said)

    def test_stopped_attempts_are_unknown(self):
        self.line.add_long_image()
        self.line.start()
        rack("slow", rack_ports()[0], "on")
        job = self.line.start_job()
        until(lambda: self.line.slots()[0]["step"] == "erase", "it erases")
        self.assertEqual(self.line.ctl("job", "stop", job).returncode, 0)
        ended = self.line.wait_for(job)
        self.assertNotEqual(ended["unknown"], "0")
        rack("slow", rack_ports()[0], "off")

    def test_a_signal_ends_it_in_order(self):
        self.line.start()
        self.line.start_job()
        self.line.gangd.send_signal(signal.SIGINT)
        # Not stop(): a second signal ends it at once.
        self.assertEqual(self.line.gangd.wait(PATIENCE), 0)
        self.line.verify()

    def test_killed_it_marks_what_it_left_and_goes_on(self):
        self.line.add_long_image()
        self.line.start()
        rack("slow", rack_ports()[0], "on")
        self.line.start_job("--request", "r-1")
        until(lambda: self.line.slots()[0]["step"] == "erase", "it erases")
        self.line.kill()
        rack("slow", rack_ports()[0], "off")
        self.line.start()
        # The same order leads to the same job, which ended with that gangd.
        job = self.line.start_job("--request", "r-1")
        self.assertEqual(self.line.wait_for(job)["reason"], "interrupted")
        status, said = self.line.run_job()
        self.assertEqual(status, 0, said)
        ends = check_record(self.line.events())
        self.assertIn("UNKNOWN", [end["verdict"] for end in ends.values()])
        self.line.stop()
        self.line.verify()


if __name__ == "__main__":
    unittest.main()
