"""How deep an image's stack gets on an emulated board: painted before it runs, looked at after.

What target_fw/image_size.py counts along the deepest path of calls is seen here from the other
side: what has really been used.
"""
import subprocess

COLOUR = 0xa5
MOST = 4096  # what the image has, and what image_size.py allows


class PaintedStack:
    def __init__(self, rack, port, elf):
        """`rack` sends a command; `elf` is the image whose stack it is."""
        self.rack, self.port, self.name = rack, port, elf.stem
        places = {}
        for line in subprocess.run(["arm-none-eabi-nm", elf], capture_output=True, text=True,
                                   check=True).stdout.splitlines():
            words = line.split()
            places[words[-1]] = int(words[0], 16) if len(words) == 3 else None
        self.bottom, self.size = places["stack_bottom"], places["stack_size"]
        assert self.size == MOST and places["stack_top"] == self.bottom + self.size, places

    def paint(self, folder):
        file = folder / "paint.bin"
        file.write_bytes(bytes([COLOUR]) * self.size)
        self.rack("load", self.port, f"{file}@{self.bottom:#x}")

    def used(self):
        """Bytes; it prints them."""
        stack = bytes.fromhex(self.rack("read", self.port, f"{self.bottom:#x}", str(self.size)))
        used = self.size - (len(stack) - len(stack.lstrip(bytes([COLOUR]))))
        print(f"{self.name}: stack {used} of {self.size} bytes used", flush=True)
        return used
