// What the firmware's work costs on the microcontrollers of the boards: cpus.cc has the source of
// each figure.
#pragma once

#include <chrono>
#include <cstdint>
#include <string_view>

namespace gangd::model {

// All but `hz` in CPU cycles.
struct Cpu {
  std::string_view name;
  double hz = 0;
  double pass = 0;        // once through the main loop
  double command = 0;     // around a command on the flash bus
  double interrupt = 0;   // of the USB controller: for each packet, or with DMA for what it moves
  double usb_byte = 0;    // between the USB controller and memory; 0: DMA
  double flash_byte = 0;  // into or out of the flash controller's FIFO, while its bus goes on
  double swap_byte = 0;   // where an octal part exchanges the two of a pair
  double crc_byte = 0;
  double hash_byte = 0;
  double lz4_byte = 0;    // of what comes out
  double blank_byte = 0;  // looked at
  // Its port reads the flash by DMA, while the CPU goes on with the bytes before.
  bool reads_by_dma = true;

  std::chrono::nanoseconds time(double cycles) const;
};

// Null if there is none of this name. "rough" is no microcontroller: 2 us for a pass and 1 us for a
// command, nothing else costs anything.
const Cpu* find_cpu(std::string_view name);

}  // namespace gangd::model
