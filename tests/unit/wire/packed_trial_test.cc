// A board that unpacks more slowly than the wire carries must get its image as it is.
#include "wire/packed_trial.h"

#include <gtest/gtest.h>

#include <chrono>
#include <optional>

namespace gangd {
namespace {

constexpr double kWire = 1.2e6;
constexpr std::uint64_t kPiece = 16384;

// Answers, piece by piece, at these rates; whether it packs in the end.
bool decide(double packed_rate, double raw_rate) {
  PackedTrial trial(kWire);
  Instant now{};
  for (int i = 0; i < 100; ++i) {
    const double rate = trial.packs() ? packed_rate : raw_rate;
    now += std::chrono::duration_cast<Duration>(
        std::chrono::duration<double>(static_cast<double>(kPiece) / rate));
    trial.answered(trial.lap(), kPiece, now);
  }
  return trial.packs();
}

TEST(PackedTrial, TheFasterWayIsKept) {
  EXPECT_TRUE(decide(1.1e6, 1.0e6));
  EXPECT_FALSE(decide(1.0e6, 1.01e6));
}

// What breaks: each board of a job pays for a trial whose outcome is known.
TEST(PackedTrial, TheNextBoardKnowsWhatTheFirstFoundOut) {
  for (const double raw_rate : {1.0e6, 1.15e6}) {
    std::optional<bool> found;
    PackedTrial first(kWire);
    first.share(found);
    Instant now{};
    for (int i = 0; i < 100; ++i) {
      EXPECT_EQ(found.has_value(), i > 31) << i;
      const double rate = first.packs() ? 1.1e6 : raw_rate;
      now += std::chrono::duration_cast<Duration>(
          std::chrono::duration<double>(static_cast<double>(kPiece) / rate));
      first.answered(first.lap(), kPiece, now);
    }
    ASSERT_TRUE(found.has_value());
    EXPECT_EQ(*found, raw_rate < 1.1e6);
    PackedTrial next(kWire);
    next.share(found);
    const int lap = next.lap();
    EXPECT_EQ(next.packs(), *found);
    next.answered(lap, 1 << 20, now);
    EXPECT_EQ(next.lap(), lap);
  }
}

// Where packed pieces beat the wire itself, not one is sent as it is for comparison.
TEST(PackedTrial, WhatBeatsTheWireIsNotCompared) {
  PackedTrial trial(kWire);
  Instant now{};
  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(trial.packs());
    now += std::chrono::milliseconds(10);  // 1.6 MB/s
    trial.answered(trial.lap(), kPiece, now);
  }
}

// What was sent before the change, and what the device had in its buffer, says nothing.
TEST(PackedTrial, PiecesOfAnotherLapDoNotCount) {
  PackedTrial trial(kWire);
  Instant now{};
  for (int i = 0; i < 1000; ++i) {
    now += std::chrono::seconds(1);
    trial.answered(trial.lap() + 1, kPiece, now);
  }
  EXPECT_TRUE(trial.packs());
}

// The pause of a fault would make the better way look worse.
TEST(PackedTrial, AFaultBeginsTheMeasurementAnew) {
  PackedTrial trial(kWire);
  Instant now{};
  for (int i = 0; i < 12; ++i) trial.answered(trial.lap(), kPiece, now);
  now += std::chrono::hours(1);
  trial.interrupted();
  for (int i = 0; i < 100; ++i) {
    now += std::chrono::milliseconds(10);
    trial.answered(trial.lap(), kPiece, now);
    EXPECT_TRUE(trial.packs());
  }
}

}  // namespace
}  // namespace gangd
