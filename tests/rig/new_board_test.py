#!/usr/bin/env python3
"""A board of one's own, as target_fw/boards/README.md says: the template copied and built, and no
other file touched. Its flash is in no table.

  tests/rig/new_board_test.py   started by ctest, below tests/rig/with-rack with the one board
                                emu:stm32h7s7/PART/unlisted, which starts in the ROM
"""
import json
import pathlib
import random
import shutil
import subprocess
import tempfile
import time
import unittest

import packaged

TOP = pathlib.Path(__file__).resolve().parents[2]
FIRMWARE = TOP / "target_fw"
RACK = TOP / "tests" / "rig" / "rack"
RAM = 0x24040000
FLASH = 0x70000000
SECONDS = 200


def run(*command):
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, timeout=SECONDS,
                          check=False)
    if done.returncode != 0:
        raise AssertionError(f"{command}: {done.stdout}{done.stderr}")
    return done.stdout.strip()


class NewBoardTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)
        self.port = json.loads(run(RACK, "list"))[0]["port"]

    def build(self):
        board = self.folder / "boards" / "my-board"
        shutil.copytree(FIRMWARE / "boards" / "template", board)
        source = (board / "board.c").read_text()
        (board / "board.c").write_text(source.replace('"template"', '"my-board"')
                                       .replace('"your board"', '"MY BOARD"'))
        build = self.folder / "build"
        run("cmake", "-S", FIRMWARE, "-B", build, "-G", "Ninja",
            f"-DGANGD_MORE_BOARDS={board.parent}")
        printed = run("cmake", "--build", build, "--target", "firmware/my-board-ram.bin",
                      "firmware/my-board-resident.bin")
        self.assertIn("my-board-ram: program", printed)
        self.assertIn("my-board-resident: program", printed)
        return build / "firmware"

    def dfu_util(self, *arguments):
        done = packaged.dfu_util("--path", self.port, *arguments, seconds=SECONDS)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)

    def until_seen(self, device):
        deadline = time.monotonic() + SECONDS
        while json.loads(run(RACK, "list"))[0].get("id") != device:
            self.assertLess(time.monotonic(), deadline, run(RACK, "state", self.port))
            time.sleep(0.1)

    def flash_keeps_what_is_written(self, seed):
        data, back = self.folder / "data.bin", self.folder / "back.bin"
        data.write_bytes(random.Random(seed).randbytes(12345))
        back.unlink(missing_ok=True)
        self.dfu_util("-a", 0, "-s", f"{FLASH:#x}", "-D", data)
        self.dfu_util("-a", 0, "-s", f"{FLASH:#x}:12345", "-U", back)
        self.assertEqual(back.read_bytes(), data.read_bytes())

    def test_copy_of_the_template_is_built_and_programs_a_flash_of_no_table(self):
        images = self.build()
        self.until_seen("0483:df11")
        self.dfu_util("-a", 0, "-s", f"{RAM:#x}:force:leave", "-D", images / "my-board-ram.bin")
        self.until_seen("1209:0001")
        self.assertIn("MY BOARD", packaged.lsusb(until=lambda listed: "MY BOARD" in listed,
                                                 seconds=SECONDS))
        self.flash_keeps_what_is_written(1)
        # And the loader that stays, which finds nothing to boot.
        run(RACK, "unplug", self.port)
        run(RACK, "load", self.port, images / "my-board-resident.elf")
        run(RACK, "boot-pin", self.port, "flash")
        run(RACK, "plug", self.port)
        self.until_seen("1209:0001")
        self.flash_keeps_what_is_written(2)
        self.assertEqual(run(RACK, "complaints", self.port), "")


if __name__ == "__main__":
    unittest.main()
