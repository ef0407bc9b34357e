#include "tests/model/internal_memory.h"

#include <algorithm>
#include <array>
#include <utility>

#include "base/check.h"

namespace gangd::model {
namespace {

using namespace std::chrono_literals;

std::uint32_t in_ms(InternalFlash::Time time) {
  return static_cast<std::uint32_t>((time + 1ms - 1ns) / 1ms);
}

}  // namespace

InternalMemory::InternalMemory(InternalFlash& flash, std::uint32_t address, std::uint32_t size,
                               std::function<Time()> now)
    : flash_(flash), now_(std::move(now)) {
  CHECK(address % InternalFlash::kSectorSize == 0 && size % InternalFlash::kSectorSize == 0);
  memory_.self = this;
  memory_.name = "Internal Flash";
  memory_.geometry = {.address = address,
                      .size = size,
                      .erase_size = InternalFlash::kSectorSize,
                      .write_size = InternalFlash::kWordSize,
                      .erase_min = InternalFlash::kSectorSize,
                      .bank_size = size};
  memory_.readable = memory_.erasable = memory_.writable = true;
  set_functions();
}

void InternalMemory::set_functions() {
  memory_.erase = [](void* self, std::uint32_t address, std::uint32_t) {
    InternalMemory& me = of(self);
    me.erases_ = true;
    me.at_ = address;
    me.left_ = InternalFlash::kSectorSize;
    me.begin_step();
    return InternalFlash::kSectorSize;
  };
  memory_.erase_all = [](void* self) {
    InternalMemory& me = of(self);
    me.erases_ = true;
    me.at_ = me.memory_.geometry.address;
    me.left_ = me.memory_.geometry.size;
    me.begin_step();
  };
  memory_.write = [](void* self, std::uint32_t address, const std::uint8_t* bytes,
                     std::uint32_t size) {
    InternalMemory& me = of(self);
    me.erases_ = false;
    me.at_ = address;
    me.left_ = size;
    me.bytes_ = bytes;
    me.begin_step();
  };
  memory_.poll = [](void* self) { return of(self).poll(); };
  memory_.read = [](void* self, std::uint32_t address, std::uint8_t* bytes, std::uint32_t size) {
    return of(self).read(address, bytes, size);
  };
  memory_.begin_read = [](void* self, std::uint32_t address, std::uint8_t* bytes,
                          std::uint32_t size) {
    of(self).read_status_ = of(self).read(address, bytes, size);
  };
  memory_.end_read = [](void* self) { return of(self).read_status_; };
  memory_.restart = [](void*) { return DFU_OK; };  // there is nothing between it and its cells
  memory_.erase_ms = [](void*, std::uint32_t size) {
    return in_ms(InternalFlash::kEraseTime * (size / InternalFlash::kSectorSize));
  };
  memory_.erase_all_ms = [](void* self) {
    return in_ms(InternalFlash::kEraseTime *
                 (of(self).memory_.geometry.size / InternalFlash::kSectorSize));
  };
  memory_.write_ms = [](void*, std::uint32_t size) {
    return in_ms(InternalFlash::kProgramTime * (size / InternalFlash::kWordSize));
  };
}

void InternalMemory::restart() {
  left_ = 0;
  status_ = read_status_ = DFU_OK;
}

// One unit of the flash: it does no more at a time.
void InternalMemory::begin_step() {
  status_ = DFU_OK;
  if (erases_) {
    flash_.erase(at_, now_());
    return;
  }
  while (left_ > 0 && holds_next_word()) to_next_unit();
  if (left_ > 0) flash_.program(at_, next_word(), now_());
}

InternalMemory::Word InternalMemory::next_word() const {
  return Word(bytes_, InternalFlash::kWordSize);
}

bool InternalMemory::holds_next_word() {
  std::array<std::uint8_t, InternalFlash::kWordSize> held{};
  return flash_.read(at_, held, now_()) && std::ranges::equal(held, next_word());
}

void InternalMemory::to_next_unit() {
  const std::uint32_t unit = erases_ ? InternalFlash::kSectorSize : InternalFlash::kWordSize;
  at_ += unit;
  left_ -= unit;
  if (!erases_) bytes_ += unit;
}

memory_progress InternalMemory::poll() {
  const Time left = flash_.busy_until() - now_();
  if (left_ > 0 && left > 0ns) {
    return {MEMORY_BUSY, DFU_OK, static_cast<std::uint32_t>((left + 1us - 1ns) / 1us)};
  }
  if (left_ > 0) {
    to_next_unit();
    if (flash_.failed()) {
      status_ = erases_ ? DFU_ERR_ERASE : DFU_ERR_PROG;
      left_ = 0;
    } else if (left_ > 0) {
      begin_step();
      return {MEMORY_BUSY, DFU_OK, 0};
    }
  }
  return {status_ == DFU_OK ? MEMORY_IDLE : MEMORY_FAILED, status_, 0};
}

// A word that faults is told as DFU_ERR_VERIFY: what was written there cannot be read back. The
// chip's driver survives the bus fault.
dfu_status InternalMemory::read(std::uint32_t address, std::uint8_t* bytes, std::uint32_t size) {
  if (left_ > 0) return DFU_ERR_ADDRESS;
  return flash_.read(address, std::span(bytes, size), now_()) ? DFU_OK : DFU_ERR_VERIFY;
}

}  // namespace gangd::model
