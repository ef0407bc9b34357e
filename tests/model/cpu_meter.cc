#include "tests/model/cpu_meter.h"

#include <utility>

#include "base/check.h"
#include "target_fw/core/crc32c.h"
#include "target_fw/core/sha256.h"

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
}
