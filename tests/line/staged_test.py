#!/usr/bin/env python3
"""A gangd, as it is built, on boards that start in the bootloader of their chip's ROM.

Started by ctest below tests/rig/with-rack --topology usb1:4 --rom
application=1209:0002,second-port; PulledTest so slowly that a busy machine sees it.
"""
import hashlib
import os
import subprocess
import unittest

from line import BIN, FLASH, PATIENCE, Line, LineTest, check_record, rack, rack_ports, until

INTERNAL = 0x08000000
LOADER = 0x24040000


def program(address, size):
    """Bytes that a chip could start at `address`."""
    vectors = (0x24072000).to_bytes(4, "little") + (address + 0x101).to_bytes(4, "little")
    return vectors + os.urandom(size - len(vectors))


class StagedLine(Line):
    loader_size = 16 * 1024 + 4

    def write_product(self, extra=""):
        products = self.folder / "products"
        products.mkdir(exist_ok=True)
        self.boot = program(INTERNAL, 5001)
        self.loader = program(LOADER, self.loader_size)
        (products / "app.bin").write_bytes(self.image)
        (products / "boot.bin").write_bytes(self.boot)
        (products / "loader.bin").write_bytes(self.loader)
        digest = hashlib.sha256(self.loader).hexdigest()
        self.product = products / "tone.toml"
        self.product.write_text(f"""{extra}
name = "tone"
[usb]
vendor = 0x1209
product = 0x0001
[loader]
file = "loader.bin"
sha256 = "{digest}"
vendor = 0x0483
product = 0xdf11
[[image]]
file = "app.bin"
address = {FLASH}
[[image]]
file = "boot.bin"
address = {INTERNAL}
[start]
address = {INTERNAL}
vendor = 0x1209
product = 0x0002
""")

    def find_boards(self):
        shown = subprocess.run([BIN / "gangd", "--show-usb"], stdout=subprocess.PIPE, text=True,
                               check=True, timeout=PATIENCE).stdout
        return [line.split()[0] for line in shown.splitlines() if line.endswith("0483:df11")]

    def write_config(self, **options):
        super().write_config(**options)
        # Each board has two ports side by side, and in its ROM is seen at the first.
        text = self.config.read_text()
        for path in self.paths:
            controller, port = path.rsplit("/", 1)
            text = text.replace(f'path = "{path}"\n', f'path = "{path}"\n'
                                f'loader_path = "{controller}/{int(port) + 1}"\n')
        self.config.write_text(text)

    def holds_both(self, port):
        external = bytes.fromhex(rack("peek", port, "0", str(len(self.image))))
        internal = bytes.fromhex(rack("peek-internal", port, hex(INTERNAL), str(len(self.boot))))
        return external == self.image and internal == self.boot


class StagedLineTest(LineTest):
    def setUp(self):
        self.ports = rack_ports()[::2]
        for port in self.ports:
            rack("start-fault", port, "none")
            rack("replug", port)
        self.line = StagedLine()
        self.addCleanup(self.line.close)


class StagedTest(StagedLineTest):
    def reason(self, slot="1"):
        return next(s for s in self.line.slots() if s["name"] == slot)["outcome"]["reason"]

    def test_from_the_rom_to_the_application_that_runs(self):
        self.line.start()
        status, said = self.line.run_job()
        self.assertEqual(status, 0, said)
        for port in self.ports:
            self.assertTrue(self.line.holds_both(port), port)
            self.assertEqual(rack("application", port), hex(INTERNAL))
        ends = check_record(self.line.events())
        self.assertEqual(len(ends), len(self.ports))
        for end in ends.values():
            self.assertEqual(end["loader"], hashlib.sha256(self.line.loader).hexdigest())
            self.assertEqual(len(end["measured"]), 2)
        self.assertEqual(self.line.stop(), 0)
        self.line.verify()

    def test_each_way_that_a_start_goes_wrong_has_its_sentence(self):
        self.line.start()
        for fault, sentence in (("never-back", "did not come back as 1209:0001"),
                                ("back-in-rom", "came back in its ROM"),
                                ("wrong-nonce", "does not have this start's nonce"),
                                ("no-nonce", "cannot tell this start's nonce"),
                                ("other-program", "is somebody else at work on it?")):
            rack("start-fault", self.ports[0], fault)
            status, said = self.line.run_job("--slot", "1")
            self.assertEqual(status, 1, said)
            self.assertIn(sentence, self.reason())
            rack("unplug", self.ports[0])
            rack("plug", self.ports[0])
        status, said = self.line.run_job("--slot", "1")
        self.assertEqual(status, 0, said)
        ends = check_record(self.line.events())
        self.assertEqual([end["verdict"] for end in ends.values()], ["FAIL"] * 5 + ["PASS"])

    def test_a_loader_that_nobody_approved_reaches_no_board(self):
        self.line.start()
        (self.line.folder / "products" / "loader.bin").write_bytes(program(LOADER, 16 * 1024 + 4))
        refused = self.line.ctl("job", "start", "tone")
        self.assertEqual(refused.returncode, 3, refused.stderr)
        self.assertIn("use the file that was approved", refused.stderr)

    def test_a_product_that_contradicts_itself_is_refused(self):
        self.line.start()
        whole = self.line.product.read_text()
        for old, new, sentence in (
                ("sha256", "sha265", 'did you mean "sha256"?'),
                ("product = 0xdf11", "", '"product"'),
                ("vendor = 0x0483\nproduct = 0xdf11", "vendor = 0x1209\nproduct = 0x0001",
                 "must be told apart"),
                ("name =", 'steps = ["identify", "verify", "start"]\nname =',
                 'the first step must be "load"'),
                ("file = \"loader.bin\"", "file = \"other.bin\"", "other.bin")):
            self.line.product.write_text(whole.replace(old, new, 1))
            refused = self.line.ctl("job", "start", "tone")
            self.assertNotEqual(refused.returncode, 0, new)
            self.assertIn(sentence, refused.stderr)


class PulledTest(StagedLineTest):
    def test_a_board_that_is_pulled_on_its_way_fails_and_is_on_record(self):
        # As large as can be, to be seen on its way also where gangctl has to wait for the CPU.
        self.line.loader_size = 63 * 1024
        self.line.write_product()
        self.line.start()
        job = self.line.start_job("--slot", "1", "--once")
        until(lambda: self.line.slots()[0]["step"] == "load", "it loads")
        rack("unplug", self.ports[0])
        ended = self.line.wait_for(job)
        self.assertEqual((ended["failed"], ended["passed"]), ("1", "0"))
        rack("plug", self.ports[0])
        self.assertEqual(len(check_record(self.line.events())), 1)


if __name__ == "__main__":
    unittest.main()
