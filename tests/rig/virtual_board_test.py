#!/usr/bin/env python3
"""The firmware that ships, on chip models, programmed by dfu-util as it is packaged.

  tests/rig/virtual_board_test.py     started by ctest, below tests/rig/with-rack
"""
import json
import pathlib
import random
import subprocess
import tempfile
import unittest

RACK = pathlib.Path(__file__).resolve().parent / "rack"
ADDRESS = 0x90000000
SIZE = 200_000
SECONDS = 120


def rack(*command):
    answer = subprocess.run([RACK, *command], capture_output=True, text=True, check=True)
    return answer.stdout.strip()


def cells(port, size=SIZE):
    return bytes.fromhex(rack("peek", port, "0", str(size)))


class VirtualBoardTest(unittest.TestCase):
    def setUp(self):
        self.boards = json.loads(rack("list"))
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.image = pathlib.Path(folder.name) / "image"
        self.image.write_bytes(random.Random(1).randbytes(SIZE))

    def download(self, board):
        return subprocess.run(
            ["dfu-util", "--serial", board["serial"], "--alt", "0",
             "--dfuse-address", hex(ADDRESS), "--download", self.image],
            capture_output=True, text=True, timeout=SECONDS, check=False)

    def test_what_dfu_util_writes_is_in_the_cells_of_that_chip_alone(self):
        first, second, *_ = self.boards
        done = self.download(second)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(cells(second["port"]), self.image.read_bytes())
        self.assertEqual(set(cells(first["port"])), {0xff})
        self.assertEqual(rack("complaints", second["port"]), "")

    def test_a_board_whose_power_fails_can_be_programmed_after_it_came_back(self):
        board = self.boards[2]
        rack("cut", board["port"], "20")
        self.assertNotEqual(self.download(board).returncode, 0)
        self.assertEqual(rack("is-cut", board["port"]), "yes")
        rack("replug", board["port"])
        done = self.download(board)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(cells(board["port"]), self.image.read_bytes())


if __name__ == "__main__":
    unittest.main()
