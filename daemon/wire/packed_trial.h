// Whether packed pieces arrive sooner than they would as they are. A device whose chip waits for
// its CPU and not for the wire loses by unpacking, and only a try can tell.
#pragma once

#include <cstdint>
#include <optional>

#include "loop/clock.h"

namespace gangd {

class PackedTrial {
 public:
  // The wire carries so many bytes in a second at most: what is faster needs no comparison.
  explicit PackedTrial(double wire_rate) : wire_rate_(wire_rate) {}

  // What boards of its kind have found out, if they have, needs no trial; what this one finds out
  // is left there. It must outlive the trial.
  void share(std::optional<bool>& is_faster_packed);

  // How pieces are to be sent from now on.
  bool packs() const { return phase_ == Phase::kPacked || phase_ == Phase::kKeepPacked; }
  // Of a piece that is sent now; it is given back when the piece is answered.
  int lap() const { return static_cast<int>(phase_); }

  // So many bytes of pieces of this lap were answered together.
  void answered(int lap, std::uint64_t bytes, Instant now);
  // What comes next does not follow at once: a fault.
  void interrupted() { skipped_ = measured_ = 0; }

 private:
  enum class Phase { kPacked, kRaw, kKeepPacked, kKeepRaw };

  void decide(double rate);
  void keep(bool packed);

  const double wire_rate_;
  Phase phase_ = Phase::kPacked;
  std::uint64_t skipped_ = 0;
  std::uint64_t measured_ = 0;
  Instant from_{};
  double packed_rate_ = 0;
  std::optional<bool>* shared_ = nullptr;
};

}  // namespace gangd
