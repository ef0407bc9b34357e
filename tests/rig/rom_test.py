#!/usr/bin/env python3
"""Boards that start in the bootloader of their chip's ROM, driven by dfu-util as it is packaged.

  tests/rig/rom_test.py     started by ctest, below tests/rig/with-rack --rom application=1209:0002
"""
import json
import pathlib
import random
import re
import subprocess
import tempfile
import time
import unittest

import packaged

RACK = pathlib.Path(__file__).resolve().parent / "rack"
RAM = 0x24040000
INTERNAL = 0x08000000
EXTERNAL = 0x90000000
SECONDS = 120


def rack(*command):
    answer = subprocess.run([RACK, *command], capture_output=True, text=True, check=True)
    return answer.stdout.strip()


def program(size, address=RAM, seed=1):
    """Bytes that a chip could start: stack pointer and entry, then anything."""
    vectors = (0x24072000).to_bytes(4, "little") + (address + 0x101).to_bytes(4, "little")
    return vectors + random.Random(seed).randbytes(size - len(vectors))


class RomTest(unittest.TestCase):
    def setUp(self):
        self.ports = [board["port"] for board in json.loads(rack("list"))]
        self.port = self.ports[0]
        rack("replug", self.port)
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def dfu_util(self, *arguments):
        return packaged.dfu_util("--path", self.port, *arguments, seconds=SECONDS)

    def download(self, data, address, *, alt=0, more=""):
        file = self.folder / "data.bin"
        file.write_bytes(data)
        return self.dfu_util("--alt", str(alt), "--dfuse-address", f"{address:#x}{more}",
                             "--download", file)

    def upload(self, size, address, *, alt=0, more=""):
        file = self.folder / "back.bin"
        file.unlink(missing_ok=True)
        done = self.dfu_util("--alt", str(alt), "--dfuse-address", f"{address:#x}:{size}{more}",
                             "--upload", file)
        return file.read_bytes() if done.returncode == 0 else done.stdout + done.stderr

    def listed(self):
        return packaged.dfu_util("--list", seconds=SECONDS).stdout

    def wait_for(self, ids):
        deadline = time.monotonic() + SECONDS
        while True:
            found = next(board for board in json.loads(rack("list"))
                         if board["port"] == self.port)
            if found.get("id") == ids:
                return
            self.assertLess(time.monotonic(), deadline, f"{ids} does not come: {found}")
            time.sleep(0.05)

    def start_loader(self):
        done = self.download(program(8192), RAM, more=":force:leave")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.wait_for("1209:0001")

    def test_all_look_the_same(self):
        serials = re.findall(r'0483:df11.*path="([^"]*)".*alt=0.*serial="([^"]*)"', self.listed())
        self.assertEqual(sorted(path for path, _ in serials), sorted(self.ports))
        self.assertEqual({serial for _, serial in serials}, {"200364500000"})
        self.assertIn("@Internal Flash   /0x08000000/08*08Kg", self.listed())

    def test_the_internal_flash_is_programmed_and_read_back(self):
        data = program(20 * 1024, INTERNAL)
        done = self.download(data, INTERNAL)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.upload(len(data), INTERNAL), data)
        self.assertEqual(rack("peek-internal", self.port, hex(INTERNAL), str(len(data))),
                         data.hex())

    def test_ram_that_was_written_reads_back(self):
        data = program(5000)
        done = self.download(data, RAM, more=":force")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.upload(len(data), RAM, more=":force"), data)

    def test_what_is_the_bootloaders_own_or_read_only_is_refused(self):
        for address in (0x24020000, 0x08FFF000, 0x1FF18000, EXTERNAL):
            done = self.download(bytes(64), address, more=":force")
            self.assertNotEqual(done.returncode, 0, hex(address))
        self.assertEqual(len(self.upload(64, 0x08FFF000, alt=1)), 64)

    def test_a_block_that_is_not_aligned_makes_the_next_fail(self):
        self.assertNotEqual(self.download(bytes(62), RAM, more=":force").returncode, 0)
        self.assertNotEqual(self.download(bytes(64), RAM, more=":force").returncode, 0)
        rack("replug", self.port)
        self.assertEqual(self.download(bytes(64), RAM, more=":force").returncode, 0)

    def test_what_was_put_into_the_ram_comes_back_as_our_loader(self):
        self.start_loader()
        listed = self.listed()
        self.assertRegex(listed, rf'1209:0001.*path="{self.port}".*"@Internal Flash')
        self.assertRegex(listed, rf'1209:0001.*path="{self.port}".*"@External Flash')
        internal, external = program(3008, INTERNAL, 2), program(70_000, EXTERNAL, 3)
        for alt, address, data in ((0, INTERNAL, internal), (1, EXTERNAL, external)):
            done = self.download(data, address, alt=alt)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertEqual(self.upload(len(data), address, alt=alt), data)
        self.assertEqual(rack("application", self.port), "none")
        done = self.download(internal, INTERNAL, more=":leave")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.wait_for("1209:0002")
        self.assertEqual(rack("application", self.port), hex(INTERNAL))
        self.assertEqual(bytes.fromhex(rack("peek", self.port, "0", str(len(external)))), external)
        rack("replug", self.port)
        self.wait_for("0483:df11")

    def test_bytes_that_cannot_be_a_program_kill_the_board_until_it_gets_new_power(self):
        done = self.download(bytes(4096), RAM, more=":force:leave")
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.wait_for(None)
        self.assertNotIn(f'path="{self.port}"', self.listed())
        rack("replug", self.port)
        self.assertIn(f'path="{self.port}"', self.listed())


if __name__ == "__main__":
    unittest.main()
