#!/usr/bin/python3
"""Runs the firmware's ARM code in an emulator, against what the host computes.

What could break: assembler that hashes wrongly at some size or alignment, that uses the memory
below the stack pointer, which is an interrupt's, or more of the stack than it says; a compiler for
the chips that understands the C otherwise than the host's.
"""
import hashlib
import pathlib
import random
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
from arm_program import ArmProgram, ArmRun  # noqa: E402

ASSEMBLER = "target_fw/mcu/armv7m/sha256_blocks.S"
SOURCES = ["target_fw/core/sha256.c", "target_fw/core/crc32c.c", "target_fw/core/blank.c"]
STACK_OF_ASSEMBLER = 624  # as its header says
CRC32C_POLYNOMIAL = 0x82f63b78


def crc32c(content: bytes) -> int:
    crc = 0xffff_ffff
    for byte in content:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (CRC32C_POLYNOMIAL if crc & 1 else 0)
    return crc ^ 0xffff_ffff


class Armv7m(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.random = random.Random(1)

    def program(self, blocks: str, cpu: str = "cortex-m4") -> ArmRun:
        return ArmRun(ArmProgram(cpu, [*SOURCES, blocks], self.folder))

    def sha256(self, run: ArmRun, pieces: list[bytes], align: int) -> bytes:
        run.forget()
        state, digest = run.put(bytes(128)), run.put(bytes(32))
        run.call("sha256_begin", state)
        for piece in pieces:
            run.call("sha256_update", state, run.put(piece, align), len(piece))
        run.call("sha256_end", state, digest)
        return run.get(digest, 32)

    def hashes_all_sizes(self, run: ArmRun):
        for size in [*range(0, 131), 191, 192, 1000, 4096]:
            content = self.random.randbytes(size)
            expected = hashlib.sha256(content).digest()
            self.assertEqual(self.sha256(run, [content], size % 4), expected, size)
            cut = self.random.randrange(size + 1)
            self.assertEqual(self.sha256(run, [content[:cut], content[cut:]], 3), expected,
                             (size, cut))

    def test_c_hashes_as_the_host_does(self):
        self.hashes_all_sizes(self.program("target_fw/core/sha256_blocks.c"))

    def test_assembler_hashes_as_the_host_does(self):
        self.hashes_all_sizes(self.program(ASSEMBLER))
        self.hashes_all_sizes(self.program(ASSEMBLER, "cortex-m7"))

    def test_assembler_keeps_to_its_stack_and_to_its_arguments(self):
        run = self.program(ASSEMBLER)
        run.watch_stack()
        state = run.put(bytes(32))
        content = run.put(self.random.randbytes(640))
        around = run.put(b"\xee" * 64)
        run.call("sha256_blocks", state, content, 10)
        self.assertEqual(run.below_stack, [])
        self.assertLessEqual(run.stack_used, STACK_OF_ASSEMBLER)
        self.assertEqual(run.get(around, 64), b"\xee" * 64)
        # No block is no work.
        before = run.get(state, 32)
        run.call("sha256_blocks", state, content, 0)
        self.assertEqual(run.get(state, 32), before)

    def test_crc32c_is_that_of_the_standard(self):
        run = self.program("target_fw/core/sha256_blocks.c")
        for size in [*range(0, 40), 300]:
            content = self.random.randbytes(size)
            run.forget()
            self.assertEqual(run.call("crc32c_update", 0, run.put(content, size % 4), size),
                             crc32c(content), size)

    def test_a_single_bit_is_not_blank(self):
        run = self.program("target_fw/core/sha256_blocks.c")
        for size in range(0, 40):
            run.forget()
            at = run.put(b"\xff" * size + b"\0", size % 4)
            self.assertEqual(run.call("is_blank", at, size), 1, size)
            for wrong in range(size):
                content = bytearray(b"\xff" * size)
                content[wrong] ^= 1 << wrong % 8
                run.forget()
                self.assertEqual(run.call("is_blank", run.put(bytes(content), size % 4), size), 0)


if __name__ == "__main__":
    unittest.main()
