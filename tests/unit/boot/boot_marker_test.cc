// Firmware that is whole and does not work must not be started for ever.
#include <gtest/gtest.h>

#include "tests/unit/boot/boot_bench.h"

namespace gangd {
namespace {

class BootMarkerTest : public testing::Test {
 protected:
  BootMarkerTest() { bench_.install(); }

  // How often it is started until the loader stays.
  int starts(boot_cause cause, int most = 1000) {
    int count = 0;
    while (count < most && bench_.decide(cause) == BOOT_GOES) ++count;
    return count;
  }

  BootBench bench_;
};

TEST_F(BootMarkerTest, FaultsInARowEndInDfu) {
  EXPECT_EQ(bench_.decide(BOOT_BY_POWER), BOOT_GOES);
  EXPECT_EQ(starts(BOOT_BY_FAULT), BOOT_FAULTS_MAX - 1);
  EXPECT_EQ(bench_.decide(BOOT_BY_FAULT), BOOT_FAULTS_TOO_OFTEN);
  EXPECT_EQ(bench_.decide(BOOT_BY_RESTART), BOOT_FAULTS_TOO_OFTEN) << "and there it stays";
}

TEST_F(BootMarkerTest, RestartsInARowEndInDfu) {
  EXPECT_EQ(bench_.decide(BOOT_BY_POWER), BOOT_GOES);
  EXPECT_EQ(starts(BOOT_BY_RESTART), BOOT_RESTARTS_MAX - 1);
  EXPECT_EQ(bench_.decide(BOOT_BY_RESTART), BOOT_FAULTS_TOO_OFTEN);
}

TEST_F(BootMarkerTest, PowerOrTheButtonBeginsAnew) {
  for (const boot_cause cause : {BOOT_BY_POWER, BOOT_BY_PIN}) {
    EXPECT_EQ(bench_.decide(cause), BOOT_GOES);
    starts(BOOT_BY_FAULT);
    EXPECT_EQ(bench_.decide(BOOT_BY_FAULT), BOOT_FAULTS_TOO_OFTEN);
    EXPECT_EQ(bench_.decide(cause), BOOT_GOES);
  }
}

TEST_F(BootMarkerTest, AnApplicationThatSaysItIsWellMayRestart) {
  for (int i = 0; i < 1000; ++i) {
    ASSERT_EQ(bench_.decide(i % 2 == 0 ? BOOT_BY_RESTART : BOOT_BY_FAULT), BOOT_GOES);
    bench_.marker = 0;
  }
}

TEST_F(BootMarkerTest, NewFirmwareIsTriedAgain) {
  EXPECT_EQ(bench_.decide(BOOT_BY_POWER), BOOT_GOES);
  starts(BOOT_BY_FAULT);
  boot_forget_faults(&bench_.port);
  EXPECT_EQ(bench_.decide(BOOT_BY_RESTART), BOOT_GOES);
}

TEST_F(BootMarkerTest, AskingForDfuIsNoFault) {
  EXPECT_EQ(bench_.decide(BOOT_BY_POWER), BOOT_GOES);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(bench_.decide(BOOT_BY_RESTART, true), BOOT_STAYS);
    EXPECT_EQ(bench_.decide(BOOT_BY_RESTART), BOOT_GOES) << "from DFU into the application";
  }
}

// Power has gone: the word may be anything.
TEST_F(BootMarkerTest, GarbageMeansNothing) {
  bench_.marker = 0xffff'ffff;
  EXPECT_EQ(bench_.decide(BOOT_BY_FAULT), BOOT_GOES);
  bench_.marker = BOOT_MARKER_MAGIC | 0xffff;
  EXPECT_EQ(bench_.decide(BOOT_BY_POWER), BOOT_GOES);
}

TEST_F(BootMarkerTest, CountsDoNotWrap) {
  bench_.rules.restarts_max = 0;
  bench_.rules.faults_max = 0;
  EXPECT_EQ(bench_.decide(BOOT_BY_POWER), BOOT_GOES);
  EXPECT_EQ(starts(BOOT_BY_RESTART, 300) + starts(BOOT_BY_FAULT, 300), 600) << "not counted";
  EXPECT_EQ(bench_.marker, BOOT_MARKER_MAGIC | BOOT_MARKER_RUNS | 0x7fffu);
}

// A flash that faults the CPU when the loader looks at the image is a fault of the image.
TEST_F(BootMarkerTest, TheLookAtTheImageIsUnderWayInTheMarker) {
  static std::uint32_t* marker;
  static std::uint32_t during;
  marker = &bench_.marker;
  bench_.port.sha256 = [](void*, std::uint32_t, std::uint32_t, std::uint8_t*) {
    during = *marker;
    return false;
  };
  EXPECT_EQ(bench_.decide(BOOT_BY_POWER), BOOT_IMAGE_UNREADABLE);
  EXPECT_EQ(during, BOOT_MARKER_MAGIC | std::uint32_t{BOOT_MARKER_RUNS});
  EXPECT_EQ(bench_.marker, std::uint32_t{BOOT_MARKER_MAGIC}) << "in DFU nothing runs";
}

}  // namespace
}  // namespace gangd
