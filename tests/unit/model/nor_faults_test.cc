// What goes wrong with flash chips, and how it shows.
#include "tests/unit/model/pins.h"

namespace gangd::model {
namespace {

using namespace std::chrono_literals;

TEST(NorFaults, AFailedOperationSetsItsFlagUntilTheNextGoodOne) {
  Pins pins("MX25R6435F");
  pins.chip.fail_operation(0);
  pins.program(0, {0});
  pins.finish();
  EXPECT_EQ(pins.security(), 0x20);
  EXPECT_EQ(pins.peek(0, 1), Bytes{0xff});
  pins.program(0, {0});
  pins.finish();
  EXPECT_EQ(pins.security(), 0);
  pins.chip.fail_operation(0);
  pins.erase_4k(0);
  pins.finish();
  EXPECT_EQ(pins.security(), 0x40);
  EXPECT_EQ(pins.peek(0, 1), Bytes{0x00});
}

TEST(NorFaults, ASkippedOperationLooksDone) {
  Pins pins("MX25R6435F");
  pins.chip.skip_operation(1);
  pins.program(0, {0});
  pins.finish();
  pins.program(1, {0});
  pins.finish();
  EXPECT_EQ(pins.security(), 0);
  EXPECT_EQ(pins.peek(0, 2), (Bytes{0x00, 0xff}));
}

TEST(NorFaults, AHungOperationEndsWithAReset) {
  Pins pins("MX25R6435F");
  pins.chip.hang_operation(0);
  pins.erase_4k(0);
  EXPECT_EQ(pins.chip.busy_until(), Time::max());
  pins.now += 3600s;
  EXPECT_EQ(pins.status() & 1, 1);
  pins.send(0x66);
  pins.send(0x99);
  pins.now += pins.part.reset_busy;
  EXPECT_EQ(pins.status(), 0);
}

TEST(NorFaults, PowerFailsInTheMiddleOfTheChosenOperation) {
  Pins pins("MX66UW1G45G");
  pins.chip.cut_power_at_operation(1);
  pins.program(0, Bytes(256, 0x00));
  pins.finish();
  EXPECT_FALSE(pins.chip.cut());
  pins.program(256, Bytes(256, 0x00));
  EXPECT_TRUE(pins.chip.cut());
  EXPECT_FALSE(pins.chip.powered());
  EXPECT_EQ(pins.read_register(0x9f, 3), Bytes(3, 0xff));
  EXPECT_EQ(pins.peek(0, 256), Bytes(256, 0x00));
  EXPECT_NE(pins.peek(256, 256), Bytes(256, 0x00));
  EXPECT_NE(pins.peek(256, 256), Bytes(256, 0xff));
  pins.power_cycle();
  EXPECT_FALSE(pins.chip.cut());
  EXPECT_EQ(pins.read_register(0x9f, 3), (Bytes{0xc2, 0x81, 0x3b}));
}

TEST(NorFaults, UnpluggingCutsWhatRuns) {
  Pins pins("MX66UW1G45G");
  pins.chip.poke(0, Bytes(65536, 0x00));
  pins.erase_64k(0);
  pins.now += 100ms;  // of 256
  pins.chip.power_off(pins.now);
  EXPECT_NE(pins.peek(0, 65536), Bytes(65536, 0x00));
  EXPECT_NE(pins.peek(0, 65536), Bytes(65536, 0xff));
}

TEST(NorFaults, UnpluggingBehindTheEndCutsNothing) {
  Pins pins("MX66UW1G45G");
  pins.chip.poke(0, Bytes(65536, 0x00));
  pins.erase_64k(0);
  pins.finish();
  pins.chip.power_off(pins.now);
  EXPECT_EQ(pins.peek(0, 65536), Bytes(65536, 0xff));
}

TEST(NorFaults, AResetCutsWhatRuns) {
  Pins pins("MX25R6435F");
  pins.chip.poke(0, Bytes(4096, 0x00));
  pins.erase_4k(0);
  pins.now += 20ms;
  pins.send(0x66);
  pins.send(0x99);
  pins.now += pins.part.reset_busy;
  EXPECT_EQ(pins.status(), 0);
  EXPECT_NE(pins.peek(0, 4096), Bytes(4096, 0xff));
}

TEST(NorFaults, SomeChipsPowerUpInOctalMode) {
  Pins pins("MX66UW1G45G");
  pins.chip.power_up_in(Mode::kOctalDtr);
  pins.power_cycle(Mode::kOctalDtr);
  EXPECT_EQ(pins.read_register(0x9f, 3), (Bytes{0xc2, 0x81, 0x3b}));
  pins.send(0x66);
  pins.send(0x99);
  pins.now += pins.part.reset;
  EXPECT_EQ(pins.read_register(0x9f, 3), (Bytes{0xc2, 0x81, 0x3b})) << "a reset returns to it";
}

// What comes back may look like an id: a driver must not ask before it has ended this.
TEST(NorFaults, AContinuousReadTakesCommandsForAddresses) {
  Pins pins("MX25R6435F");
  pins.chip.poke(0, Bytes(pins.part.size, 0x5a));
  pins.chip.leave_in_continuous_read();
  EXPECT_EQ(pins.read_register(0x9f, 3), Bytes(3, 0x5a));
  pins.send(0x66);
  pins.send(0x99);
  EXPECT_EQ(pins.read_register(0x9f, 3), Bytes(3, 0x5a)) << "not even a reset is heard";
  pins.send(0xff);
  EXPECT_EQ(pins.read_register(0x9f, 3), (Bytes{0xc2, 0x28, 0x17}));
  EXPECT_EQ(pins.complaints(), "");
}

TEST(NorFaults, IsNotReadyAtOnceAfterPowerOn) {
  Pins pins("MX25R6435F");
  pins.chip.power_off(pins.now);
  pins.chip.power_on(pins.now);
  pins.send(0x06);
  EXPECT_NE(pins.complaints(), "");
  EXPECT_EQ(pins.read_register(0x9f, 3), Bytes(3, 0xff));
  EXPECT_EQ(pins.complaints(), "");
}

}  // namespace
}  // namespace gangd::model
