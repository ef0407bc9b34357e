#!/usr/bin/env python3
"""What make_header.py makes of ELF, HEX and BIN files the loader's own code accepts, and what it
cannot make good it refuses, saying what to do.

    make_header_test.py CHECK_HEADER
"""
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
TOOL = os.path.join(HERE, "../../../target_fw/boot/make_header.py")
CHECK = ""
AT = 0x70000000
HEADER_AT = 0x700ff000
GOOD = "firmware is good"


def firmware(run_at, size=5000):
    body = bytes(i * 7 % 251 for i in range(size - 8))
    return struct.pack("<2I", 0x20010000, run_at + 0x101) + body


def elf(pieces):
    """A small ELF: segments of (address, bytes), and their sections."""
    names = b"\0.text\0.names\0"
    count = len(pieces)
    at = 52 + 32 * count
    segments, sections, body = b"", bytes(40), b""
    for address, data in pieces:
        segments += struct.pack("<8I", 1, at + len(body), address, address, len(data), len(data),
                                5, 4)
        sections += struct.pack("<10I", 1, 1, 6, address, at + len(body), len(data), 0, 0, 4, 0)
        body += data + bytes(-len(data) % 4)
    sections += struct.pack("<10I", 7, 3, 0, 0, at + len(body), len(names), 0, 0, 1, 0)
    tail = names + bytes(-len(names) % 4)
    head = b"\x7fELF\x01\x01\x01".ljust(16, b"\0") + struct.pack(
        "<2H5I6H", 2, 40, 1, pieces[0][0], 52, at + len(body) + len(tail), 0x5000200, 52, 32, count,
        40, count + 2, count + 1)
    return head + segments + body + tail + sections


class MakeHeader(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.TemporaryDirectory()
        self.addCleanup(self.folder.cleanup)

    def path(self, name):
        return os.path.join(self.folder.name, name)

    def put(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def get(self, name):
        with open(self.path(name), "rb") as file:
            return file.read()

    def make(self, *arguments):
        return subprocess.run([sys.executable, TOOL, *arguments], capture_output=True, text=True,
                              check=False)

    def make_well(self, *arguments):
        run = self.make(*arguments)
        self.assertEqual((run.returncode, run.stderr), (0, ""))

    def refuses(self, advice, *arguments):
        run = self.make(*arguments, "-o", self.path("none.bin"))
        self.assertEqual(run.returncode, 1)
        self.assertIn(advice, run.stderr)
        self.assertFalse(os.path.exists(self.path("none.bin")))

    def verdict(self, image, header="header.bin", key=None, at=AT):
        command = [CHECK, self.path(header), self.put("image.bin", image), hex(at)]
        run = subprocess.run(command + ([key] if key else []), capture_output=True, text=True,
                             check=True)
        return run.stdout.strip()

    def new_key(self, name):
        subprocess.run(["openssl", "genpkey", "-algorithm", "ed25519", "-out", self.path(name)],
                       check=True)
        public = subprocess.run(["openssl", "pkey", "-in", self.path(name), "-pubout", "-outform",
                                 "DER"], capture_output=True, check=True).stdout
        return public[-32:].hex()

    # --- what comes in

    def test_the_same_header_from_each_format(self):
        image = firmware(AT)
        out = self.path("header.bin")
        made = []
        self.make_well(self.put("a.bin", image), "--at", hex(AT), "-o", out, "--board", "bench")
        made.append(self.get("header.bin"))
        self.make_well(self.put("a.elf", elf([(AT, image)])), "-o", out, "--board", "bench")
        made.append(self.get("header.bin"))
        self.make_well(self.path("a.bin"), "--at", hex(AT), "-o", self.path("a.hex"), "--header",
                       hex(HEADER_AT), "--board", "bench")
        self.make_well(self.path("a.hex"), "--keep", f"{AT:#x}:{HEADER_AT:#x}", "-o", out,
                       "--board", "bench")
        made.append(self.get("header.bin"))
        self.assertEqual(len(made[0]), 256)
        self.assertEqual(set(made), {made[0]})
        self.assertEqual(self.verdict(image), GOOD)
        self.assertEqual(self.verdict(image[:-1] + b"x"), "firmware is not what its header says")

    def test_gaps_count_as_erased(self):
        image = firmware(AT, 1000)
        self.make_well(self.put("a.elf", elf([(AT, image), (AT + 4000, b"tail")])), "-o",
                       self.path("header.bin"))
        self.assertEqual(self.verdict(image.ljust(4000, b"\xff") + b"tail"), GOOD)

    def test_an_image_that_is_copied_and_one_with_its_vectors_inside(self):
        image = firmware(0x90000000)
        self.make_well(self.put("a.bin", image), "--at", hex(AT), "--copy-to", "0x90000000", "-o",
                       self.path("header.bin"))
        self.assertEqual(self.verdict(image), GOOD)
        image = bytes(0x400) + firmware(AT + 0x400)
        self.make_well(self.put("a.bin", image), "--at", hex(AT), "--vectors", "0x400", "-o",
                       self.path("header.bin"))
        self.assertEqual(self.verdict(image), GOOD)

    # --- signatures

    def test_signed_here(self):
        image = firmware(AT)
        key, stranger = self.new_key("key.pem"), self.new_key("other.pem")
        self.make_well(self.put("a.bin", image), "--at", hex(AT), "--key", self.path("key.pem"),
                       "--security", "3", "-o", self.path("header.bin"))
        self.assertEqual(self.verdict(image, key=key), GOOD)
        self.assertEqual(self.verdict(image, key=stranger),
                         "firmware is not signed by a known key")

    def test_signed_on_another_machine(self):
        image = firmware(AT)
        key = self.new_key("key.pem")
        base = [self.put("a.bin", image), "--at", hex(AT), "-o", self.path("header.bin")]
        self.make_well(*base, "--to-sign", self.path("text"))
        self.assertEqual(self.verdict(image, key=key), "firmware is not signed by a known key")
        subprocess.run(["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", self.path("key.pem"),
                        "-in", self.path("text"), "-out", self.path("signature")], check=True)
        self.make_well(*base, "--signature", self.path("signature"))
        self.assertEqual(self.verdict(image, key=key), GOOD)

    # --- what comes out

    def test_hex_has_the_image_and_the_header(self):
        image = firmware(AT, 70000)
        self.make_well(self.put("a.bin", image), "--at", hex(AT), "-o", self.path("a.hex"),
                       "--header", hex(HEADER_AT))
        objcopy = shutil.which("arm-none-eabi-objcopy") or shutil.which("objcopy")
        subprocess.run([objcopy, "-I", "ihex", "-O", "binary", "--gap-fill", "0xff",
                        self.path("a.hex"), self.path("all.bin")], check=True)
        everything = self.get("all.bin")
        self.put("header.bin", everything[HEADER_AT - AT:])
        self.assertEqual(everything[:len(image)], image)
        self.assertEqual(self.verdict(image), GOOD)

    def test_elf_has_the_header_as_segment_and_section(self):
        image = firmware(AT)
        original = elf([(AT, image)])
        self.make_well(self.put("a.elf", original), "-o", self.path("b.elf"), "--header",
                       hex(HEADER_AT))
        objcopy = shutil.which("arm-none-eabi-objcopy")
        if not objcopy:
            self.skipTest("there is no arm-none-eabi-objcopy")
        subprocess.run([objcopy, "-O", "binary", "-j", ".boot_header", self.path("b.elf"),
                        self.path("header.bin")], check=True)
        self.assertEqual(self.verdict(image), GOOD)
        readelf = subprocess.run([objcopy.replace("objcopy", "readelf"), "-lW", self.path("b.elf")],
                                 capture_output=True, text=True, check=True)
        self.assertIn("0x700ff000 0x700ff000 0x00100 0x00100", readelf.stdout)
        self.assertEqual(readelf.stderr, "")
        self.assertEqual(self.get("b.elf")[52:len(original) - 160], original[52:-160])

    # --- what is refused

    def test_each_refusal_says_what_to_do(self):
        good = self.put("a.bin", firmware(AT))
        at = ["--at", hex(AT)]
        self.refuses("add --at", good)
        self.refuses("--vectors", self.put("b.bin", bytes(range(1, 200))), *at)
        self.refuses("--copy-to", self.put("b.bin", firmware(0x24000000)), *at)
        self.refuses("no vector table", good, *at, "--vectors", "0x1388")
        self.refuses("multiple of 128", good, "--at", "0x70000040")
        self.refuses("at most 16", good, *at, "--board", "a name of 17 chars")
        self.refuses("would lie in the image", good, *at, "--header", hex(AT + 4096))
        self.refuses("Ed25519", good, *at, "--key", self.put("bad.pem", b"no key"))
        self.refuses("--keep", self.put("b.elf", elf([(AT, firmware(AT)), (0x08000000, b"x")])))
        self.refuses("nothing between", good, *at, "--keep", "0:16")
        self.refuses("is empty", self.put("b.bin", b""), *at)
        self.refuses("32-bit", self.put("b.elf", b"\x7fELF\x02\x01" + bytes(60)))
        self.refuses("build it again", self.put("b.elf", elf([(AT, firmware(AT))])[:3000]))
        self.refuses("line 1", self.put("b.hex", b":00000002FF\n"))
        self.refuses("end record", self.put("b.hex", b":0100000001FE\n"))
        self.refuses("twice", self.put("b.hex", b":0100000001FE\n:0100000002FD\n:00000001FF\n"))
        run = self.make(good, *at, "-o", self.path("a.txt"))
        self.assertIn("should end in .bin", run.stderr)
        run = self.make(good, *at, "-o", self.path("a.hex"))
        self.assertIn("--header", run.stderr)
        run = self.make(good, *at, "-o", self.path("a.elf"), "--header", hex(HEADER_AT))
        self.assertIn("only from an ELF", run.stderr)


if __name__ == "__main__":
    CHECK = sys.argv.pop(1)
    unittest.main()
