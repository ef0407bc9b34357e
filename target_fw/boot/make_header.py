#!/usr/bin/env python3
"""Makes the boot header of a firmware image (HEADER.md) from an ELF, Intel HEX or BIN file.

    make_header.py app.elf -o header.bin --board stm32h7s78-dk --version 1.4.0
    make_header.py app.elf -o signed.hex --header 0x77fff000 --key release.pem --security 3
    make_header.py app.bin --at 0x70000000 -o app.hex --header 0x77fff000

What comes out is said by its name: .bin is the header alone; .hex is the image and the header; .elf
(from an ELF only) is the file as it was, with the header as one more section and segment. The image
itself is never changed. Gaps in it count as erased flash, 0xFF.

A key is Ed25519 as `openssl genpkey -algorithm ed25519 -out release.pem` makes it; the command
`openssl` signs. Where the key lies on another machine: --to-sign writes what is to be signed there,
and --signature takes the 64 bytes that come back.
"""
import argparse
import hashlib
import os
import struct
import subprocess
import sys
import tempfile

HEADER_SIZE = 256
SIGNED_SIZE = 128
FORMAT = 1
COPY = 1
NAME_SIZE = 16
GAP_MAX = 64 * 1024
VECTORS_ALIGNMENT = 128


class Refused(Exception):
    """What is wrong, and what to do about it."""


# --- files in: a list of (address, bytes)

def read_elf(data):
    if len(data) < 52 or data[4:6] != b"\x01\x01" or struct.unpack_from("<H", data, 18)[0] != 40:
        raise Refused("this ELF file is not of a 32-bit little-endian ARM: link it for the board")
    offset, = struct.unpack_from("<I", data, 28)
    size, count = struct.unpack_from("<HH", data, 42)
    pieces = []
    for i in range(count):
        if offset + i * size + 32 > len(data):
            raise Refused("this ELF file ends before its program headers: build it again")
        kind, at, _, lies_at, in_file = struct.unpack_from("<5I", data, offset + i * size)
        if kind != 1 or in_file == 0:
            continue
        if at + in_file > len(data):
            raise Refused("this ELF file ends before its last segment: build it again")
        pieces.append((lies_at, data[at:at + in_file]))
    return pieces


def read_hex(data):
    pieces, base = [], 0
    for number, line in enumerate(data.decode("ascii", "replace").split(), 1):
        try:
            record = bytes.fromhex(line[1:])
        except ValueError:
            record = b""
        if line[:1] != ":" or len(record) < 5 or len(record) != record[0] + 5 or sum(record) % 256:
            raise Refused(f"line {number} is no record of an Intel HEX file: export it again")
        kind, payload = record[3], record[4:-1]
        if kind == 0:
            pieces.append((base + int.from_bytes(record[1:3], "big"), payload))
        elif kind == 1:
            return pieces
        elif kind in (2, 4) and len(payload) == 2:
            base = int.from_bytes(payload, "big") << (4 if kind == 2 else 16)
        elif kind not in (3, 5):
            raise Refused(f"line {number} has a record of type {kind}, which does not exist")
    raise Refused("this HEX file has no end record: it was cut, export it again")


def read_pieces(path, at):
    with open(path, "rb") as file:
        data = file.read()
    if data[:4] == b"\x7fELF":
        pieces = read_elf(data)
    elif path.lower().endswith((".hex", ".ihex", ".ihx")):
        pieces = read_hex(data)
    elif at is None:
        raise Refused(f"{path} does not say where it lies: add --at ADDRESS")
    else:
        pieces = [(at, data)]
    pieces = sorted(piece for piece in pieces if piece[1])
    if not pieces:
        raise Refused(f"{path} is empty: nothing in it goes into a memory")
    return data, pieces


# --- the image

def listing(pieces):
    return ", ".join(f"{begin:#x} to {end:#x}" for begin, end in pieces)


def one_piece(pieces, keep):
    """The image as (address, bytes). Gaps are filled as erased flash reads."""
    if keep:
        begin, end = keep
        pieces = [(max(at, begin), data[max(begin - at, 0):end - at])
                  for at, data in pieces if at < end and at + len(data) > begin]
        if not pieces:
            raise Refused(f"there is nothing between {begin:#x} and {end:#x}")
    runs = []
    for at, data in pieces:
        if runs and at < runs[-1][1]:
            raise Refused(f"{at:#x} is there twice: the file contradicts itself")
        if runs and at - runs[-1][1] <= GAP_MAX:
            runs[-1][1] = at + len(data)
        else:
            runs.append([at, at + len(data)])
    if len(runs) > 1:
        raise Refused(f"the file has parts far from each other ({listing(runs)}), and a header is "
                      "of one: name it with --keep BEGIN:END, and flash the others beside it")
    begin, end = runs[0]
    if end > 1 << 32:
        raise Refused("the image goes beyond the 32 bits of addresses")
    image = bytearray(b"\xff" * (end - begin))
    for at, data in pieces:
        image[at - begin:at - begin + len(data)] = data
    return begin, bytes(image)


def check_vectors(image, run_address, vectors):
    """What the loader would refuse, before it is in the field."""
    if vectors + 8 > len(image):
        raise Refused(f"the image has {len(image)} bytes: no vector table at its byte {vectors:#x}")
    if (run_address + vectors) % VECTORS_ALIGNMENT:
        raise Refused(f"the vector table would run at {run_address + vectors:#x}: it has to lie at "
                      f"a multiple of {VECTORS_ALIGNMENT}")
    stack, entry = struct.unpack_from("<2I", image, vectors)
    if stack % 4 or not entry & 1 or not run_address <= entry - 1 < run_address + len(image):
        raise Refused(
            f"the image does not begin with vectors: stack {stack:#x}, reset {entry:#x}, and it "
            f"runs at {run_address:#x} to {run_address + len(image):#x}. Give the offset of the "
            "table with --vectors, or where it runs with --copy-to")


# --- the header

def crc32c(data):
    crc = 0xffffffff
    for byte in data:
        crc ^= byte
        for _ in range(8):
            crc = crc >> 1 ^ (0x82f63b78 if crc & 1 else 0)
    return crc ^ 0xffffffff


def name_field(option, text):
    if len(text) > NAME_SIZE or not text.isascii() or not text.isprintable():
        raise Refused(f"{option} takes at most {NAME_SIZE} ASCII characters, not {text!r}")
    return text.encode("ascii").ljust(NAME_SIZE, b"\0")


def signed_part(address, image, options):
    copies = options.copy_to is not None
    run_address = options.copy_to if copies else address
    check_vectors(image, run_address, options.vectors)
    return struct.pack(
        "<4sHH6I16s16s32s32x", b"GDBH", FORMAT, HEADER_SIZE, COPY if copies else 0, address,
        len(image), run_address, options.vectors, options.security,
        name_field("--board", options.board), name_field("--version", options.version),
        hashlib.sha256(image).digest())


def sign(signed, key):
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "signed")
        with open(path, "wb") as file:
            file.write(signed)
        try:
            run = subprocess.run(
                ["openssl", "pkeyutl", "-sign", "-rawin", "-inkey", key, "-in", path],
                capture_output=True, check=False)
        except OSError as error:
            raise Refused(f"cannot run openssl, which signs: {error}") from error
    if run.returncode != 0 or len(run.stdout) != 64:
        raise Refused(f"openssl does not sign with {key}: is it an Ed25519 key? "
                      + run.stderr.decode(errors="replace").strip())
    return run.stdout


def signature_of(signed, options):
    if options.to_sign:
        with open(options.to_sign, "wb") as file:
            file.write(signed)
    if options.key:
        return sign(signed, options.key)
    if options.signature:
        with open(options.signature, "rb") as file:
            signature = file.read()
        if len(signature) != 64:
            raise Refused(f"{options.signature} has {len(signature)} bytes, a signature 64")
        return signature
    return bytes(64)


def make_header(signed, signature):
    header = (signed + signature).ljust(HEADER_SIZE - 4, b"\0")
    return header + struct.pack("<I", crc32c(header))


# --- files out

def hex_record(kind, offset, payload):
    record = struct.pack(">BHB", len(payload), offset, kind) + payload
    return ":" + (record + bytes([-sum(record) % 256])).hex().upper() + "\n"


def hex_file(pieces):
    lines, upper = [], None
    for address, data in pieces:
        at = 0
        while at < len(data):
            here = address + at
            if here >> 16 != upper:
                upper = here >> 16
                lines.append(hex_record(4, 0, struct.pack(">H", upper)))
            size = min(16 - here % 16, len(data) - at)
            lines.append(hex_record(0, here & 0xffff, data[at:at + size]))
            at += size
    return "".join(lines + [hex_record(1, 0, b"")]).encode("ascii")


def padded(out):
    return out + bytes(-len(out) % 4)


def with_segment(out, at, address):
    """The program headers, and one for the header, behind the file."""
    offset, = struct.unpack_from("<I", out, 28)
    size, count = struct.unpack_from("<HH", out, 42)
    table = [bytes(out[offset + i * size:offset + (i + 1) * size]) for i in range(count)]
    table.append(struct.pack("<8I", 1, at, address, address, HEADER_SIZE, HEADER_SIZE, 4, 4)
                 .ljust(size, b"\0"))
    struct.pack_into("<I", out, 28, len(out))
    struct.pack_into("<H", out, 44, count + 1)
    return out + b"".join(table)


def with_section(out, at, address):
    """The same for those who look at sections: objcopy, gdb."""
    offset, = struct.unpack_from("<I", out, 32)
    size, count, names = struct.unpack_from("<3H", out, 46)
    if offset == 0 or not names < count:
        return out
    table = [bytearray(out[offset + i * size:offset + (i + 1) * size]) for i in range(count)]
    names_at, names_size = struct.unpack_from("<2I", table[names], 16)
    texts = bytes(out[names_at:names_at + names_size]) + b".boot_header\0"
    struct.pack_into("<2I", table[names], 16, len(out), len(texts))
    table.append(struct.pack("<10I", names_size, 1, 2, address, at, HEADER_SIZE, 0, 0, 4, 0)
                 .ljust(size, b"\0"))
    out = padded(out + texts)
    struct.pack_into("<I", out, 32, len(out))
    struct.pack_into("<H", out, 48, count + 1)
    return out + b"".join(bytes(entry) for entry in table)


def elf_file(data, header, address):
    if data[:4] != b"\x7fELF":
        raise Refused("an ELF file comes only from an ELF file: name the output .hex or .bin")
    out = padded(bytearray(data))
    at = len(out)
    out = with_segment(out + header, at, address)
    return with_section(out, at, address)


def output(options, data, address, image, header):
    suffix = os.path.splitext(options.output)[1].lower()
    if suffix == ".bin":
        return header
    if suffix not in (".hex", ".elf"):
        raise Refused(f"{options.output} should end in .bin, .hex or .elf, which says what it is")
    if options.header is None:
        raise Refused("where does the header lie? Add --header ADDRESS, as the board's folder says")
    if suffix == ".elf":
        return elf_file(data, header, options.header)
    return hex_file(sorted([(address, image), (options.header, header)]))


# --- the command

def number(text):
    value = int(text, 0)
    if not 0 <= value < 1 << 32:
        raise ValueError(text)
    return value


def span(text):
    begin, end = text.split(":")
    return number(begin), int(end, 0)


def parse_options(arguments):
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("image", help="ELF, Intel HEX (.hex) or BIN")
    parser.add_argument("-o", "--output", required=True, help="what to write: .bin, .hex or .elf")
    parser.add_argument("--header", type=number, metavar="ADDRESS", help="where the header lies")
    parser.add_argument("--at", type=number, metavar="ADDRESS", help="where a BIN lies in flash")
    parser.add_argument("--keep", type=span, metavar="BEGIN:END", help="only these addresses")
    parser.add_argument("--copy-to", type=number, metavar="ADDRESS",
                        help="RAM that it is copied to and runs in; else it runs where it lies")
    parser.add_argument("--vectors", type=number, default=0, metavar="OFFSET",
                        help="of the vector table in the image (0)")
    parser.add_argument("--board", default="", help="the only one that it is for; none: for any")
    parser.add_argument("--version", default="", help="a text for people")
    parser.add_argument("--security", type=number, default=0, metavar="NUMBER",
                        help="security version: a board goes to no lower one any more (0)")
    parser.add_argument("--key", metavar="PEM", help="Ed25519 key that signs")
    parser.add_argument("--to-sign", metavar="FILE", help="write what is to be signed elsewhere")
    parser.add_argument("--signature", metavar="FILE", help="64 bytes that were signed elsewhere")
    return parser.parse_args(arguments)


def main(arguments):
    options = parse_options(arguments)
    try:
        data, pieces = read_pieces(options.image, options.at)
        address, image = one_piece(pieces, options.keep)
        if options.header is not None and \
                address - HEADER_SIZE < options.header < address + len(image):
            raise Refused(f"the header at {options.header:#x} would lie in the image, which goes "
                          f"from {address:#x} to {address + len(image):#x}")
        signed = signed_part(address, image, options)
        header = make_header(signed, signature_of(signed, options))
        result = output(options, data, address, image, header)
        with open(options.output, "wb") as file:
            file.write(result)
    except (Refused, OSError) as error:
        print(f"make_header: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
