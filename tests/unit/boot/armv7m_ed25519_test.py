#!/usr/bin/python3
"""Runs the verifier of signatures as the chips' compiler makes it, in an emulator.

What could break: a compiler for the chips that understands the C otherwise than the host's; a stack
that is larger than the header says.
"""
import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[2] / "bench"))
from arm_program import STACK, STACK_SIZE, ArmProgram, ArmRun  # noqa: E402

SOURCES = ["target_fw/boot/ed25519.c", "target_fw/boot/sha512.c"]
STACK_MAX = 2048  # as ed25519.h says
# RFC 8032, 7.1, test 3.
KEY = bytes.fromhex("fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025")
MESSAGE = bytes.fromhex("af82")
SIGNATURE = bytes.fromhex(
    "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac"
    "18ff9b538d16f290ae67f760984dc6594a7c15e9716ed28dc027beceea1ec40a")


class Armv7mEd25519(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.run_of = ArmRun(ArmProgram("cortex-m7", SOURCES, folder.name), lists=False)

    def verifies(self, signature, key, message):
        run = self.run_of
        run.forget()
        run.core.mem_write(STACK - STACK_SIZE, b"\xa5" * STACK_SIZE)
        answer = run.call("ed25519_verify", run.put(signature), run.put(key), run.put(message),
                          len(message))
        return answer & 0xff

    def stack_used(self):
        stack = self.run_of.get(STACK - STACK_SIZE, STACK_SIZE)
        return len(stack.lstrip(b"\xa5"))

    def test_thinks_as_the_host_does(self):
        self.assertEqual(self.verifies(SIGNATURE, KEY, MESSAGE), 1)
        self.assertGreater(self.stack_used(), 500)
        self.assertLessEqual(self.stack_used(), STACK_MAX)
        print(f"ed25519_verify: {self.stack_used()} bytes of stack")
        for at in (0, 31, 32, 62):
            turned = bytearray(SIGNATURE)
            turned[at] ^= 4
            self.assertEqual(self.verifies(bytes(turned), KEY, MESSAGE), 0, at)
        self.assertEqual(self.verifies(SIGNATURE, KEY, MESSAGE + b"x" * 200), 0)


if __name__ == "__main__":
    unittest.main()
