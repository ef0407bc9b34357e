"""The firmware's own code as the chips' compiler makes it, run one instruction after another.

Unicorn executes; objdump says what each instruction is. There is no chip around the core: flat
memory, no interrupts, no time. What a run took is the list of instructions in the order in which
they were executed, which arm_cycles.py turns into cycles.
"""
import dataclasses
import pathlib
import re
import subprocess

from unicorn import (UC_ARCH_ARM, UC_HOOK_CODE, UC_HOOK_MEM_READ, UC_HOOK_MEM_WRITE, UC_MODE_MCLASS,
                     UC_MODE_THUMB, Uc)
from unicorn.arm_const import (UC_ARM_REG_LR, UC_ARM_REG_R0, UC_ARM_REG_R4, UC_ARM_REG_R5,
                               UC_ARM_REG_R6, UC_ARM_REG_R7, UC_ARM_REG_R8, UC_ARM_REG_R9,
                               UC_ARM_REG_R10, UC_ARM_REG_R11, UC_ARM_REG_SP)

TOP = pathlib.Path(__file__).resolve().parents[2]
CODE = 0x0001_0000
DATA = 0x2000_0000
DATA_SIZE = 0x0010_0000
STACK = 0x200f_ff00  # its top; arguments for which no register is left are above
STACK_SIZE = 0x1000
RETURN = 0x0000_1000
CALLEE_SAVED = (UC_ARM_REG_R4, UC_ARM_REG_R5, UC_ARM_REG_R6, UC_ARM_REG_R7, UC_ARM_REG_R8,
                UC_ARM_REG_R9, UC_ARM_REG_R10, UC_ARM_REG_R11, UC_ARM_REG_SP)
FLAGS = ("-mthumb", "-mfloat-abi=soft", "-std=c11", "-O2", "-ffreestanding", "-fbuiltin",
         "-Wall", "-Wextra", "-Wconversion", "-Wmissing-prototypes", "-Werror")


@dataclasses.dataclass(frozen=True)
class Instruction:
    address: int
    size: int  # bytes: 2 or 4
    mnemonic: str  # without .n and .w
    operands: str


class ArmError(Exception):
    pass


def run_tool(*command: str) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        raise ArmError(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout


class ArmProgram:
    """Some sources of the firmware, compiled for `cpu` and linked with the C library's memcpy."""

    def __init__(self, cpu: str, sources: list[str], folder: str):
        self.cpu = cpu
        self.elf = f"{folder}/{cpu}.elf"
        run_tool("arm-none-eabi-gcc", f"-mcpu={cpu}", *FLAGS, f"-I{TOP}", "-nostartfiles",
                 f"-Wl,-Ttext={CODE:#x},--entry=0", *(str(TOP / source) for source in sources),
                 "-o", self.elf, "-lc")
        self.symbols = {name: (address, size) for name, address, size in self._symbols()}
        self.instructions = {i.address: i for i in self._instructions()}
        binary = f"{self.elf}.bin"
        run_tool("arm-none-eabi-objcopy", "-O", "binary", self.elf, binary)
        self.image = pathlib.Path(binary).read_bytes()

    def _symbols(self):
        for line in run_tool("arm-none-eabi-nm", "--print-size", self.elf).splitlines():
            if match := re.fullmatch(r"(\w{8}) (\w{8}) \w (\S+)", line):
                yield match[3], int(match[1], 16), int(match[2], 16)

    def _instructions(self):
        for line in run_tool("arm-none-eabi-objdump", "-d", "--wide", self.elf).splitlines():
            match = re.fullmatch(r" *(\w+):\t(\w{4})( \w{4})? *\t(\S+)(?:\t(.*))?", line)
            if not match or match[4].startswith("."):
                continue
            operands = re.sub(r" *[@;].*", "", match[5] or "").strip()
            yield Instruction(int(match[1], 16), 4 if match[3] else 2,
                              re.sub(r"\.[nw]$", "", match[4]), operands)

    def code_size(self, *names: str) -> int:
        return sum(self.symbols[name][1] for name in names)


class ArmRun:
    """A core with the program and some data in its memory, on which functions can be called."""

    def __init__(self, program: ArmProgram, lists: bool = True):
        """`lists`: what is executed, which costs a microsecond for each instruction."""
        self.program = program
        self.core = Uc(UC_ARCH_ARM, UC_MODE_THUMB | UC_MODE_MCLASS)
        self.core.mem_map(0, 0x0010_0000)
        self.core.mem_map(DATA, DATA_SIZE)
        self.core.mem_write(CODE, program.image)
        self.place = DATA
        self.executed: list[Instruction] = []
        self.stack_used = 0
        self.below_stack: list[int] = []
        if lists:
            self.core.hook_add(UC_HOOK_CODE, self._step)

    def put(self, content: bytes, align: int = 8) -> int:
        """Where it lies from now on."""
        self.place += -self.place % 8 + align % 8
        at = self.place
        self.core.mem_write(at, content)
        self.place += len(content)
        if self.place > STACK - STACK_SIZE:
            raise ArmError("the data does not fit")
        return at

    def forget(self) -> None:
        """What comes next may lie where the data before did."""
        self.place = DATA

    def get(self, address: int, size: int) -> bytes:
        return bytes(self.core.mem_read(address, size))

    def call(self, function: str, *arguments: int) -> int:
        """Returns what it returns. ArmError if it breaks the calling convention."""
        for i, register in enumerate(CALLEE_SAVED):
            self.core.reg_write(register, 0xa5a5_0000 + i)
        self.core.reg_write(UC_ARM_REG_SP, STACK)
        for i, value in enumerate(arguments):
            if i < 4:
                self.core.reg_write(UC_ARM_REG_R0 + i, value)
            else:
                self.core.mem_write(STACK + 4 * (i - 4), value.to_bytes(4, "little"))
        self.core.reg_write(UC_ARM_REG_LR, RETURN | 1)
        before = [self.core.reg_read(register) for register in CALLEE_SAVED]
        self.executed.clear()
        self.core.emu_start(self.program.symbols[function][0] | 1, RETURN)
        if [self.core.reg_read(register) for register in CALLEE_SAVED] != before:
            raise ArmError(f"{function} did not restore the caller's registers")
        return self.core.reg_read(UC_ARM_REG_R0)

    def watch_stack(self) -> None:
        """From now on, notes how far down the stack is used, and every use of memory below it."""
        self.core.hook_add(UC_HOOK_MEM_READ | UC_HOOK_MEM_WRITE, self._use, None,
                           STACK - STACK_SIZE, STACK - 1)

    def _use(self, core, kind, address, size, value, user):
        self.stack_used = max(self.stack_used, STACK - address)
        # A push moves the stack pointer when it is done; it may use what it makes room for.
        pushes = self.executed[-1].mnemonic in ("push", "stmdb")
        if address < core.reg_read(UC_ARM_REG_SP) and not pushes:
            self.below_stack.append(address)

    def _step(self, core, address, size, user):
        self.executed.append(self.program.instructions[address])
