# QEMU's mps2-an500 as a board: built by tests/emu/an500, which is its host.
set(AN500_SOURCES chip.c main.c usb.c)
