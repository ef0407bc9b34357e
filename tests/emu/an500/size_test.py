#!/usr/bin/env python3
"""Prints what a program for the chips takes, and holds it to its budget: size_test.py ELF BYTES."""
import subprocess
import sys


def main():
    elf, budget = sys.argv[1], int(sys.argv[2])
    said = subprocess.run(["arm-none-eabi-size", elf], stdout=subprocess.PIPE, text=True,
                          check=True).stdout
    text, data, bss = (int(word) for word in said.splitlines()[1].split()[:3])
    print(f"code and constants {text + data} of at most {budget} bytes; data and buffers "
          f"{data + bss} bytes")
    return 0 if text + data <= budget else 1


if __name__ == "__main__":
    sys.exit(main())
