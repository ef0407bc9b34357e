// A PSRAM must take the commands, lanes and latencies that its mode registers say, and no others.
#include "tests/emu/parts/psram.h"

#include <gtest/gtest.h>

#include <numeric>
#include <vector>

namespace gangd::emu {
namespace {

using namespace std::chrono_literals;

class PsramTest : public testing::Test {
 public:
  PsramTest() { psram.power_on(0ms); }
  static xspi_command command(std::uint16_t opcode, std::uint32_t address, std::uint8_t lanes) {
    xspi_command made{};
    made.instruction_phase = {.lanes = 8, .ddr = false};
    made.address_phase = {.lanes = 8, .ddr = true};
    made.data_phase = {.lanes = lanes, .ddr = true};
    made.instruction = opcode;
    made.instruction_size = 1;
    made.address_size = 4;
    made.address = address;
    made.size = 16;
    return made;
  }
  void write(std::uint32_t address, std::uint8_t lanes, std::uint8_t dummies) {
    xspi_command made = command(0xa0, address, lanes);
    made.write = bytes.data();
    made.dummy_cycles = dummies;
    psram.run(made, 1ms, 50'000'000);
  }
  std::vector<std::uint8_t> read(std::uint32_t address, std::uint8_t lanes, std::uint8_t dummies) {
    std::vector<std::uint8_t> into(16);
    xspi_command made = command(0x20, address, lanes);
    made.read = into.data();
    made.dummy_cycles = dummies;
    psram.run(made, 1ms, 50'000'000);
    return into;
  }
  void set_mode(std::uint32_t number, std::uint8_t value) {
    const std::uint8_t pair[2] = {value, value};
    xspi_command made = command(0xc0, number, 8);
    made.write = pair;
    made.size = 2;
    psram.run(made, 1ms, 50'000'000);
  }
  Psram psram{1u << 20};
  std::vector<std::uint8_t> bytes = [] {
    std::vector<std::uint8_t> some(16);
    std::iota(some.begin(), some.end(), std::uint8_t{1});
    return some;
  }();
};

TEST_F(PsramTest, KeepsBytesOnSixteenLanesWithItsLatencies) {
  set_mode(0, 0x11);  // 7
  set_mode(4, 0x20);  // 7
  set_mode(8, 0x48);  // 16 lanes
  write(0x1234, 16, 6);
  EXPECT_EQ(read(0x1234, 16, 6), bytes);
  EXPECT_EQ(psram.complaint(), "");
}

TEST_F(PsramTest, NamesWrongLatenciesAndLanes) {
  read(0, 8, 6);
  EXPECT_EQ(psram.complaint(), "6 dummy cycles where its latency is 5");
  write(0, 16, 4);
  EXPECT_EQ(psram.complaint(), "data on 16 lanes where MR8 says 8 and both edges");
  read((1u << 20) - 8, 8, 4);
  EXPECT_EQ(psram.complaint(), "an address beyond the last byte");
  psram.run(command(0x9f, 0, 8), 1ms, 50'000'000);
  EXPECT_EQ(psram.complaint(), "command 9Fh, which it does not know");
}

TEST_F(PsramTest, WantsToBeReady) {
  psram.power_on(1ms);
  read(0, 8, 4);
  EXPECT_EQ(psram.complaint(), "a command before the PSRAM was ready");
}

}  // namespace
}  // namespace gangd::emu
