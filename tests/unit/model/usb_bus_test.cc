#include "tests/model/usb_bus.h"

#include <gtest/gtest.h>

namespace gangd::model {
namespace {

using namespace std::chrono_literals;

// What breaks: a bus that carries more, or less, than it is said to.
TEST(UsbBusTest, CarriesItsPacketsOfAFrame) {
  UsbBus high(UsbBus::kHighSpeed);
  EXPECT_EQ(high.carry({}, 10, 10 * 512), 125us);
  EXPECT_DOUBLE_EQ(high.rate(), 40.96e6);
  UsbBus full(UsbBus::kFullSpeed);
  EXPECT_EQ(full.carry({}, 19, 19 * 64), 1ms);
  UsbBus slow(UsbBus::high_speed(20e6));
  EXPECT_NEAR(slow.rate(), 20e6, 1);
}

// What breaks: a bus that does two things at once, or loses time that nobody asked for.
TEST(UsbBusTest, ServesInTheOrderOfAsking) {
  UsbBus bus(UsbBus::kHighSpeed);
  EXPECT_EQ(bus.carry(1ms, 10, 5120), 1125us);
  EXPECT_EQ(bus.carry(1ms, 10, 5120), 1250us);
  EXPECT_EQ(bus.carry(2ms, 10, 5120), 2125us);
  EXPECT_EQ(bus.bytes(), 15360u);
  EXPECT_EQ(bus.busy(), 375us);
}

// What breaks: short packets that are free, or cost as much as full ones.
TEST(UsbBusTest, AShortPacketSavesItsBytesAlone) {
  UsbBus bus(UsbBus::kHighSpeed);
  const auto empty = bus.carry({}, 1, 0);
  EXPECT_GT(empty, 3us);
  EXPECT_LT(empty, 12500ns / 2);
}

}  // namespace
}  // namespace gangd::model
