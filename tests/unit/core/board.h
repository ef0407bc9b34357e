// The whole core on fake memories, a virtual clock and a virtual USB controller, with the host's
// requests as calls that return when the transfer has ended.
#pragma once

#include <array>
#include <cstdint>
#include <deque>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "target_fw/core/device.h"
#include "tests/model/virtual_usb.h"
#include "tests/unit/core/fake_memory.h"
#include "tests/unit/core/pattern.h"

namespace gangd::model {

struct Reply {
  Outcome outcome;
  std::vector<std::uint8_t> bytes;
  std::uint64_t took_us;
};

// What GETSTATUS tells.
struct DfuStatus {
  int status;
  std::uint32_t timeout_ms;
  int state;
  int string;
};

class Board {
 public:
  struct Options {
    std::vector<FakeMemory::Options> memories = {{}};
    bool can_leave = false;
    bool high_speed = true;
    std::uint8_t serial = 1;  // last byte of the UID
  };

  // Enumerated and configured.
  Board() : Board(Options{}) {}
  explicit Board(const Options& options);
  Board(const Board&) = delete;
  Board& operator=(const Board&) = delete;
  // Nothing may have complained.
  ~Board();

  // --- USB
  Reply control(std::uint8_t type, std::uint8_t request, std::uint16_t value, std::uint16_t index,
                std::span<const std::uint8_t> data, std::uint16_t length);
  Reply read(std::uint8_t type, std::uint8_t request, std::uint16_t value, std::uint16_t length);
  Reply write(std::uint8_t type, std::uint8_t request, std::uint16_t value,
              std::span<const std::uint8_t> data = {});
  void enumerate();
  void bus_reset();
  bool select(std::uint16_t alternate);
  std::string string(std::uint8_t index);

  // --- DFU
  Outcome download(std::uint16_t block, std::span<const std::uint8_t> data);
  Reply upload(std::uint16_t block, std::uint16_t length);
  Outcome request(std::uint8_t request);  // CLRSTATUS, ABORT, DETACH
  DfuStatus status();
  int state();
  // GETSTATUS and the pause that it asks for, until the state is not dfuDNBUSY.
  DfuStatus settle();
  // A download of block 0, settled.
  DfuStatus set_pointer(std::uint32_t address);
  DfuStatus erase(std::uint32_t address);
  DfuStatus erase_all();
  DfuStatus write_block(std::uint16_t block, std::span<const std::uint8_t> data);

  // --- time
  // Lets `us` pass, with the firmware polled as often as it wants.
  void run(std::uint64_t us);
  // Lets it pass with the firmware's main loop stuck.
  void freeze(std::uint64_t us) { now_us += us; }

  std::uint64_t now_us = 0;
  std::deque<FakeMemory> memories;
  struct device device{};
  VirtualUsb usb;
  // Of the leave hook.
  dfu_status leave_check = DFU_OK;
  std::vector<std::uint32_t> jumps;
  // Where something vouches for these bytes; nothing: nowhere. Of the leave hook, too.
  std::function<std::optional<std::uint32_t>(std::uint32_t address, std::uint32_t size)> voucher;
  // Control requests since construction.
  std::uint64_t requests = 0;
  // Called after each control request.
  std::function<void()> after_request;

 private:
  bool pump();

  std::vector<memory> tables_;
  clock_port clock_{};
  dfu_leave leave_{};
  flash_voucher voucher_{};
  device_identity identity_{};
  std::uint32_t wait_us_ = 0;
  bool ended_ = false;
};

std::vector<std::uint8_t> command(std::uint8_t code, std::uint32_t address);

}  // namespace gangd::model
