#include "tests/bench/chip_limit.h"

#include <algorithm>

namespace gangd::bench {
namespace {

constexpr std::uint64_t kBlock = 64 * 1024;  // of each die
// Before the data of a register and of the array: by JESD216 and JESD251 some 4 and 20 clocks in
// octal DTR at the full clock, and 6 on four lanes. Only the one before a read of megabytes matters
// less than the others.
constexpr double kOctalRegisterDummies = 4;
constexpr double kOctalReadDummies = 20;
constexpr double kQuadReadDummies = 6;

double seconds(std::chrono::nanoseconds time) {
  return static_cast<double>(time.count()) * 1e-9;
}

// Clocks of the phases of a command on the part's bus.
struct Bus {
  Bus(const model::Part& part, double clock)
      : octal(part.bus == model::Part::Bus::kOctal),
        hz(std::min<double>(clock, octal ? part.clock.octal_dtr : part.clock.quad)),
        address_bytes(part.four_byte ? 4 : 3),
        clocks_of_byte(octal ? 0.5 : 2.0 / part.dies) {}

  double instruction() const { return octal ? 1 : 8; }  // 16 bits on 8 lanes and both edges
  double address() const { return octal ? 2 : address_bytes * 2; }
  double data(std::uint64_t bytes) const { return static_cast<double>(bytes) * clocks_of_byte; }
  double write_enable() const { return instruction() / hz; }
  double status() const {
    return (octal ? instruction() + address() + kOctalRegisterDummies + 1 : instruction() + 8) / hz;
  }
  double operation(std::uint64_t load) const {
    return write_enable() + (instruction() + address() + data(load)) / hz + status();
  }
  double read(std::uint64_t bytes) const {
    const double dummies = octal ? kOctalReadDummies : kQuadReadDummies;
    return (instruction() + address() + dummies + data(bytes)) / hz;
  }

  const bool octal;
  const double hz;
  const double address_bytes;
  const double clocks_of_byte;
};

}  // namespace

ChipLimit chip_limit(const model::Part& part, const ChipWork& work, double clock) {
  const Bus bus(part, clock);
  ChipLimit limit;
  if (work.erased > 0) {
    // The largest blocks up to 64 KiB: nothing beside the image is to be lost.
    const model::EraseType* type = nullptr;
    for (const model::EraseType& other : part.erase_types) {
      if (type == nullptr ||
          other.size <= std::max<std::uint64_t>(kBlock * part.dies, type->size)) {
        type = &other;
      }
    }
    const auto blocks = static_cast<double>((work.erased + type->size - 1) / type->size);
    limit.erase_s = blocks * (bus.operation(0) + seconds(type->time.typical));
    if (work.erased >= part.size) {
      const double all_s = bus.operation(0) + seconds(part.times.chip_erase.typical);
      limit.erase_s = std::min(limit.erase_s, all_s);
    }
  }
  const std::uint64_t page = part.page_size;
  const auto pages = static_cast<double>((work.programmed + page - 1) / page);
  limit.program_s = pages * (bus.operation(page) + seconds(part.times.page_program.typical));
  if (work.read > 0) limit.read_s = bus.read(work.read);
  return limit;
}

}  // namespace gangd::bench
