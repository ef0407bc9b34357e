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

void PackedTrial::decide(double rate) {
  if (phase_ == Phase::kRaw) {
    phase_ = rate > packed_rate_ ? Phase::kKeepRaw : Phase::kKeepPacked;
    return;
  }
  packed_rate_ = rate;
  phase_ = rate >= wire_rate_ ? Phase::kKeepPacked : Phase::kRaw;
}

}  // namespace gangd
