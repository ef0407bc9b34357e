#!/usr/bin/env python3
"""What is wrong is named in one clear sentence, and nothing is lost by it."""
import os
import subprocess
import unittest

from line import FLASH, LineTest, check_record, until


class RefusalTest(LineTest):
    def refused(self, *words):
        """gangd does not start, and says all `words` in one line."""
        status, said = self.line.run_to_its_end()
        self.assertEqual(status, 1, said)
        complaint = [line for line in said.splitlines() if line.startswith("gangd: ")]
        self.assertEqual(len(complaint), 1, said)
        for word in words:
            self.assertIn(word, complaint[0])
        self.assertNotIn("Sanitizer", said)

    def order_refused(self, *words):
        done = self.line.ctl("job", "start", "tone")
        self.assertEqual(done.returncode, 3, done.stdout)
        for word in words:
            self.assertIn(word, done.stderr)

    def test_unknown_key(self):
        self.line.write_config(head='ledgr = "x"')
        self.refused("station.toml:1", "ledgr", "ledger")

    def test_slot_mapped_twice(self):
        path = self.line.paths[0]
        self.line.write_config(slots=[("1", path), ("2", path)])
        self.refused("station.toml:11", 'slot "1" has this place')
        self.line.write_config(slots=[("1", path), ("1", path + ".1")])
        self.refused("station.toml", '"1"')

    def test_missing_config(self):
        self.line.config.unlink()
        self.refused("station.toml")

    def test_ledger_in_no_folder(self):
        self.line.write_config(ledger="missing/ledger.db")
        self.refused("missing/ledger.db", "folder must exist")

    @unittest.skipIf(os.geteuid() == 0, "root may write everywhere")
    def test_ledger_that_cannot_be_written(self):
        self.line.start().stop()
        self.line.ledger.chmod(0o400)
        self.refused("cannot be written")

    def test_ledger_of_another_kind(self):
        self.line.ledger.write_bytes(b"no database, but long enough to tell" * 100)
        self.refused("no ledger")

    def test_two_gangds_on_one_ledger(self):
        self.line.start()
        self.line.write_config(sockets="others")
        self.refused(f"process {self.line.gangd.pid} has it")
        self.assertEqual(self.line.ctl("station").returncode, 0)

    def test_socket_in_use(self):
        self.line.start()
        self.line.write_config(ledger="other.db")
        self.refused("operator.sock", "another gangd answers")
        self.assertEqual(self.line.ctl("station").returncode, 0)

    def test_socket_that_a_dead_gangd_left(self):
        self.line.start()
        self.line.kill()
        self.assertTrue(self.line.socket.exists())
        self.line.start()

    def test_something_else_in_the_place_of_the_socket(self):
        self.line.socket.parent.mkdir()
        self.line.socket.write_text("precious")
        self.refused("operator.sock", "no socket", "move it away")
        self.assertEqual(self.line.socket.read_text(), "precious")

    def test_socket_path_too_long(self):
        self.line.write_config(sockets="s" * 120)
        self.refused("shorter folder")

    def test_unknown_product(self):
        self.line.start()
        done = self.line.ctl("job", "start", "tune")
        self.assertEqual(done.returncode, 3)
        self.assertIn("tone", done.stderr)

    def test_unknown_slot(self):
        self.line.start()
        done = self.line.ctl("job", "start", "tone", "--slot", "99")
        self.assertEqual(done.returncode, 3)
        self.assertIn('no slot "99"', done.stderr)

    def test_missing_image(self):
        self.line.start()
        (self.line.folder / "products" / "tone.bin").unlink()
        self.order_refused("tone.bin")

    def test_mistake_in_a_product(self):
        self.line.start()
        self.line.write_product(extra="minute_max = 3")
        self.order_refused("tone.toml:1", "minutes_max")

    def test_image_larger_than_the_memory(self):
        # At the end of a memory of 128 MiB.
        self.line.start()
        product = self.line.folder / "products" / "tone.toml"
        product.write_text(product.read_text().replace(
            f"address = {FLASH}\n", f"address = {FLASH + 128 * 1024 * 1024 - 4096}\n"))
        status, said = self.line.run_job("--slot", "1")
        self.assertEqual(status, 1)
        self.assertIn("does not fit into the board's memories", said)

    def test_slot_of_another_job(self):
        self.line.start()
        job = self.line.start_job()
        self.order_refused(f"job {job}", f"gangctl job stop {job}")
        self.line.ctl("job", "stop", job)

    def test_no_gangd(self):
        done = self.line.ctl("slots")
        self.assertEqual(done.returncode, 3)
        self.assertIn("start gangd", done.stderr)

    def test_usage(self):
        for words in (["jobs"], ["job"], ["job", "start"], ["unit", "list", "--verdict", "good"]):
            self.assertEqual(self.line.ctl(*words).returncode, 2, words)

    def test_a_disk_that_fills_takes_no_boards_until_it_is_freed(self):
        with FullDisk(self.line) as disk:
            self.line.start()
            disk.fill()
            self.line.ctl("job", "start", "tone", "--request", "r-1")
            until(lambda: self.line.ctl("station").returncode == 1, "it takes no boards")
            station = self.line.ctl("station").stdout
            self.assertIn("disk is full", station)
            disk.free()
            until(lambda: self.line.ctl("station").returncode == 0, "it takes boards again")
            status, said = self.line.run_job("--request", "r-2")
            self.assertEqual(status, 0, said)
            check_record([e for e in self.line.events() if e["type"] != "job_started"
                          or e["event"]["request"] != "r-1"])
            self.assertEqual(self.line.stop(), 0)
            self.line.verify()


class FullDisk:
    """A small file system under the ledger, if this user may make one."""

    def __init__(self, line):
        self.folder = line.folder / "disk"
        self.folder.mkdir()
        self.ballast = self.folder / "ballast"
        line.ledger = self.folder / "ledger.db"
        line.write_config(ledger="disk/ledger.db")

    def __enter__(self):
        mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=1m", "tmpfs", self.folder],
                                 stderr=subprocess.DEVNULL, check=False)
        if mounted.returncode != 0:
            raise unittest.SkipTest("only root can make a disk that fills")
        return self

    def fill(self):
        with open(self.ballast, "wb", buffering=0) as ballast:
            try:
                while True:
                    ballast.write(bytes(512))
            except OSError:
                pass

    def free(self):
        self.ballast.unlink()

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.folder], check=True)


if __name__ == "__main__":
    unittest.main()
