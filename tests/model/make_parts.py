#!/usr/bin/env python3
"""Turns parts.toml into the C++ table that parts.h declares: make_parts.py parts.toml parts.cc"""
import hashlib
import sys
import tomllib

CLOCKS = ("read", "spi", "quad", "octal_str", "octal_dtr", "sfdp", "low_power_spi",
          "low_power_quad")
WAITS = ("power_up", "deep_power_down_exit", "reset", "reset_busy", "suspend")
BITS = ("program_fail_bit", "erase_fail_bit", "protection_bits", "quad_enable_bit")
MAKERS = {"macronix": "kMacronix", "micron": "kMicron", "winbond": "kWinbond", "issi": "kIssi"}


def microseconds(number):
    return f"std::chrono::microseconds({number})"


def busy_time(pair):
    typical, maximum = pair
    if not 0 < typical <= maximum:
        sys.exit(f"{pair}: not a typical time and a maximum")
    return f"{{{microseconds(typical)}, {microseconds(maximum)}}}"


def array_times(times):
    return "{%s}" % ", ".join(
        f".{name} = {busy_time(times[name])}"
        for name in ("page_program", "chip_erase", "register_write"))


def flag(value):
    return "true" if value else "false"


def sfdp_of(part):
    content = bytes.fromhex("".join(part["sfdp"].split()))
    if "sfdp_md5" in part and hashlib.md5(content).hexdigest() != part["sfdp_md5"]:
        sys.exit(f"{part['name']}: the SFDP bytes do not have the MD5 of their source")
    if not part["sfdp_source"].strip():
        sys.exit(f"{part['name']}: SFDP without a source")
    return content


def erase_type(erase):
    time = busy_time(erase["time"])
    low_power = busy_time(erase.get("low_power_time", erase["time"]))
    return (f"{{.size = {erase['size']}, .opcode = {erase['opcode']:#x}, "
            f".opcode_4byte = {erase.get('opcode_4byte', 0):#x}, .time = {time}, "
            f".low_power_time = {low_power}}}")


def quad_program(part):
    quad = part.get("program_quad", {"opcode": 0, "address_lanes": 0})
    return (f"{{.opcode = {quad['opcode']:#x}, .opcode_4byte = {quad.get('opcode_4byte', 0):#x}, "
            f".address_lanes = {quad['address_lanes']}}}")


def arrays(index, part):
    content = ", ".join(f"{byte:#04x}" for byte in sfdp_of(part))
    sfdp = f"constexpr std::uint8_t kSfdp{index}[] = {{{content}}};\n" if content else ""
    erases = ", ".join(erase_type(e) for e in sorted(part["erase"], key=lambda e: e["size"]))
    return sfdp + f"constexpr EraseType kErase{index}[] = {{{erases}}};\n"


def row(index, part):
    jedec_id = ", ".join(f"{byte:#04x}" for byte in bytes.fromhex(part["jedec_id"]))
    clock = part["clock_mhz"]
    if unknown := set(clock) - set(CLOCKS):
        sys.exit(f"{part['name']}: no such clock: {unknown}")
    fields = [
        ("name", f'"{part["name"]}"'),
        ("jedec_id", f"{{{jedec_id}}}"),
        ("bus", {"quad": "Part::Bus::kQuad", "octal": "Part::Bus::kOctal"}[part["bus"]]),
        ("maker", f"Part::Maker::{MAKERS[part['maker']]}"),
        ("dies", part.get("dies", 1)),
        ("size", part["size"]),
        ("page_size", part["page_size"]),
        ("four_byte", flag(part["four_byte"])),
        ("swaps_octal_dtr", flag(part["swaps_octal_dtr"])),
        ("banks", part["banks"]),
        ("sfdp", f"kSfdp{index}" if part["sfdp"] else "{}"),
        *((name, microseconds(part[f"{name}_us"])) for name in WAITS),
        *((name, f"{part[name]:#x}") for name in BITS),
        ("program_quad", quad_program(part)),
        ("read_1_4_4_dummies", part.get("read_1_4_4_dummies", 0)),
        ("clock", "{%s}" % ", ".join(
            f".{name} = {clock[name] * 1_000_000}" for name in CLOCKS if name in clock)),
        ("times", array_times(part["times"])),
        ("has_low_power", flag("low_power_times" in part)),
        ("low_power_times", array_times(part.get("low_power_times", part["times"]))),
        ("erase_types", f"kErase{index}"),
    ]
    return "    {%s},\n" % ",\n     ".join(f".{name} = {value}" for name, value in fields)


def main():
    source, target = sys.argv[1:]
    with open(source, "rb") as file:
        parts = tomllib.load(file)["part"]
    with open(target, "w", encoding="utf-8") as out:
        out.write('// Generated from parts.toml by make_parts.py.\n'
                  '#include "tests/model/parts.h"\n\nnamespace gangd::model {\nnamespace {\n\n')
        for index, part in enumerate(parts):
            out.write(arrays(index, part))
        out.write("\nconstexpr Part kParts[] = {\n")
        for index, part in enumerate(parts):
            out.write(row(index, part))
        out.write("};\n\n}  // namespace\n\n"
                  "std::span<const Part> parts() { return kParts; }\n\n"
                  "const Part* find_part(std::string_view name) {\n"
                  "  for (const Part& part : kParts) {\n"
                  "    if (part.name == name) return &part;\n  }\n"
                  "  return nullptr;\n}\n\n}  // namespace gangd::model\n")


if __name__ == "__main__":
    main()
