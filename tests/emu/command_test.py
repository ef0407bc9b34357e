#!/usr/bin/env python3
"""The command `emu`: what it takes, what it says, and with which status.

  tests/emu/command_test.py BUILD      BUILD: the folder of the build
"""
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import time
import unittest

BUILD = pathlib.Path(sys.argv.pop()).resolve()
EMU = BUILD / "bin" / "emu"
FIRMWARE = BUILD / "firmware"
PROGRAMS = FIRMWARE / "emu"
EXCEPTIONS = PROGRAMS / "exceptions-chip.elf"
CODE = "0x24040000"
SECONDS = 120


def emu(*arguments):
    done = subprocess.run([EMU, *map(str, arguments)], capture_output=True, text=True,
                          timeout=SECONDS, check=False)
    return done.returncode, done.stdout, done.stderr


def objcopy(form, elf, to):
    subprocess.run(["arm-none-eabi-objcopy", "-O", form, elf, to], check=True)


class CommandTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def run_to(self, *arguments):
        status, said, error = emu("--chip", "stm32h7s7", *arguments)
        self.assertEqual((status, error), (0, ""), said)
        return said

    def test_runs_elf_hex_and_bytes_alike(self):
        objcopy("ihex", EXCEPTIONS, self.folder / "a.hex")
        objcopy("binary", EXCEPTIONS, self.folder / "a.bin")
        elf = self.run_to("--load", EXCEPTIONS, "--boot", CODE, "--until", "passed_here")
        self.assertRegex(elf, r"^stopped: reached 0x240\w+ passed after 0\.\d+ s and \d+ instr")
        address = elf.split()[2]
        for form in "a.hex", f"a.bin@{CODE}":
            said = self.run_to("--load", self.folder / form, "--boot", CODE, "--until", address)
            self.assertEqual(said.replace(address, ""),
                             elf.replace(address, "").replace(" passed", ""))

    def test_ends_at_a_time(self):
        said = self.run_to("--load", EXCEPTIONS, "--boot", CODE, "--until", "0.25")
        self.assertIn("time is over", said)
        self.assertIn("after 0.250000 s", said)

    def test_calls_functions(self):
        source = self.folder / "f.c"
        source.write_text("int sum(int a, int b, int c, int d, int e) "
                          "{ return a + b + c + d + 100 * e; }\n"
                          "static int count; int next(void) { return ++count; }\n")
        elf = self.folder / "f.elf"
        subprocess.run(["arm-none-eabi-gcc", "-mcpu=cortex-m7", "-mthumb", "-O1", "-nostdlib",
                        "-Wl,-Ttext=0x24000000,-e,sum", source, "-o", elf], check=True)
        said = self.run_to("--load", elf, "--call", "sum,1,2,3,4,5", "--call", "next",
                           "--call", "next")
        self.assertEqual([line.split(",")[0] for line in said.splitlines()],
                         ["returned 0x1fe", "returned 0x1", "returned 0x2"])

    def test_a_violation_has_a_trace(self):
        status, said, _ = emu("--chip", "stm32h7s7", "--load", PROGRAMS / "protection-chip.elf",
                              "--boot", CODE, "--until", "1")
        self.assertEqual(status, 1)
        lines = said.splitlines()
        self.assertEqual(lines[0],
                         "violation: a write of 4 bytes at 0x20004000 that the MPU forbids")
        self.assertRegex(lines[1], r"^at 0x240\w+ run\+0x\w+, ")
        self.assertIn("last accesses to registers:", lines)
        self.assertTrue(any("0xe000ed94 <- 0x5" in line for line in lines), said)

    def test_traces_accesses(self):
        status, _, trace = emu("--chip", "stm32h7s7", "--load", EXCEPTIONS, "--boot", CODE,
                               "--until", "passed_here", "--trace")
        self.assertEqual(status, 0)
        self.assertRegex(trace, r"run\+0x\w+: 0xe000e100 <- 0x7")
        self.assertIn("exception 17 at ", trace)

    def test_says_what_to_type_instead(self):
        cut = self.folder / "cut.elf"
        cut.write_bytes(EXCEPTIONS.read_bytes()[:70])
        for arguments, sentence in [
                ([], "which --chip?"),
                (["--chip", "z80"], "no chip 'z80'"),
                (["--chip", "stm32h7s7", "--nor", "none-such"], "no flash part 'none-such'"),
                (["--board", "none"], "no board 'none'; there are stm32h7s78-dk"),
                (["--chip", "stm32h7s7", "--load", "/dev/null"], "it is empty"),
                (["--chip", "stm32h7s7", "--load", "/none"], "/none: No such file"),
                (["--chip", "stm32h7s7", "--load", EMU], "not an ELF for 32-bit ARM"),
                (["--chip", "stm32h7s7", "--load", cut], "damaged ELF"),
                (["--chip", "stm32h7s7", "--load", f"{EXCEPTIONS}@0"], "leave out '@'"),
                (["--chip", "stm32h7s7", "--load", f"{__file__}@0x10000000"], "has no memory"),
                (["--chip", "stm32h7s7", "--load", __file__], "FILE@ADDRESS"),
                (["--chip", "stm32h7s7", "--until", "-1"], "between 0 and"),
                (["--chip", "stm32h7s7", "--boot", "nowhere"], "has a 'nowhere'"),
                (["--chip", "stm32h7s7", "--boot", "rom"], "it needs --usb"),
                (["--chip", "stm32h7s7", "--usb", "s", "--until", "main"], "no address")]:
            status, _, error = emu(*arguments)
            self.assertEqual(status, 2, (arguments, error))
            self.assertIn(sentence, error)

    def test_nothing_to_start_is_told(self):
        status, said, _ = emu("--chip", "stm32h7r7", "--until", "1")
        self.assertEqual(status, 1)
        self.assertIn("the vectors at 0x08000000 are blank", said)

    def test_serves_usb_beginning_in_the_rom(self):
        path = self.folder / "usb"
        with subprocess.Popen([EMU, "--board", "nucleo-h7s3l8", "--usb", path],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as served:
            self.assertTrue(served.stdout.readline().startswith("ready"))
            with socket.socket(socket.AF_UNIX) as control:
                control.settimeout(SECONDS)
                control.connect(f"{path}.control")
                control.sendall(b"list\n")
                self.assertIn(b"0483:df11", control.recv(4096))
            deadline = time.monotonic() + SECONDS
            served.stdin.close()
            while served.poll() is None and time.monotonic() < deadline:
                time.sleep(0.02)
            self.assertEqual(served.returncode, 0)

    def serve(self, *arguments):
        """Until it ends by itself: its input does not."""
        reads, writes = os.pipe()
        self.addCleanup(os.close, writes)
        with open(reads, "rb") as endless:
            done = subprocess.run([EMU, *map(str, arguments), "--usb", self.folder / "usb"],
                                  stdin=endless, capture_output=True, text=True, timeout=SECONDS,
                                  check=False)
        return done.returncode, done.stdout, done.stderr

    def test_serving_ends_at_a_time_of_the_board(self):
        status, said, error = self.serve("--board", "nucleo-h7s3l8", "--until", "0.5")
        self.assertEqual((status, error), (0, ""))
        self.assertEqual(said.splitlines()[-1], "stopped: time is over, in the ROM's bootloader")
        loader = FIRMWARE / "nucleo-h7s3l8-ram.elf"
        status, said, error = self.serve("--board", "nucleo-h7s3l8", "--load", loader, "--boot",
                                         CODE, "--until", "0.5")
        self.assertEqual((status, error), (0, ""))
        self.assertRegex(said.splitlines()[-1],
                         r"^stopped: time is over, at 0x2404\w+ .* after 0\.5\d+ s and \d+ instr")

    def test_serving_traces(self):
        loader = FIRMWARE / "nucleo-h7s3l8-ram.elf"
        status, _, trace = self.serve("--board", "nucleo-h7s3l8", "--load", loader, "--boot", CODE,
                                      "--until", "0.05", "--trace")
        self.assertEqual(status, 0)
        # Not all of it is shown if it fails: it is long.
        self.assertRegex(trace[:20000], r"(?m)^0x2404\w+ clocks_start\+0x\w+: PWR 0x5802480c")

    def test_serving_tells_a_violation_by_its_status(self):
        status, _, error = self.serve("--chip", "stm32h7s7", "--load",
                                      PROGRAMS / "protection-chip.elf", "--boot", CODE, "--until",
                                      "0.5")
        self.assertEqual(status, 1)
        self.assertIn("violation: a write of 4 bytes at 0x20004000 that the MPU forbids", error)
        status, _, error = self.serve("--chip", "stm32h7s7", "--load",
                                      PROGRAMS / "protection-chip.elf", "--boot", CODE, "--until",
                                      "0.5", "--take-faults")
        self.assertEqual((status, error), (0, ""))


if __name__ == "__main__":
    unittest.main()
