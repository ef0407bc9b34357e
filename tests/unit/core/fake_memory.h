// A memory for the core's tests: bytes, the time that operations take, failures on demand. Harder
// on the core than a real driver: it touches the bytes of a write only when the write ends, and
// says what the core has broken of the contract of memory.h.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "target_fw/core/memory.h"

namespace gangd::model {

// Of one block size and one bank.
inline memory_geometry flash(std::uint32_t address, std::uint32_t size, std::uint32_t erase_size,
                             std::uint32_t write_size = 1) {
  return {address, size, erase_size, write_size, erase_size, size};
}

class FakeMemory {
 public:
  struct Options {
    const char* name = "External NOR";
    memory_geometry geometry = flash(0x90000000, 1024 * 1024, 4096);
    bool readable = true;
    bool erasable = true;
    bool writable = true;
    std::uint32_t erase_ms = 40;
    std::uint32_t erase_all_ms = 3000;
    std::uint32_t write_ms = 2;
    // What it really takes, as a share of what it says.
    double slowness = 0.95;
  };

  FakeMemory(const Options& options, const std::uint64_t& now_us);
  FakeMemory(const FakeMemory&) = delete;
  FakeMemory& operator=(const FakeMemory&) = delete;

  memory as_memory();

  std::vector<std::uint8_t> bytes;
  // "erase 0x90001000", "write 0x90001000 4096", "erase all", as they were begun.
  std::vector<std::string> operations;
  // What each of the next operations ends with; DFU_OK when there is no more.
  std::deque<dfu_status> outcomes;
  dfu_status read_outcome = DFU_OK;
  // A chip in a state in which it reads wrong, until it is restarted.
  bool reads_wrong = false;
  int restarts = 0;
  std::vector<std::string> complaints;

  bool busy() const { return busy_; }
  const Options& options() const { return options_; }

 private:
  void begin(std::string name, std::uint32_t address, std::uint32_t size,
             const std::uint8_t* source, std::uint32_t ms);
  memory_progress poll();
  dfu_status read(std::uint32_t address, std::uint8_t* to, std::uint32_t size);
  void apply();
  bool contains(std::uint32_t address, std::uint32_t size) const;
  // Of a bank in which an operation runs.
  bool is_worked_on(std::uint32_t address, std::uint32_t size) const;

  struct BegunRead {
    std::uint32_t address = 0;
    std::uint8_t* to = nullptr;
    std::uint32_t size = 0;
  };

  const Options options_;
  const std::uint64_t& now_us_;
  BegunRead begun_read_;
  bool busy_ = false;
  std::uint64_t ends_us_ = 0;
  std::uint32_t offset_ = 0;
  std::uint32_t size_ = 0;
  const std::uint8_t* source_ = nullptr;  // of a write; null: erase
  std::vector<std::uint8_t> source_then_;
  dfu_status outcome_ = DFU_OK;
  dfu_status last_ = DFU_OK;
};

}  // namespace gangd::model
