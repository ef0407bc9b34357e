#include "tests/model/cpus.h"

#include <array>
#include <cmath>

namespace gangd::model {
namespace {

// Where the figures are from. "Estimate" is ours, by the reason that stands there.
//
// hash_byte
//   The unit of the STM32H7S7: wolfSSL, IDE/STM32Cube/STM32_Benchmarks.md, STM32H7S3 at 600 MHz:
//   SHA-256 88.06 MiB/s: 6.5 cycles. Our sha256.c is software: the port of such a chip puts the
//   unit in its place. STM32H745 and STM32L496 have none; STM32H755 and STM32L4A6 do. Cortex-M7 in
//   software: the same page, STM32H753 at 480 MHz: 18.04 MiB/s: 25.4 cycles. (SEGGER Knowledge
//   Base, "Hash STM32H753": 23.2.) Cortex-M4 in software: mbed TLS, README of its benchmark on the
//   FRDM-K64F: 59 cycles. C that is made for size is slower (wolfSSL, STM32L4A6 at 80 MHz: 92),
//   assembler faster (STM32H563, a Cortex-M33: 30).
// crc_byte
//   Cortex-M4: Zephyr, commit "lib: crc32_sw: 4 bit at a time implementation": 128 KiB in 30 ms at
//   120 MHz: 27.5 cycles; a byte at a time is twice as fast (Rockbox, commit "crc32: add fast
//   variant of regular crc_32 function"): 13.8. Cortex-M7: estimate, half of that: it issues two
//   instructions at a time, and the loop is a chain of loads from the cache.
// lz4_byte
//   Estimate; nobody seems to have published figures for Cortex-M. A loop that copies bytes takes 6
//   to 7 cycles each on a Cortex-M4 (load, store, count, branch) and 3 on a Cortex-M7, and a
//   sequence of some 12 bytes adds 40 to decode its token and offset.
// usb_byte
//   OTG_HS of the STM32H7 has DMA of its own; OTG_FS of the STM32L4 is read and written by the CPU,
//   a word at a time: estimate, 6 cycles for 4 bytes.
// flash_byte
//   Estimate: the FIFO of the flash controller is filled and emptied by the CPU in words, 8 cycles
//   each across the buses. The bus goes on meanwhile: what counts is the slower of the two.
// swap_byte
//   Estimate: load, REV16, store and the loop for 4 bytes: 6 cycles on a Cortex-M4, 4 on a
//   Cortex-M7.
// blank_byte
//   Estimate: words are compared: 5 cycles for 4 bytes on a Cortex-M4, 3 on a Cortex-M7.
// pass, command, interrupt
//   Estimates, from the length of the code between: some 300 instructions for a pass that finds
//   little to do, 200 for setting up a command, 250 for an interrupt with its queue.
constexpr std::array kCpus = {
    Cpu{.name = "rough", .hz = 1e6, .pass = 2, .command = 1},
    Cpu{.name = "STM32H7S7",
        .hz = 600e6,
        .pass = 300,
        .command = 200,
        .interrupt = 250,
        .usb_byte = 0,
        .flash_byte = 2,
        .swap_byte = 1,
        .crc_byte = 6.9,
        .hash_byte = 6.5,
        .lz4_byte = 6.5,
        .blank_byte = 0.75},
    Cpu{.name = "STM32H745",
        .hz = 480e6,
        .pass = 300,
        .command = 200,
        .interrupt = 250,
        .usb_byte = 0,
        .flash_byte = 2,
        .swap_byte = 1,
        .crc_byte = 6.9,
        .hash_byte = 25.4,
        .lz4_byte = 6.5,
        .blank_byte = 0.75},
    Cpu{.name = "STM32L496",
        .hz = 80e6,
        .pass = 400,
        .command = 250,
        .interrupt = 300,
        .usb_byte = 1.5,
        .flash_byte = 2,
        .swap_byte = 1.5,
        .crc_byte = 13.8,
        .hash_byte = 59,
        .lz4_byte = 10,
        .blank_byte = 1.25},
    // STM32L4R9: the same core at 120 MHz.
    Cpu{.name = "STM32L4R9",
        .hz = 120e6,
        .pass = 400,
        .command = 250,
        .interrupt = 300,
        .usb_byte = 1.5,
        .flash_byte = 2,
        .swap_byte = 1.5,
        .crc_byte = 13.8,
        .hash_byte = 59,
        .lz4_byte = 10,
        .blank_byte = 1.25},
};

}  // namespace

std::chrono::nanoseconds Cpu::time(double cycles) const {
  return std::chrono::nanoseconds(std::llround(cycles * 1e9 / hz));
}

const Cpu* find_cpu(std::string_view name) {
  for (const Cpu& cpu : kCpus) {
    if (cpu.name == name) return &cpu;
  }
  return nullptr;
}

}  // namespace gangd::model
