#!/usr/bin/env python3
"""gangd programs boards that run what ships, instruction by instruction on models of their chips:
from power-on in the ROM over the loader in RAM to an application that the resident loader boots.

  tests/line/emu_test.py BoardsTest      started by ctest, below tests/rig/with-rack, with one board
                                         of each kind
  tests/line/emu_test.py TwoPortsTest    with one stm32h7s78-dk at two ports
"""
import hashlib
import json
import pathlib
import random
import subprocess
import sys
import unittest

from line import BIN, PATIENCE, TOP, LineTest, rack, rack_ports, until

sys.path.append(str(TOP / "tests" / "rig"))
import painted_stack  # noqa: E402

FIRMWARE = BIN.parent / "firmware"
INTERNAL = 0x08000000
MARK = "0x20000100"  # where tests/emu/firmware/xip.c writes
MARK_RUNS = 0x600d600d
# In the order of the rack: its name, where the flash is seen, the block of the boot header.
BOARDS = [("stm32h7s78-dk", 0x70000000, 0x701f0000),
          ("nucleo-h7s3l8", 0x70000000, 0x701f0000),
          ("custom-h7r7", 0x90000000, 0x901f0000)]


class EmuLineTest(LineTest):
    def setUp(self):
        super().setUp()
        shown = subprocess.run([BIN / "gangd", "--show-usb"], stdout=subprocess.PIPE, text=True,
                               check=True, timeout=PATIENCE).stdout
        self.line.paths = [line.split()[0] for line in shown.splitlines()
                           if line.endswith("0483:df11")]
        self.line.write_config()

    def write_product(self, name, window, header, boot_name):
        folder = self.line.folder / "products"
        loader = (FIRMWARE / f"{name}-ram.bin").read_bytes()
        (folder / f"{name}-ram.bin").write_bytes(loader)
        (folder / f"{name}-resident.bin").write_bytes(
            (FIRMWARE / f"{name}-resident.bin").read_bytes())
        application = folder / f"{name}-application.bin"
        application.write_bytes((FIRMWARE / "emu" / f"xip-{window:08x}.bin").read_bytes() +
                                random.Random(name).randbytes(10000))
        subprocess.run([sys.executable, TOP / "target_fw/boot/make_header.py", application, "--at",
                        hex(window), "-o", folder / f"{name}-header.bin", "--board", boot_name],
                       check=True)
        (folder / f"{name}.toml").write_text(f"""
name = "{name}"
verify_as = "booted"
[usb]
vendor = 0x1209
product = 0x0001
[loader]
file = "{name}-ram.bin"
sha256 = "{hashlib.sha256(loader).hexdigest()}"
vendor = 0x0483
product = 0xdf11
[[image]]
file = "{name}-resident.bin"
address = {INTERNAL}
[[image]]
file = "{name}-application.bin"
address = {window}
[[image]]
file = "{name}-header.bin"
address = {header}
""")

    def paint(self, port, image):
        """The stack of an image that does not run yet."""
        stack = painted_stack.PaintedStack(rack, port, FIRMWARE / f"{image}.elf")
        stack.paint(pathlib.Path(self.line.folder))
        return stack

    def assert_fits(self, stack):
        used = stack.used()
        self.assertGreater(used, 256, "nobody has used it: is it the stack?")
        self.assertLess(used, painted_stack.MOST, "the stack is full, or it was too small")

    def program(self, slot, name, window, header):
        """The board of this slot passes."""
        job = self.line.ask("job", "start", name, "--once", "--slot", str(slot))[0]["job"]
        ended = self.line.wait_for(job)
        shown = self.line.slots()[slot - 1]
        self.assertEqual(ended["passed"], "1", (ended, shown))
        booted = {extent["address"] for extent in shown["outcome"]["measured_as_booted"]}
        self.assertEqual(booted, {window, header}, "what runs in place, by its own clock")

    def reset_leads_to_the_application(self, port, window):
        rack("boot-pin", port, "flash")
        rack("reset", port)
        until(lambda: self.runs(port), f"the application runs: {rack('state', port)}")
        words = bytes.fromhex(rack("read", port, MARK, "12"))
        self.assertEqual(int.from_bytes(words[8:12], "little"), window)
        self.assertEqual(rack("complaints", port), "")

    def runs(self, port):
        words = bytes.fromhex(rack("read", port, MARK, "4"))
        return int.from_bytes(words, "little") == MARK_RUNS


class BoardsTest(EmuLineTest):
    def test_from_power_on_in_the_rom_to_the_application_after_a_reset(self):
        for port, board in zip(rack_ports(), BOARDS):
            rack("unplug", port)
            self.write_product(*board, board[0])
        self.line.start()
        # One after another: each asks much of the machine, and the world does not wait for it.
        for slot, (port, (name, window, header)) in enumerate(zip(rack_ports(), BOARDS), 1):
            with self.subTest(name):
                rack("plug", port)
                stack = self.paint(port, f"{name}-ram")
                self.program(slot, name, window, header)
                self.assert_fits(stack)
                stack = self.paint(port, f"{name}-resident")
                self.reset_leads_to_the_application(port, window)
                self.assert_fits(stack)
                rack("unplug", port)
        self.assertEqual(self.line.stop(), 0)
        self.line.verify()


class TwoPortsTest(EmuLineTest):
    def setUp(self):
        self.rom, self.second = rack_ports()
        rack("boot-pin", self.rom, "rom")
        rack("replug", self.rom)
        super().setUp()

    def programs_and_starts(self, loader):
        """`loader`: the port at which it is seen, and with how many Mb/s."""
        _, window, header = BOARDS[0]
        name = "dk-high-speed"
        self.write_product(name, window, header, BOARDS[0][0])
        with (self.line.folder / "products" / f"{name}.toml").open("a") as product:
            product.write(f"[start]\naddress = {window}\n")
        beside = self.line.paths[0].removesuffix(self.rom.split("-")[1])
        self.line.write_config(tables=f'loader_path = "{beside}{self.second.split("-")[1]}"\n')
        self.line.start()
        job = self.line.ask("job", "start", name, "--once")[0]["job"]
        until(lambda: self.seen("1209:0001") == [loader], f"the loader is seen as {loader}")
        ended = self.line.wait_for(job)
        self.assertEqual(ended["passed"], "1", self.line.slots())
        until(lambda: self.runs(self.rom),
              f"the loader starts the application: {rack('state', self.rom)}")
        self.reset_leads_to_the_application(self.rom, window)

    @staticmethod
    def seen(usb_id):
        return [(port["port"], port["mbit"]) for port in json.loads(rack("list"))
                if port.get("id") == usb_id]

    def test_a_loader_at_the_high_speed_port_programs_and_starts(self):
        self.programs_and_starts((self.second, 480))

    def test_it_does_so_behind_a_full_speed_hub(self):
        rack("slow-hub", self.rom, "on")
        self.addCleanup(rack, "slow-hub", self.rom, "off")
        self.programs_and_starts((self.second, 12))

    def test_a_board_whose_crystal_is_dead_comes_back_at_its_roms_port(self):
        rack("crystal", self.rom, "off")
        self.addCleanup(rack, "crystal", self.rom, "on")
        self.programs_and_starts((self.rom, 12))


if __name__ == "__main__":
    unittest.main()
