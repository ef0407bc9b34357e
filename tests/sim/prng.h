// The simulation's dice: SplitMix64 (Steele, Lea, Flood 2014). Our own, because the distributions
// of the standard library give other numbers on another machine.
#pragma once

#include <cstdint>

#include "base/check.h"
#include "loop/clock.h"

namespace gangd::sim {

class Prng {
 public:
  explicit Prng(std::uint64_t seed) : state_(seed) {}

  std::uint64_t next() {
    state_ += 0x9e3779b97f4a7c15;
    std::uint64_t z = state_;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
    z = (z ^ z >> 27) * 0x94d049bb133111eb;
    return z ^ z >> 31;
  }

  // 0 ... bound - 1. The bias for bounds far below 2^64 is of no matter here.
  std::uint64_t below(std::uint64_t bound) {
    CHECK(bound > 0);
    return next() % bound;
  }
  bool chance(std::uint64_t per_mille) { return below(1000) < per_mille; }
  Duration between(Duration least, Duration most) {
    CHECK(least <= most);
    return least + Duration(below(static_cast<std::uint64_t>((most - least).count()) + 1));
  }

  // Another stream: what is drawn from one does not shift the other.
  Prng fork() { return Prng(next()); }

 private:
  std::uint64_t state_;
};

}  // namespace gangd::sim
