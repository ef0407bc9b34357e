#include "tests/unit/core/fake_memory.h"

#include <fmt/core.h>

#include <algorithm>
#include <cstring>
#include <utility>

namespace gangd::model {
namespace {

FakeMemory& of(void* self) {
  return *static_cast<FakeMemory*>(self);
}

}  // namespace

FakeMemory::FakeMemory(const Options& options, const std::uint64_t& now_us)
    : bytes(options.geometry.size, 0xff), options_(options), now_us_(now_us) {
  const memory_geometry& geometry = options_.geometry;
  if (geometry.erase_size / geometry.erase_min > MEMORY_PARTS_MAX) {
    complaints.push_back("a block has too many smallest ones");
  }
}

memory FakeMemory::as_memory() {
  memory result{};
  result.self = this;
  result.name = options_.name;
  result.geometry = options_.geometry;
  result.readable = options_.readable;
  result.erasable = options_.erasable;
  result.writable = options_.writable;
  result.erase = [](void* self, std::uint32_t address, std::uint32_t size) {
    FakeMemory& it = of(self);
    const memory_geometry& geometry = it.options_.geometry;
    const bool large =
        size >= geometry.erase_size && (address - geometry.address) % geometry.erase_size == 0;
    const std::uint32_t block = large ? geometry.erase_size : geometry.erase_min;
    if (block > size || (address - geometry.address) % block != 0) {
      it.complaints.push_back(fmt::format("erase {:#x} {}: no such block", address, size));
    }
    it.begin(fmt::format("erase {:#x}", address), address, block, nullptr, it.options_.erase_ms);
    return block;
  };
  result.erase_all = [](void* self) {
    FakeMemory& it = of(self);
    const memory_geometry& geometry = it.options_.geometry;
    it.begin("erase all", geometry.address, geometry.size, nullptr, it.options_.erase_all_ms);
  };
  result.write = [](void* self, std::uint32_t address, const std::uint8_t* from,
                    std::uint32_t size) {
    FakeMemory& it = of(self);
    it.begin(fmt::format("write {:#x} {}", address, size), address, size, from,
             it.options_.write_ms);
  };
  result.poll = [](void* self) { return of(self).poll(); };
  result.read = [](void* self, std::uint32_t address, std::uint8_t* to, std::uint32_t size) {
    return of(self).read(address, to, size);
  };
  result.begin_read = [](void* self, std::uint32_t address, std::uint8_t* to, std::uint32_t size) {
    of(self).begun_read_ = {address, to, size};
    std::memset(to, 0xdb, size);
  };
  result.end_read = [](void* self) {
    const BegunRead& begun = of(self).begun_read_;
    return of(self).read(begun.address, begun.to, begun.size);
  };
  result.restart = [](void* self) {
    if (of(self).busy_) of(self).complaints.push_back("restart while an operation runs");
    of(self).reads_wrong = false;
    ++of(self).restarts;
    return DFU_OK;
  };
  result.erase_ms = [](void* self, std::uint32_t) { return of(self).options_.erase_ms; };
  result.erase_all_ms = [](void* self) { return of(self).options_.erase_all_ms; };
  result.write_ms = [](void* self, std::uint32_t) { return of(self).options_.write_ms; };
  return result;
}

bool FakeMemory::contains(std::uint32_t address, std::uint32_t size) const {
  const memory_geometry& geometry = options_.geometry;
  return address >= geometry.address && size <= geometry.size &&
         address - geometry.address <= geometry.size - size;
}

void FakeMemory::begin(std::string name, std::uint32_t address, std::uint32_t size,
                       const std::uint8_t* source, std::uint32_t ms) {
  if (busy_) complaints.push_back(name + ": another one runs");
  if (!contains(address, size)) {
    complaints.push_back(name + ": outside");
    return;
  }
  if (source != nullptr && !options_.writable) complaints.push_back(name + ": not writable");
  if (source == nullptr && !options_.erasable) complaints.push_back(name + ": not erasable");
  if (address % options_.geometry.write_size != 0 || size % options_.geometry.write_size != 0) {
    complaints.push_back(name + ": unaligned");
  }
  operations.push_back(std::move(name));
  busy_ = true;
  ends_us_ = now_us_ + static_cast<std::uint64_t>(ms * 1000.0 * options_.slowness);
  offset_ = address - options_.geometry.address;
  size_ = size;
  source_ = source;
  source_then_.assign(source, source == nullptr ? source : source + size);
  outcome_ = DFU_OK;
  if (!outcomes.empty()) {
    outcome_ = outcomes.front();
    outcomes.pop_front();
  }
}

memory_progress FakeMemory::poll() {
  if (busy_ && now_us_ < ends_us_) {
    const auto left = static_cast<std::uint32_t>(ends_us_ - now_us_);
    return {MEMORY_BUSY, DFU_OK, std::min<std::uint32_t>(left, 1000)};
  }
  if (busy_) {
    busy_ = false;
    last_ = outcome_;
    if (outcome_ == DFU_OK) apply();
  }
  return {last_ == DFU_OK ? MEMORY_IDLE : MEMORY_FAILED, last_, 0};
}

// As in a NOR chip, writing only clears bits.
void FakeMemory::apply() {
  if (source_ == nullptr) {
    std::fill_n(bytes.begin() + offset_, size_, std::uint8_t{0xff});
    return;
  }
  if (std::memcmp(source_, source_then_.data(), size_) != 0) {
    complaints.push_back("the bytes of a write were changed while it ran");
  }
  for (std::uint32_t i = 0; i < size_; ++i) bytes[offset_ + i] &= source_[i];
}

bool FakeMemory::is_worked_on(std::uint32_t address, std::uint32_t size) const {
  const memory_geometry& geometry = options_.geometry;
  if (!busy_ || !contains(address, size) || size == 0) return busy_;
  const std::uint32_t from = address - geometry.address;
  return from / geometry.bank_size <= (offset_ + size_ - 1) / geometry.bank_size &&
         offset_ / geometry.bank_size <= (from + size - 1) / geometry.bank_size;
}

dfu_status FakeMemory::read(std::uint32_t address, std::uint8_t* to, std::uint32_t size) {
  if (is_worked_on(address, size)) complaints.push_back("read while an operation runs");
  if (!options_.readable) complaints.push_back("read of what is not readable");
  if (!contains(address, size) || size > 4096) {
    complaints.push_back(fmt::format("read {:#x} {}: outside", address, size));
    return DFU_ERR_ADDRESS;
  }
  std::copy_n(bytes.begin() + (address - options_.geometry.address), size, to);
  for (std::uint32_t i = 0; reads_wrong && i < size; ++i) to[i] ^= 0x40;
  return read_outcome;
}

}  // namespace gangd::model
