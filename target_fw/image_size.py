#!/usr/bin/env python3
"""What an image takes: program, data and the deepest stack. Exit status 1 if it is too much.

The stack is the sum along the deepest path of the call graph that the compiler writes beside each
object (-fcallgraph-info=su), with one interrupt on top. A call through a pointer may go to any
function whose address is taken and that is in one of the files which CALLS_THROUGH_POINTERS names
for the caller's file: a file with such calls that is not there is an error, and so is recursion.
"""
import argparse
import pathlib
import re
import subprocess
import sys

PROGRAM_MAX = 40 * 1024
STACK_MAX = 4 * 1024
# What an interrupt puts on the stack itself: 8 words, and one to align them.
EXCEPTION_FRAME = 36
ENTRIES = ("startup_early", "start_c")
HANDLERS = ("interrupt", "arm_clock_tick", "fault")

CLOCK = "armv7m.c:now_us"
MEMORIES = ("nor.c", "flash.c:memory_", CLOCK)
USB = ("dfu.c:on_", "xfp.c:on_", "descriptors.c", "bos.c", "dwc2.c")
CALLS_THROUGH_POINTERS = {
    "usb_device.c": USB,
    **{f"usb_device.c:usb_endpoint_{verb}": ("dwc2.c",)
       for verb in ("open", "stall", "send", "receive")},
    "usb_standard.c": USB,
    "device.c": (CLOCK, "ram_loader.c:jump", "resident_loader.c:jump"),
    "dfu.c:on_setup": ("dfu.c:!on_",),
    "dfu.c": ("ram_loader.c:check", "resident_loader.c:check", *MEMORIES),
    "flash_job.c": MEMORIES,
    "read_ahead.c": MEMORIES,
    "stale.c": MEMORIES,
    "xfp.c": MEMORIES,
    "xfp_job.c": MEMORIES,
    "xfp_regions.c": MEMORIES,
    "nor.c": ("xspi.c", CLOCK),
    "nor_bus.c": ("xspi.c", CLOCK),
    "nor_start.c": ("xspi.c", CLOCK),
    "flash.c": (CLOCK,),
    "loader.c": ("nor.c",),
    "psram.c": ("xspi.c", CLOCK),
    "xspi.c": (CLOCK,),
    "boot.c": ("resident_loader.c:port_",),
    "boot_counter.c": ("resident_loader.c:port_",),
}
# In assembler, with what they call, bytes. The graph has one name for both divisions.
WITHOUT_GRAPH = {"__aeabi_uldivmod": 96, "__aeabi_ldivmod": 96}


def run(*command: str) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def fits(rule: str, file: str, name: str) -> bool:
    of_file, _, prefix = rule.partition(":")
    if prefix.startswith("!"):
        return file == of_file and not name.startswith(prefix[1:])
    return file == of_file and name.startswith(prefix)


class Graph:
    def __init__(self):
        self.stack = {}  # by title
        self.file = {}
        self.name = {}
        self.calls = {}
        self.taken = set()  # names of functions whose addresses are in data or literals
        self.linked = set()
        self.known = {}  # what deepest() has found

    def add(self, path: pathlib.Path) -> None:
        for line in path.with_suffix(".ci").read_text().splitlines():
            if node := re.match(r'node: \{ title: "(.*?)" label: "(.*?)"', line):
                title, label = node[1], node[2].split("\\n")
                size = re.match(r"(\d+) bytes \((.*)\)", label[2]) if len(label) > 2 else None
                if not size:
                    continue
                if "dynamic" in size[2]:
                    raise SystemExit(f"image_size: the stack frame of {label[0]} varies")
                self.stack[title] = int(size[1])
                self.file[title] = pathlib.Path(label[1].split(":")[0]).name
                self.name[title] = label[0]
            elif edge := re.match(r'edge: \{ sourcename: "(.*?)" targetname: "(.*?)"', line):
                self.calls.setdefault(edge[1], set()).add(edge[2])

    def add_addresses(self, path: pathlib.Path) -> None:
        for line in run("arm-none-eabi-objdump", "-r", "-w", str(path)).splitlines():
            if match := re.search(r"R_ARM_(?:ABS32|MOVW_ABS_NC|THM_MOVW_ABS_NC)\s+(\S+)", line):
                self.taken.add(re.sub(r"^\.text\.|\+0x[0-9a-f]+$", "", match[1]))

    def targets(self, caller: str) -> list[str]:
        file, name = self.file[caller], self.name[caller]
        rules = CALLS_THROUGH_POINTERS.get(f"{file}:{name}", CALLS_THROUGH_POINTERS.get(file))
        if rules is None:
            raise SystemExit(f"image_size: {name} of {file} calls through a pointer: say in "
                             "image_size.py what it may call")
        return [title for title, name in self.name.items()
                if name in self.taken and name in self.linked
                and any(fits(rule, self.file[title], name) for rule in rules)]

    def deepest(self, title: str, callers: tuple = ()) -> tuple[int, tuple]:
        """Bytes, and the names on the way."""
        if title in self.known:
            return self.known[title]
        if title not in self.stack:
            if title not in WITHOUT_GRAPH:
                raise SystemExit(f"image_size: nothing is known of the stack of {title}")
            return WITHOUT_GRAPH[title], (title,)
        if title in callers:
            names = " > ".join(self.name[at] for at in callers[callers.index(title):])
            raise SystemExit(f"image_size: {names} > {self.name[title]}: recursion")
        best, below = 0, ()
        for target in sorted(self.calls.get(title, ())):
            for callee in self.targets(title) if target == "__indirect_call" else [target]:
                best, below = max((best, below), self.deepest(callee, (*callers, title)))
        self.known[title] = self.stack[title] + best, (self.name[title], *below)
        return self.known[title]


def symbols(elf: str) -> dict[str, int]:
    table = {}
    for line in run("arm-none-eabi-nm", elf).splitlines():
        address, _, name = line.split(maxsplit=2)
        table[name] = int(address, 16)
    return table


def title_of(graph: Graph, name: str) -> str:
    return next(title for title, found in graph.name.items() if found == name)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("elf")
    parser.add_argument("objects", nargs="+")
    options = parser.parse_args()
    table = symbols(options.elf)
    graph = Graph()
    graph.linked = set(table)
    for path in map(pathlib.Path, options.objects):
        graph.add_addresses(path)
        if path.with_suffix(".ci").exists():
            graph.add(path)
    program = table["image_end"] - table["image_begin"]
    data = table["bss_end"] - table["data_begin"]
    main_stack, path = max(graph.deepest(title_of(graph, name)) for name in ENTRIES)
    handler, _ = max(graph.deepest(title_of(graph, name)) for name in HANDLERS)
    stack = main_stack + EXCEPTION_FRAME + handler
    name = pathlib.Path(options.elf).stem
    print(f"{name}: program {program} of {PROGRAM_MAX}, data {data}, "
          f"stack {stack} of {STACK_MAX} bytes")
    print(f"{name}: deepest: {' > '.join(path)}")
    if program > PROGRAM_MAX or stack > STACK_MAX:
        print(f"image_size: {name} is too large", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
