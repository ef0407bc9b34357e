// A line of virtual boards in virtual time: the daemon's recipe on simulated buses, the firmware
// that ships on chip models, and what that took.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "tests/model/usb_bus.h"

namespace gangd::bench {

struct BoardKind {
  std::string cpu;   // of tests/model/cpus.cc
  std::string part;  // of tests/model/parts.toml
  std::uint8_t lanes = 8;
};

// What is in the chip before.
enum class Before {
  kBlank,
  kDirty,    // something else
  kOneByte,  // the image, but for one byte
};

struct Line {
  BoardKind kind;
  int boards = 1;
  bool in_turn = false;  // one after another: what the first has found out, the next know
  // Boards are spread over them in turn.
  std::vector<model::UsbBus::Kind> buses;
  Before before = Before::kBlank;
  ByteVector image;
};

// Seconds.
struct BoardTimes {
  double identify = 0;
  double plan = 0;  // finding out what differs
  double erase = 0;
  double write = 0;
  double hash = 0;
  double write_begin = 0;  // since the line began
  double write_end = 0;
  double all() const { return plan + erase + write + hash; }  // from the beginning of the attempt
};

struct LineTimes {
  std::vector<BoardTimes> boards;
  double makespan = 0;  // from the first connection to the last PASS, without plugging in
  std::uint64_t usb_bytes = 0;
  double bus_busy = 0;  // of the makespan, over all buses; 1 is saturated
  // Bytes in a second while the first board had begun to write and the last had not ended.
  double write_rate() const;
  std::string failure;  // of the first board that did not pass; its chip was looked at, too
};

LineTimes run_line(const Line& line);

// Bytes that no compression makes less, and such as firmware has: code with its repetitions,
// tables, text, unused space.
ByteVector random_image(std::size_t size);
ByteVector firmware_image(std::size_t size);

}  // namespace gangd::bench
