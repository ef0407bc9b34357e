#!/usr/bin/env python3
"""The images that ship, run instruction by instruction on models of their chips, driven by dfu-util
as it is packaged.

  tests/rig/emu_test.py FIRMWARE    started by ctest, below tests/rig/with-rack, with one board of
                                    each kind; FIRMWARE is the folder of the images

What could break: any register on the way from power-on in the ROM's bootloader to an application
that runs in external flash.
"""
import json
import pathlib
import random
import subprocess
import sys
import tempfile
import time
import unittest

import packaged
import painted_stack

TOP = pathlib.Path(__file__).resolve().parents[2]
RACK = TOP / "tests" / "rig" / "rack"
FIRMWARE = pathlib.Path(sys.argv.pop())
RAM = 0x24040000
INTERNAL = 0x08000000
INTERNAL_SIZE = 65536
MARK = "0x20000100"  # where tests/emu/firmware/xip.c writes
MARK_RUNS = 0x600d600d
UPDATE_RUNS = 0x600d600e
SECONDS = 120
# In the order of the rack: its name, where the flash is seen, the block of the boot header.
BOARDS = [("stm32h7s78-dk", 0x70000000, 0x701f0000),
          ("nucleo-h7s3l8", 0x70000000, 0x701f0000),
          ("custom-h7r7", 0x90000000, 0x901f0000)]
# All is done on this one; on the others, what there takes more of the machine's time is left out.
TAKES_LONG = "stm32h7s78-dk"


def rack(*command):
    answer = subprocess.run([RACK, *map(str, command)], capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        raise AssertionError(f"{command}: {answer.stdout}{answer.stderr}")
    return answer.stdout.strip()


class EmuTest(unittest.TestCase):
    def setUp(self):
        self.ports = [board["port"] for board in json.loads(rack("list"))]
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def on_each_board(self, act):
        for port, (name, window, header) in zip(self.ports, BOARDS):
            with self.subTest(name):
                act(port, name, window, header)
                self.assertEqual(rack("complaints", port), "")
                rack("unplug", port)

    def dfu_util(self, port, *arguments):
        done = packaged.dfu_util("--path", port, *arguments, seconds=SECONDS)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr + rack("state", port))

    def download(self, port, file, address, *, alt=0, more=""):
        self.dfu_util(port, "--alt", alt, "--dfuse-address", f"{address:#x}{more}", "--download",
                      file)

    def upload(self, port, size, address, *, alt=0):
        file = self.folder / "back.bin"
        file.unlink(missing_ok=True)
        self.dfu_util(port, "--alt", alt, "--dfuse-address", f"{address:#x}:{size}", "--upload",
                      file)
        return file.read_bytes()

    def wait(self, port, reached, what):
        deadline = time.monotonic() + SECONDS
        while not reached():
            self.assertLess(time.monotonic(), deadline, f"{what}: {rack('state', port)}")
            time.sleep(0.05)

    def until_seen(self, port, device):
        def seen():
            boards = {board["port"]: board for board in json.loads(rack("list"))}
            return boards[port].get("id") == device
        self.wait(port, seen, f"{device} is not seen")

    def until_runs(self, port, window, mark=MARK_RUNS):
        def runs():
            words = bytes.fromhex(rack("read", port, MARK, 12))
            if int.from_bytes(words[:4], "little") != mark:
                return False
            self.assertEqual(int.from_bytes(words[4:8], "little") & 0xff000000, window)
            self.assertEqual(int.from_bytes(words[8:12], "little"), window)
            return True
        self.wait(port, runs, "the application does not run")

    def application(self, window):
        return FIRMWARE / "emu" / f"xip-{window:08x}.bin"

    def start_loader(self, port, name):
        """Power-on in the ROM, the RAM loader, and back as our device."""
        rack("boot-pin", port, "rom")
        rack("replug", port)
        self.until_seen(port, "0483:df11")
        stack = self.paint(port, f"{name}-ram")
        rack("names", port, FIRMWARE / f"{name}-ram.elf")
        self.download(port, FIRMWARE / f"{name}-ram.bin", RAM, more=":force:leave")
        self.until_seen(port, "1209:0001")
        return stack

    def paint(self, port, image):
        """The stack of an image that does not run yet."""
        stack = painted_stack.PaintedStack(rack, port, FIRMWARE / f"{image}.elf")
        stack.paint(self.folder)
        return stack

    def assert_fits(self, stack):
        used = stack.used()
        self.assertGreater(used, 256, "nobody has used it: is it the stack?")
        self.assertLess(used, painted_stack.MOST, "the stack is full, or it was too small")

    def write_with_header(self, port, name, image, window, header, more=""):
        """An application, and then what vouches for it, each by a dfu-util of its own."""
        self.download(port, image, window)
        block = self.folder / "header.bin"
        subprocess.run([sys.executable, TOP / "target_fw" / "boot" / "make_header.py", image,
                        "--at", hex(window), "-o", block, "--board", name], check=True)
        self.download(port, block, header, more=more)

    def test_ram_loader_programs_both_flashes_and_starts_the_application(self):
        def act(port, name, window, _):
            stack = self.start_loader(port, name)
            # A boot image of one's own may fill the flash inside.
            size = INTERNAL_SIZE if name == TAKES_LONG else INTERNAL_SIZE // 8
            boot_image = self.folder / "boot.bin"
            boot_image.write_bytes(random.Random(1).randbytes(size))
            self.download(port, boot_image, INTERNAL, alt=1)
            self.assertEqual(self.upload(port, size, INTERNAL, alt=1), boot_image.read_bytes())
            self.assertEqual(bytes.fromhex(rack("read", port, INTERNAL, size)),
                             boot_image.read_bytes())
            data = self.folder / "data.bin"
            data.write_bytes(self.application(window).read_bytes() +
                             random.Random(2).randbytes(20000))
            self.download(port, data, window)
            self.assertEqual(self.upload(port, data.stat().st_size, window), data.read_bytes())
            self.assertEqual(bytes.fromhex(rack("peek", port, 0, data.stat().st_size)),
                             data.read_bytes())
            self.assert_fits(stack)
            self.dfu_util(port, "--alt", 0, "--dfuse-address", f"{window:#x}:leave")
            self.until_runs(port, window)
        self.on_each_board(act)

    def bring_resident(self, port, name, window, header):
        """By the RAM loader, and with it the application."""
        self.start_loader(port, name)
        self.assertFalse(self.resident_is_there(port, name))
        self.download(port, FIRMWARE / f"{name}-resident.bin", INTERNAL, alt=1)
        self.assertTrue(self.resident_is_there(port, name))
        self.write_with_header(port, name, self.application(window), window, header)
        rack("names", port, FIRMWARE / f"{name}-resident.elf")
        rack("boot-pin", port, "flash")
        rack("reset", port)

    @staticmethod
    def resident_is_there(port, name):
        resident = (FIRMWARE / f"{name}-resident.bin").read_bytes()
        return bytes.fromhex(rack("read", port, INTERNAL, len(resident))) == resident

    def test_dfu_util_alone_brings_a_resident_loader_that_boots_and_takes_updates(self):
        def act(port, name, window, header):
            if name == TAKES_LONG:
                self.bring_resident(port, name, window, header)
            else:
                rack("unplug", port)
                rack("boot-pin", port, "flash")
                rack("load", port, FIRMWARE / f"{name}-resident.elf")
                rack("plug", port)
                self.until_seen(port, "1209:0001")
                self.write_with_header(port, name, self.application(window), window, header,
                                       more=":leave")
            self.until_runs(port, window)
            stack = self.paint(port, f"{name}-resident")
            # An update: by the button into the resident loader, which lets the new one start.
            rack("button", port, "on")
            rack("reset", port)
            self.until_seen(port, "1209:0001")
            rack("button", port, "off")
            update = self.folder / "update.bin"
            update.write_bytes(self.application(window).read_bytes().replace(
                MARK_RUNS.to_bytes(4, "little"), UPDATE_RUNS.to_bytes(4, "little")))
            self.write_with_header(port, name, update, window, header, more=":leave")
            self.until_runs(port, window, UPDATE_RUNS)
            self.assert_fits(stack)
            # And from power-on, without a host.
            rack("unplug", port)
            # The answer would come when a device is seen, and the application is none.
            plug = subprocess.Popen([RACK, "plug", port], stdout=subprocess.DEVNULL)
            self.addCleanup(plug.wait)
            self.addCleanup(plug.kill)
            self.until_runs(port, window, UPDATE_RUNS)
            if name == TAKES_LONG:
                self.header_of_nothing_vouches_for_nothing(port, header)
        self.on_each_board(act)

    def header_of_nothing_vouches_for_nothing(self, port, header):
        """A header is taken away as it is written: with dfu-util."""
        rack("button", port, "on")
        rack("reset", port)
        self.until_seen(port, "1209:0001")
        rack("button", port, "off")
        nothing = self.folder / "nothing.bin"
        nothing.write_bytes(b"\xff" * 256)
        self.download(port, nothing, header)
        self.assertEqual(self.upload(port, 256, header), nothing.read_bytes())
        rack("unplug", port)
        rack("plug", port)
        self.until_seen(port, "1209:0001")


if __name__ == "__main__":
    unittest.main()
