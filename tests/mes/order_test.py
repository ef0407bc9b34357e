#!/usr/bin/python3
"""A MES drives the station, and the station asks its MES: each answer and each refusal."""
import json
import sqlite3
import subprocess
import unittest

from mes_line import TOP, KeptMes, MesLine, free_port, rack, rack_ports, until

DRIVE = TOP / "deploy" / "mes-example" / "drive.py"
PATIENCE = 120


class OrderTest(unittest.TestCase):
    """In with-rack, with two boards."""

    def begin(self, line=None, **mes):
        self.line = line or MesLine()
        self.addCleanup(self.line.close)
        self.mes = KeptMes(self.line, **mes)
        self.addCleanup(self.mes.stop)
        self.mes.start().ready()
        self.line.start()

    def drive(self, *words):
        """What drive.py printed, and what it complained of."""
        done = subprocess.run([DRIVE, f"unix:{self.line.socket}", *words], text=True, check=False,
                              timeout=PATIENCE, capture_output=True)
        return [json.loads(line) for line in done.stdout.splitlines()], done.stderr

    def test_who_knows_reflection_only_lists_slots_and_starts_a_job(self):
        self.begin()
        answer, _ = self.drive("slots")
        self.assertEqual([slot["name"] for slot in answer[0]["slots"]], ["1", "2"])
        answers, complaint = self.drive("order", "WO-7", "tone", "2")
        self.assertEqual(complaint, "")
        last = answers[-1]["job"]
        self.assertEqual((last["work_order"], last["quantity"], last["units_passed"]),
                         ("WO-7", "2", "2"))
        self.assertEqual(last["reason"], "finished")
        until(lambda: len(self.mes.rows("SELECT 1 FROM report WHERE work_order = 'WO-7'")) == 2,
              "both are reported")

    def test_a_watch_goes_on_behind_its_token(self):
        self.begin()
        answers, _ = self.drive("order", "WO-7", "tone", "2")
        tokens = [answer["token"] for answer in answers if "token" in answer]
        self.assertEqual(len(tokens), 2)
        for n, token in enumerate(tokens):
            again, complaint = self.drive("--after", token, "order", "WO-7", "tone", "2")
            self.assertEqual(complaint, "")
            self.assertEqual([answer["token"] for answer in again if "token" in answer],
                             tokens[n + 1:])
        for token, words in (("1-1", "has no verdict"), ("x", "is no id")):
            _, complaint = self.drive("--after", token, "order", "WO-7", "tone", "2")
            self.assertIn(words, complaint)
        _, complaint = self.drive("order", "WO-7", "tone", "3")
        self.assertIn("was another order", complaint)

    def test_a_quantity_is_of_units_and_a_stop_ends_it(self):
        self.begin()
        job = self.line.start_job("--work-order", "WO-8", "--quantity", "3")
        until(lambda: self.line.jobs()[-1]["units_passed"] == "2", "both pass")
        rack("replug", rack_ports()[0])
        until(lambda: self.line.jobs()[-1]["passed"] == "3", "one passes again")
        self.assertEqual(self.line.jobs()[-1]["units_passed"], "2")
        self.assertTrue(self.line.jobs()[-1]["running"])
        _, complaint = self.drive("stop", job)
        self.assertEqual(complaint, "")
        self.assertEqual(self.line.wait_for(job)["reason"], "stopped")

    def test_a_unit_that_the_mes_refuses_fails_with_its_words(self):
        self.begin()
        uid = json.loads(rack("list"))[0]["serial"]
        self.mes.rows("INSERT INTO blocked VALUES(?, 'scrapped last week')", uid)
        status, said = self.line.run_job()
        self.assertEqual(status, 1)
        self.assertIn("scrapped last week", said)
        until(lambda: len(self.mes.rows("SELECT 1 FROM report")) == 2, "both are reported")
        self.assertEqual(self.mes.rows("SELECT serial, verdict, allowed_by FROM report "
                                       "WHERE uid = ?", uid), [("", "FAIL", "UNSPECIFIED")])

    def test_without_a_mes_within_numbers_the_line_goes_on(self):
        self.begin()
        self.line.write_product(ahead=4)
        status, said = self.line.run_job("--slot", "1")
        self.assertEqual(status, 0, said)
        until(lambda: self.line.ask("station")[0].get("mes_trouble", "") == "", "it is all told")
        self.mes.stop()
        status, said = self.line.run_job("--slot", "2")
        self.assertEqual(status, 0, said)
        until(lambda: self.line.ask("station")[0].get("mes_trouble", "") != "", "it is said")
        # The next life knows the numbers, and what was not told.
        self.assertEqual(self.line.stop(), 0)
        self.line.start()
        self.mes.start()
        until(lambda: [row[0] for row in self.mes.rows(
            "SELECT allowed_by FROM report ORDER BY sequence")] == ["MES", "LEASE"],
              "the MES has both")

    def heard(self):
        return self.mes.rows("SELECT 1 FROM heard WHERE what = 'report'")

    def test_a_ledger_that_was_put_back_is_noticed(self):
        self.begin()
        self.assertEqual(self.line.run_job("--slot", "1")[0], 0)
        until(lambda: len(self.mes.rows("SELECT 1 FROM report")) == 1, "it is reported")
        self.assertEqual(self.line.stop(), 0)
        with sqlite3.connect(self.line.ledger) as ledger:
            ledger.execute("DELETE FROM outbox")
        before = len(self.heard())  # one, or more if an answer was late
        self.line.start()
        until(lambda: len(self.heard()) > before, "it is told again")
        self.assertEqual(self.line.ask("station")[0].get("mes_trouble", ""), "")
        # As if a lost ledger of this station had told another.
        self.assertEqual(self.line.stop(), 0)
        self.mes.rows("UPDATE report SET message = 'x'")
        with sqlite3.connect(self.line.ledger) as ledger:
            ledger.execute("DELETE FROM outbox")
        self.line.start()
        until(lambda: "copy of its ledger" in self.line.ask("station")[0].get("mes_trouble", ""),
              "it is said")

    def test_certificates_are_shown_and_looked_at(self):
        line = MesLine(address="127.0.0.1:0")
        make_certificates(line.folder)
        port = free_port()
        line.address = f"127.0.0.1:{port}"
        line.certificates = 'ca = "ca.pem"\ncert = "gangd.pem"\nkey = "gangd.key"\n'
        line.write_config()
        options = [word for name in ("ca", "cert", "key") for word in
                   (f"--{name}", line.folder / {"ca": "ca.pem", "cert": "mes.pem",
                                                "key": "mes.key"}[name])]
        self.begin(line, listen=f"127.0.0.1:{port}", options=options)
        self.assertEqual(line.run_job("--slot", "1")[0], 0)
        # Another CA's MES is none.
        self.assertEqual(line.stop(), 0)
        line.certificates = line.certificates.replace("ca.pem", "other.pem")
        line.write_config()
        line.start()
        line.start_job("--slot", "2")
        until(lambda: "no answer" in line.ask("station")[0].get("mes_trouble", ""), "it is refused")
        self.assertEqual(line.stop(), 0)
        line.certificates = line.certificates.replace("other.pem", "missing.pem")
        line.write_config()
        status, said = line.run_to_its_end()
        self.assertEqual(status, 1)
        self.assertIn("missing.pem", said)


def make_certificates(folder):
    def openssl(*words):
        subprocess.run(["openssl", *words], cwd=folder, check=True, capture_output=True)
    for ca in ("ca", "other"):
        openssl("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes",
                "-keyout", f"{ca}.key", "-out", f"{ca}.pem", "-subj", f"/CN={ca}", "-days", "2")
    (folder / "names").write_text("subjectAltName = IP:127.0.0.1\n")
    for name in ("mes", "gangd"):
        openssl("req", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                f"{name}.key", "-out", f"{name}.csr", "-subj", f"/CN={name}")
        openssl("x509", "-req", "-in", f"{name}.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-out",
                f"{name}.pem", "-days", "2", "-extfile", "names")


if __name__ == "__main__":
    unittest.main()
