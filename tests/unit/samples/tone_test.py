#!/usr/bin/env python3
"""Checks the sample's image as a Cortex-M7 would begin with it.   tone_test.py TONE.bin

What could break: a linker that drops the vectors, or puts the program elsewhere.
"""
import hashlib
import struct
import sys

FLASH = 0x90000000
# Of one build, noted here: every other must give the same bytes, or its hash says nothing.
SHA256 = "f8d1163655e12afd889e4fbc9cc1b45de8e67cba22654f2d82984772a966b015"


def main():
    with open(sys.argv[1], "rb") as file:
        image = file.read()
    stack, reset = struct.unpack_from("<II", image)
    assert stack == 0x20000000 + 64 * 1024, hex(stack)
    assert reset % 2 == 1 and FLASH < reset < FLASH + len(image), hex(reset)
    assert 192 * 1024 <= len(image) <= 256 * 1024, len(image)
    assert hashlib.sha256(image).hexdigest() == SHA256, hashlib.sha256(image).hexdigest()


if __name__ == "__main__":
    main()
