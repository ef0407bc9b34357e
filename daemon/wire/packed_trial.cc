#include "wire/packed_trial.h"

#include <chrono>

namespace gangd {
namespace {

// More than devices buffer: they live on what came before.
constexpr std::uint64_t kSkipped = 128 << 10;
constexpr std::uint64_t kMeasured = 128 << 10;

}  // namespace

void PackedTrial::answered(int lap, std::uint64_t bytes, Instant now) {
  const bool is_decided = phase_ == Phase::kKeepPacked || phase_ == Phase::kKeepRaw;
  if (is_decided || lap != this->lap() || bytes == 0) return;
  if (skipped_ < kSkipped) {
    skipped_ += bytes;
    from_ = now;
    return;
  }
  measured_ += bytes;
  if (measured_ < kMeasured || now <= from_) return;
  decide(static_cast<double>(measured_) / std::chrono::duration<double>(now - from_).count());
  skipped_ = measured_ = 0;
}

void PackedTrial::share(std::optional<bool>& is_faster_packed) {
  shared_ = &is_faster_packed;
  if (shared_->has_value()) keep(**shared_);
}

void PackedTrial::decide(double rate) {
  if (phase_ == Phase::kRaw) {
    keep(rate <= packed_rate_);
  } else if (rate >= wire_rate_) {
    keep(true);
  } else {
    packed_rate_ = rate;
    phase_ = Phase::kRaw;
  }
}

void PackedTrial::keep(bool packed) {
  phase_ = packed ? Phase::kKeepPacked : Phase::kKeepRaw;
  if (shared_ != nullptr) *shared_ = packed;
}

}  // namespace gangd
