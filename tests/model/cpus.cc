#include "tests/model/cpus.h"

#include <array>
#include <cmath>

namespace gangd::model {
namespace {

// Where the figures are from. "Estimate" is ours, by the reason that stands there. "Model" is what
// tests/bench/cycles prints, rounded up: the instructions that our own code executes, counted, and
// a model of the core that turns them into cycles. No silicon was asked. It counts memory without
// wait states: the port of a chip has to put this code and its data there.
//
// hash_byte
//   The unit of the STM32H7S7: wolfSSL, IDE/STM32Cube/STM32_Benchmarks.md, STM32H7S3 at 600 MHz:
//   SHA-256 88.06 MiB/s: 6.5 cycles. The port of such a chip puts the unit in the place of our
//   software. STM32H745 and STM32L496 have none; STM32H755 and STM32L4A6 do. They run
//   mcu/armv7m/sha256_blocks.S: model, 30.8 cycles on a Cortex-M4 and 16.4 on a Cortex-M7. To
//   compare: Cortex-M7, wolfSSL's assembler, the same page, STM32H753: 25.4; SEGGER Knowledge Base,
//   "Hash STM32H753": 23.2. Cortex-A8, which begins two instructions in a cycle as well, OpenSSL's
//   assembler (sha256-armv4.pl): 15.4. Cortex-M4, C: mbed TLS, README of its benchmark on the
//   FRDM-K64F: 59. Cortex-M33, wolfSSL, STM32H563: 30. XScale, one instruction in a cycle, OpenSSL:
//   35. Our C takes 36.7 and 24.
// crc_byte
//   Model. To compare: Cortex-M4, a byte at a time, from Zephyr's commit "lib: crc32_sw: 4 bit at a
//   time implementation" and Rockbox's "crc32: add fast variant of regular crc_32 function": 13.8;
//   in the model 11.
// lz4_byte
//   Model; code of a Cortex-M, packed by liblz4.
// usb_byte
//   OTG_HS of the STM32H7 has DMA of its own, which the port for the STM32H7RS in mcu/ does not
//   use; there, and at OTG_FS of the STM32L4, the CPU reads and writes a word at a time: estimates,
//   8 and 6 cycles for 4 bytes.
// flash_byte
//   Estimate: the FIFO of the flash controller is filled and emptied by the CPU in words, 8 cycles
//   each across the buses. The bus goes on meanwhile: what counts is the slower of the two.
// swap_byte, blank_byte
//   Model.
// reads_by_dma
//   The port for the STM32H7RS in mcu/ has no such reads; of the others there is no port.
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
        .usb_byte = 2,
        .flash_byte = 2,
        .swap_byte = 1.55,
        .crc_byte = 4.3,
        .hash_byte = 6.5,
        .lz4_byte = 7.3,
        .blank_byte = 0.71,
        .reads_by_dma = false},
    Cpu{.name = "STM32H745",
        .hz = 480e6,
        .pass = 300,
        .command = 200,
        .interrupt = 250,
        .usb_byte = 0,
        .flash_byte = 2,
        .swap_byte = 1.55,
        .crc_byte = 4.3,
        .hash_byte = 16.4,
        .lz4_byte = 7.3,
        .blank_byte = 0.71},
    Cpu{.name = "STM32L496",
        .hz = 80e6,
        .pass = 400,
        .command = 250,
        .interrupt = 300,
        .usb_byte = 1.5,
        .flash_byte = 2,
        .swap_byte = 2.3,
        .crc_byte = 5.3,
        .hash_byte = 30.8,
        .lz4_byte = 11.5,
        .blank_byte = 1.05},
    // STM32L4R9: the same core at 120 MHz.
    Cpu{.name = "STM32L4R9",
        .hz = 120e6,
        .pass = 400,
        .command = 250,
        .interrupt = 300,
        .usb_byte = 1.5,
        .flash_byte = 2,
        .swap_byte = 2.3,
        .crc_byte = 5.3,
        .hash_byte = 30.8,
        .lz4_byte = 11.5,
        .blank_byte = 1.05},
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
