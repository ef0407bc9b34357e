#include "tests/model/cpu_meter.h"

#include <algorithm>
#include <utility>

#include "base/check.h"
#include "target_fw/core/blank.h"
#include "target_fw/core/crc32c.h"
#include "target_fw/core/lz4.h"
#include "target_fw/core/sha256.h"
#include "target_fw/core/swap_pairs.h"

namespace gangd::model {
namespace {

// C functions have nobody to ask whose work it is that they do.
thread_local CpuMeter* present = nullptr;

void charge(double Cpu::* of_byte, std::uint32_t bytes) {
  if (present != nullptr) present->add(present->cpu().*of_byte * bytes);
}

}  // namespace

CpuMeter::Running::Running(CpuMeter& meter) {
  CHECK(present == nullptr);
  present = &meter;
}
CpuMeter::Running::~Running() {
  present = nullptr;
}

std::chrono::nanoseconds CpuMeter::take() {
  return cycles_ == 0 ? std::chrono::nanoseconds() : cpu_.time(std::exchange(cycles_, 0));
}

}  // namespace gangd::model

// The names are the linker's: --wrap=f sends calls of f to __wrap_f, and __real_f is f.
extern "C" {

std::uint32_t __real_crc32c_update(std::uint32_t crc, const std::uint8_t* bytes,
                                   std::uint32_t size);
std::uint32_t __wrap_crc32c_update(std::uint32_t crc, const std::uint8_t* bytes,
                                   std::uint32_t size) {
  gangd::model::charge(&gangd::model::Cpu::crc_byte, size);
  return __real_crc32c_update(crc, bytes, size);
}

void __real_sha256_update(sha256* hash, const std::uint8_t* bytes, std::uint32_t size);
void __wrap_sha256_update(sha256* hash, const std::uint8_t* bytes, std::uint32_t size) {
  gangd::model::charge(&gangd::model::Cpu::hash_byte, size);
  __real_sha256_update(hash, bytes, size);
}

// A sequence of few bytes takes as long as one of more: what is counted is the mean of usual ones.
lz4_state __real_lz4_step(lz4* block, std::uint32_t bytes_max);
lz4_state __wrap_lz4_step(lz4* block, std::uint32_t bytes_max) {
  const std::uint32_t before = block->out_at;
  const lz4_state state = __real_lz4_step(block, bytes_max);
  gangd::model::charge(&gangd::model::Cpu::lz4_byte, block->out_at - before);
  return state;
}

void __real_swap_pairs(std::uint8_t* to, const std::uint8_t* from, std::uint32_t size);
void __wrap_swap_pairs(std::uint8_t* to, const std::uint8_t* from, std::uint32_t size) {
  gangd::model::charge(&gangd::model::Cpu::swap_byte, size);
  __real_swap_pairs(to, from, size);
}

// It ends at the first byte that is not blank.
bool __real_is_blank(const std::uint8_t* bytes, std::uint32_t size);
bool __wrap_is_blank(const std::uint8_t* bytes, std::uint32_t size) {
  const auto* end =
      std::find_if(bytes, bytes + size, [](std::uint8_t byte) { return byte != 0xff; });
  gangd::model::charge(&gangd::model::Cpu::blank_byte, static_cast<std::uint32_t>(end - bytes));
  return __real_is_blank(bytes, size);
}
}
