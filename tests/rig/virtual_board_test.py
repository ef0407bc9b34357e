#!/usr/bin/env python3
"""The firmware that ships, on chip models, programmed by dfu-util as it is packaged.

  tests/rig/virtual_board_test.py     started by ctest, below tests/rig/with-rack
"""
import concurrent.futures
import json
import pathlib
import random
import subprocess
import tempfile
import unittest

import packaged

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
        return packaged.dfu_util("--serial", board["serial"], "--alt", "0", "--dfuse-address",
                                 hex(ADDRESS), "--download", self.image, seconds=SECONDS)

    def upload(self, board, size):
        back = self.image.with_name(f"back of {board['port']}")
        done = packaged.dfu_util("--serial", board["serial"], "--alt", "0", "--dfuse-address",
                                 f"{ADDRESS:#x}:{size}", "--upload", back, seconds=SECONDS)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        return back.read_bytes()

    def test_dfu_util_lists_every_board(self):
        listed = packaged.dfu_util("--list", seconds=SECONDS).stdout
        for board in self.boards:
            self.assertIn(f'serial="{board["serial"]}"', listed)
        self.assertEqual(listed.count("Found DFU: [1209:0001]"), len(self.boards))

    def test_lsusb_reads_what_stands_in_the_bos_descriptor(self):
        lines = [f"PlatformCapabilityUUID    {{{uuid}}}"
                 for uuid in ("d8dd60df-4589-4cc7-9cd2-659d9e648a9f",
                              "09216854-0f30-4433-8651-a9b986d1afe7")]

        def has_all(listed):
            return all(listed.count(line) == len(self.boards) for line in lines)
        listed = packaged.lsusb("-d", "1209:0001", until=has_all, seconds=SECONDS)
        self.assertTrue(has_all(listed), listed[:4000])

    def test_a_mebibyte_is_read_back_as_it_was_written(self):
        self.image.write_bytes(random.Random(2).randbytes(1 << 20))
        done = self.download(self.boards[3])
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertEqual(self.upload(self.boards[3], 1 << 20), self.image.read_bytes())

    def test_eight_work_at_once(self):
        boards = self.boards[4:12]
        with concurrent.futures.ThreadPoolExecutor(len(boards)) as threads:
            done = list(threads.map(self.download, boards))
            for board, one in zip(boards, done, strict=True):
                self.assertEqual(one.returncode, 0, one.stdout + one.stderr)
                self.assertEqual(self.upload(board, SIZE), self.image.read_bytes())

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
