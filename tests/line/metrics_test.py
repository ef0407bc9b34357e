#!/usr/bin/env python3
"""/metrics of a gangd that works: the families that dashboards/ is written for, and its counts."""
import re
import unittest
import urllib.request

from line import TOP, LineTest, until


class MetricsTest(LineTest):
    def page(self):
        where = re.search(r"http://127\.0\.0\.1:\d+/", self.line.log_text())
        with urllib.request.urlopen(where[0] + "metrics", timeout=60) as answer:
            self.assertEqual(answer.headers["Content-Type"],
                             "text/plain; version=0.0.4; charset=utf-8")
            return answer.read().decode()

    def value(self, page, sample):
        return float(re.search(rf"(?m)^{re.escape(sample)} (.*)$", page)[1])

    def test_counts_what_was_done(self):
        with open(self.line.config, "a", encoding="utf-8") as config:
            config.write("[web]\nport = 0\n")
        self.line.start()
        before = self.page()
        self.assertEqual(self.value(before, "gangd_taking_boards"), 1)
        job = self.line.start_job()
        self.assertEqual(self.value(self.page(), "gangd_jobs_running"), 1)
        boards = len(self.line.paths)
        until(lambda: self.line.jobs()[-1]["passed"] == str(boards), "all boards pass")
        page = self.page()
        self.assertEqual(self.value(page, 'gangd_attempts_total{product="tone",verdict="pass"}'),
                         boards)
        self.assertEqual(self.value(page, 'gangd_cycle_seconds_count{product="tone"}'), boards)
        # Image and serial.
        self.assertEqual(self.value(page, 'gangd_written_bytes_total{product="tone"}'),
                         boards * (len(self.line.image) + 32))
        self.assertEqual(self.value(page, 'gangd_slot_state{slot="1",state="ended"}'), 1)
        self.assertEqual(self.value(page, "gangd_ledger_failures_total"), 0)
        self.assertEqual(self.line.ctl("job", "stop", job).returncode, 0)
        self.assertEqual(self.value(self.page(), "gangd_jobs_running"), 0)
        kept = (TOP / "tests/unit/web/metrics.txt").read_text()
        self.assertEqual(re.findall(r"(?m)^# TYPE .*$", page), re.findall(r"(?m)^# TYPE .*$", kept))


if __name__ == "__main__":
    unittest.main()
