"""What a run of ARM code takes on a Cortex-M4 and on a Cortex-M7: models, not measurements.

Both see code and data in memory without wait states: the tightly coupled memories or warm caches of
an STM32H7, SRAM2 of an STM32L4 for code and SRAM1 for data.

Cortex-M4: the table and the notes of "Instruction timing" in ARM's Technical Reference Manual
(DDI 0439). One instruction after another: an operation takes 1 cycle; a load 2, but 1 right after
another load or store whose address does not wait for it; a store 1, for the write buffer takes it;
several words 1 and 1 for each; a division 2 to 12, taken as 7; a branch that is taken 1 to 3 more
than one that is not, taken as 2; an address that the instruction before has computed, 1 more.
Instructions of 32 bits that are not aligned may take more; that is left out.

Cortex-M7: ARM gives no table. LLVM has a model of its pipelines (ARMScheduleM7.td, contributed by
people of ARM), and llvm-mca runs code through it. Branches are taken as predicted.
How near that is: wolfSSL's assembler for SHA-256, of which 18.04 MiB/s were measured on an
STM32H753 at 480 MHz (IDE/STM32Cube/STM32_Benchmarks.md), which is 25.4 cycles a byte, takes 25.0 in
this model. The upper end of the range is one instruction in a cycle, as if none was ever paired.
"""
import re
import subprocess

from arm_program import ArmError, Instruction

LLVM_MCA = ("llvm-mca-19", "llvm-mca")
CONDITION = re.compile("(eq|ne|cs|cc|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)$")
BRANCHES = re.compile(r"(b|bl|bx|blx|cbz|cbnz|tbb|tbh)(eq|ne|cs|cc|mi|pl|vs|vc|hi|ls|ge|lt|gt|le)?")
DIVISION_CYCLES = 7
REFILL_CYCLES = 2
REGISTERS = [*(f"r{n}" for n in range(9)), "r9", "sl", "fp", "ip", "sp", "lr", "pc"]
# How the disassembler calls them, and the assembler of LLVM does not.
NAMES = {"sl": "r10", "fp": "r11", "ip": "r12", "sb": "r9"}


def kind_of(instruction: Instruction) -> str:
    name = instruction.mnemonic
    if BRANCHES.fullmatch(name):
        return "branch"
    if name.startswith(("ldm", "stm", "push", "pop", "ldrd", "strd", "vldm", "vstm")):
        return "several"
    if name.startswith("ldr"):
        return "load"
    if name.startswith("str"):
        return "store"
    if name.startswith(("udiv", "sdiv")):
        return "division"
    return "operation"


def registers_of(text: str) -> list[str]:
    return re.findall(r"\b(r\d+|sl|fp|ip|sb|sp|lr|pc)\b", text)


def words_of(instruction: Instruction) -> int:
    """Of an instruction that moves several."""
    if instruction.mnemonic.startswith(("ldrd", "strd")):
        return 2
    count = 0
    for first, last in re.findall(r"(\w+)(?:-(\w+))?", instruction.operands.split("{")[1]):
        count += REGISTERS.index(last) - REGISTERS.index(first) + 1 if last else 1
    return count


def address_registers(instruction: Instruction) -> list[str]:
    bracket = re.search(r"\[(.*?)\]", instruction.operands)
    return registers_of(bracket[1] if bracket else instruction.operands.split("{")[0])


def written_register(instruction: Instruction) -> str | None:
    registers = registers_of(instruction.operands.split(",")[0])
    return registers[0] if registers and kind_of(instruction) in ("operation", "load") else None


def m4_cycles(run: list[Instruction]) -> int:
    cycles = 0
    before: Instruction | None = None
    for i, instruction in enumerate(run):
        kind = kind_of(instruction)
        kind_before = kind_of(before) if before else ""
        if kind == "branch":
            follows = i + 1 < len(run) and (
                run[i + 1].address == instruction.address + instruction.size)
            cycles += 1 if follows else 1 + REFILL_CYCLES
        elif kind == "several":
            cycles += 1 + words_of(instruction)
            cycles += REFILL_CYCLES if "pc}" in instruction.operands else 0
        elif kind in ("load", "store"):
            waits = before and written_register(before) in address_registers(instruction)
            if waits and kind_before == "operation":
                cycles += 1
            pipelined = kind_before in ("load", "store") and not waits
            cycles += 1 if kind == "store" or pipelined else 2
        else:
            cycles += DIVISION_CYCLES if kind == "division" else 1
        before = instruction
    return cycles


def mca_lines(run: list[Instruction]) -> list[str]:
    """Assembler that llvm-mca reads. What an IT governs has lost its condition: it was executed."""
    lines = []
    governed = range(0)
    for instruction in run:
        name, operands = instruction.mnemonic, instruction.operands
        if re.fullmatch("it[te]*", name):
            governed = range(instruction.address, instruction.address + 2 + 4 * (len(name) - 1))
            continue
        if instruction.address in governed:
            name = CONDITION.sub("", name)
        operands = re.sub(r"\b(sl|fp|ip|sb)\b", lambda found: NAMES[found[1]], operands)
        if kind_of(instruction) == "branch":
            name = {"bl": "b", "blx": "bx"}.get(name, name)  # llvm-mca adds 100 cycles for a call
            operands = re.sub(r"\b[0-9a-f]+ <.*>", ".", operands)
        lines.append(f"{name} {operands}")
    return lines


def m7_cycles(run: list[Instruction]) -> int:
    source = "\n".join([".syntax unified", ".thumb", *mca_lines(run), ""])
    for program in LLVM_MCA:
        try:
            done = subprocess.run(
                [program, "-mtriple=thumbv7em-none-eabi", "-mcpu=cortex-m7", "-iterations=1",
                 "-instruction-info=0", "-resource-pressure=0"],
                input=source, capture_output=True, text=True, check=False)
        except FileNotFoundError:
            continue
        cycles = re.search(r"Total Cycles: +(\d+)", done.stdout)
        if not cycles:
            raise ArmError(f"{program}: {done.stderr[:500]}")
        return int(cycles[1])
    raise ArmError("llvm-mca is missing: package llvm-19, deploy/install-deps installs it")
