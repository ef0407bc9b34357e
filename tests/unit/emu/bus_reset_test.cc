// A host resets the bus whenever it likes: also in the middle of an answer, between two
// instructions of the driver. The controller closes the endpoints by itself, and the program learns
// of it later.
#include <fmt/core.h>

#include <deque>
#include <iterator>
#include <vector>

#include "target_fw/core/crc32c.h"
#include "target_fw/xfp.h"
#include "tests/unit/emu/dfu_host.h"

namespace gangd::emu {
namespace {

constexpr std::uint8_t kOut = 0x01;
constexpr std::uint8_t kIn = 0x81;
constexpr auto kStep = 470ns;

Bytes hello() {
  Bytes frame(XFP_HEADER_SIZE);
  store_le32(&frame[XFP_AT_MAGIC], XFP_MAGIC);
  store_le32(&frame[XFP_AT_SESSION], 1);
  frame[XFP_AT_OP] = XFP_HELLO;
  const std::uint32_t crc = crc32c_update(0, &frame[XFP_AT_SESSION], XFP_HEADER_SIZE - 8);
  store_le32(&frame[XFP_AT_CRC], crc);
  return frame;
}

class BusReset : public testing::Test {
 protected:
  using Time = InternalFlash::Time;

  BusReset() { bench_.power_cycle(); }

  // Resets the bus at each moment of the exchange, from its first packet until it is over.
  void reset_within(const std::vector<model::Transfer>& exchange) {
    std::uint64_t resets = 0;
    for (Time after{}; comes_before_the_end(exchange, after) && !HasFailure(); after += kStep) {
      ++resets;
    }
    EXPECT_GT(resets, 20U);
    fmt::print("{} resets of the bus\n", resets);
    DfuHost host(bench_);
    EXPECT_TRUE(host.greet()) << bench_.state();
  }

 private:
  bool comes_before_the_end(const std::vector<model::Transfer>& exchange, Time after) {
    DfuHost host(bench_);
    EXPECT_TRUE(host.greet()) << bench_.state();
    std::size_t completed = 0;
    bench_.board().on_complete = [&completed](model::Transfer&) { ++completed; };
    transfers_.insert(transfers_.end(), exchange.begin(), exchange.end());
    for (auto at = transfers_.end() - std::ssize(exchange); at != transfers_.end(); ++at) {
      bench_.board().submit(*at, bench_.now());
    }
    bench_.run(after);
    const bool is_early = completed < exchange.size();
    bench_.board().bus_reset(bench_.now());
    return is_early;
  }

  ResidentBench bench_{"stm32h7s78-dk-resident.elf"};
  std::deque<model::Transfer> transfers_;
};

TEST_F(BusReset, WithinAnExchangeOfFramesIsSurvived) {
  reset_within({{.endpoint = kOut, .setup = {}, .data = hello()},
                {.endpoint = kIn, .setup = {}, .data = Bytes(1024)}});
}

TEST_F(BusReset, WithinADescriptorIsSurvived) {
  reset_within({{.endpoint = 0, .setup = {0x80, 6, 0, 2, 0, 0, 255, 0}, .data = Bytes(255)}});
}

TEST_F(BusReset, WithinADownloadIsSurvived) {
  reset_within(
      {{.endpoint = 0, .setup = {0x21, DFU_DNLOAD, 2, 0, 0, 0, 200, 0}, .data = Bytes(200)}});
}

}  // namespace
}  // namespace gangd::emu
