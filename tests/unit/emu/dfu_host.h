// A host of one board of resident_bench.h, as small as can be: it greets, and speaks DFU.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include "target_fw/core/dfu.h"
#include "tests/model/greeter.h"
#include "tests/unit/emu/resident_bench.h"

namespace gangd::emu {

// As little of a host as an update takes. What it says is false when the board has gone.
class DfuHost {
 public:
  explicit DfuHost(ResidentBench& bench) : bench_(bench) {
    bench_.board().on_complete = [this](model::Transfer&) { completed_ = true; };
  }

  bool greet() {
    bench_.board().bus_reset(bench_.now());
    bench_.run(100ms);
    model::Greeter greeter;
    model::Transfer question;
    greeter.begin(question);
    while (ask(question)) {
      const model::Greeter::Next next = greeter.answered(question);
      if (next == model::Greeter::Next::kAsk) continue;
      configuration_ = greeter.configuration();
      return next == model::Greeter::Next::kGreeted;
    }
    return false;
  }
  // bmAttributes of the DFU functional descriptor, of a device that was greeted.
  std::uint8_t attributes() const {
    for (std::size_t at = 0; at + 2 < configuration_.size(); at += configuration_[at]) {
      if (configuration_[at] == 9 && configuration_[at + 1] == 0x21) return configuration_[at + 2];
      if (configuration_[at] == 0) break;
    }
    ADD_FAILURE() << "no DFU functional descriptor";
    return 0;
  }
  bool select(std::uint8_t alternate) { return request(0x01, 11, alternate, {}); }
  // Into the memory of this alternate setting: its page, then the bytes.
  bool write(std::uint8_t alternate, std::uint32_t address, const Bytes& bytes) {
    return select(alternate) && command(0x41, address) && write_again(address, bytes);
  }
  // Into the memory that is selected, where it is erased or holds these very bytes.
  bool write_again(std::uint32_t address, const Bytes& bytes) {
    return set_pointer(address) && download(2, bytes);
  }
  bool set_pointer(std::uint32_t address) { return command(0x21, address); }
  // False: it is not answered, or with STALL. answer() is what came.
  bool request(std::uint8_t type, std::uint8_t code, std::uint16_t value, const Bytes& bytes) {
    model::Transfer transfer;
    const auto size = static_cast<std::uint16_t>(bytes.size());
    transfer.setup = {
        type, code, static_cast<std::uint8_t>(value), static_cast<std::uint8_t>(value >> 8),
        0,    0,    static_cast<std::uint8_t>(size),  static_cast<std::uint8_t>(size >> 8)};
    transfer.data = bytes;
    const bool good = ask(transfer);
    answer_ = transfer.data;
    return good;
  }
  const Bytes& answer() const { return answer_; }
  // bStatus and bState; DFU_STATUS_SIZE bytes were asked for.
  std::pair<int, int> status() {
    if (!request(0xa1, DFU_GETSTATUS, 0, Bytes(DFU_STATUS_SIZE))) return {-1, -1};
    return {answer_[0], answer_[4]};
  }

 private:
  bool ask(model::Transfer& transfer) {
    completed_ = false;
    bench_.board().submit(transfer, bench_.now());
    for (int i = 0; i < 50'000 && !completed_ && bench_.in_dfu(); ++i) bench_.run(100us);
    return completed_ && transfer.outcome == model::Outcome::kDone;
  }
  bool command(std::uint8_t code, std::uint32_t address) {
    Bytes bytes(5, code);
    store_le32(&bytes[1], address);
    return download(0, bytes);
  }
  bool download(std::uint16_t block, const Bytes& bytes) {
    if (!request(0x21, DFU_DNLOAD, block, bytes)) return false;
    while (request(0xa1, DFU_GETSTATUS, 0, Bytes(DFU_STATUS_SIZE))) {
      EXPECT_EQ(answer_[0], DFU_OK);
      if (answer_[4] != DFU_DNBUSY) return answer_[4] == DFU_DNLOAD_IDLE;
      bench_.run(1ms * (answer_[1] | answer_[2] << 8));
    }
    return false;
  }

  ResidentBench& bench_;
  bool completed_ = false;
  Bytes answer_;
  Bytes configuration_;
};

}  // namespace gangd::emu
