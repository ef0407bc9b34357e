// A board as boot_decide() sees it: flash, RAM, a marker, a counter in the model of the chip's own
// flash; and images for it.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <map>
#include <optional>
#include <string_view>
#include <vector>

#include "base/ed25519.h"
#include "target_fw/boot/boot.h"
#include "target_fw/boot/boot_counter.h"
#include "target_fw/core/bytes.h"
#include "tests/model/header_fields.h"
#include "tests/model/internal_flash.h"

namespace gangd {

class BootBench {
 public:
  static constexpr std::uint32_t kFlash = 0x7000'0000, kFlashSize = 0x10'0000;
  static constexpr std::uint32_t kHeader = kFlash + kFlashSize - 4096;
  static constexpr std::uint32_t kRam = 0x2400'0000, kRamSize = 0x4'0000;
  static constexpr std::uint32_t kStacks = 0x2000'0000, kStacksSize = 0x1'0000;
  static constexpr std::uint32_t kCounter = model::InternalFlash::kAddress + 7 * 8192;

  // `seed` is the dice of the internal flash.
  explicit BootBench(std::uint64_t seed = 1) : key_(SecretKey::Seed{1, 2, 3}), internal_(seed) {
    const PublicKey key = key_.public_key();
    std::ranges::copy(key.bytes, keys_[0]);
    internal_.power_on({});
    set_rules();
    set_port();
  }
  BootBench(const BootBench&) = delete;
  BootBench& operator=(const BootBench&) = delete;

  // An image of `size` bytes that begins with vectors for where it runs.
  static Bytes image(std::uint32_t size = 3000, std::uint32_t run_address = kFlash,
                     std::uint32_t seed = 1) {
    Bytes bytes(size);
    for (std::size_t i = 0; i < size; ++i) {
      bytes[i] = static_cast<std::uint8_t>((i * 31 + seed * 7) >> (i % 3));
    }
    store_le32(&bytes[0], kStacks + kStacksSize);
    store_le32(&bytes[4], run_address + 0x101);
    return bytes;
  }

  // Into flash, with a header that fits.
  void install(const Bytes& image, HeaderFields fields, bool is_signed = true) {
    fields.hash(image);
    write(fields.address, image);
    write(kHeader, fields.bytes(is_signed ? &key_ : nullptr));
  }
  void install() { install(image(), {}); }
  void write(std::uint32_t address, const Bytes& bytes) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      flash_[address + static_cast<std::uint32_t>(i)] = bytes[i];
    }
  }
  void turn_bit(std::uint32_t address, unsigned bit = 0) {
    flash_[address] = static_cast<std::uint8_t>(flash_[address] ^ 1u << bit);
  }

  boot_verdict decide(boot_cause cause = BOOT_BY_POWER, bool stays = false) {
    image_ = {};
    return boot_decide(&rules, &port, cause, stays, &image_);
  }
  boot_verdict check() { return boot_check(&rules, &port, &image_); }
  bool vouches(std::uint32_t address, std::uint32_t size) {
    return boot_vouches(&rules, &port, address, size);
  }
  void develop() { rules.keys_count = 0; }
  // A loss of power, which cuts what the chip's flash does.
  void power_cycle() {
    internal_.power_off(now_);
    internal_.power_on(now_);
    marker = 0x5a5a5a5a;
  }

  const boot_image& found() const { return image_; }
  const SecretKey& key() const { return key_; }
  model::InternalFlash& internal() { return internal_; }
  Bytes ram(std::uint32_t address, std::size_t size) const {
    const auto from = ram_.begin() + (address - kRam);
    return Bytes(from, from + static_cast<std::ptrdiff_t>(size));
  }

  boot_rules rules{};
  boot_port port{};
  std::uint32_t marker = 0;
  std::optional<std::uint32_t> unreadable;  // an address
  std::size_t reads = 0;

 private:
  void set_rules() {
    ranges_ = {{{kFlash, kFlashSize, BOOT_HOLDS_IMAGES | BOOT_RUNS_IN_PLACE},
                {0x9000'0000, 0x1'0000, BOOT_HOLDS_IMAGES},
                {kRam, kRamSize, BOOT_TAKES_COPIES | BOOT_TAKES_STACKS},
                {kStacks, kStacksSize, BOOT_TAKES_STACKS}}};
    rules.board = "bench";
    rules.header_address = kHeader;
    rules.ranges = ranges_.data();
    rules.ranges_count = static_cast<std::uint8_t>(ranges_.size());
    rules.keys = keys_;
    rules.keys_count = 1;
    rules.counter_address = kCounter;
    rules.counter_size = model::InternalFlash::kSectorSize;
    rules.faults_max = BOOT_FAULTS_MAX;
    rules.restarts_max = BOOT_RESTARTS_MAX;
  }
  static BootBench& of(void* self) { return *static_cast<BootBench*>(self); }
  void set_port() {
    port.self = this;
    port.read = [](void* self, std::uint32_t address, std::uint8_t* bytes, std::uint32_t size) {
      return of(self).read(address, bytes, size);
    };
    port.ram = [](void* self, std::uint32_t address, std::uint32_t) {
      return of(self).ram_.data() + (address - kRam);
    };
    port.program = [](void* self, std::uint32_t address, const std::uint8_t* bytes) {
      BootBench& me = of(self);
      me.internal_.program(address, std::span<const std::uint8_t, 16>(bytes, bytes + 16), me.now_);
      me.now_ = std::max(me.now_, me.internal_.busy_until());
      return !me.internal_.failed() && !me.internal_.cut();
    };
    port.load_marker = [](void* self) { return of(self).marker; };
    port.store_marker = [](void* self, std::uint32_t value) { of(self).marker = value; };
  }
  bool read(std::uint32_t address, std::uint8_t* bytes, std::uint32_t size) {
    ++reads;
    if (size > BOOT_PIECE_MAX) return false;
    if (unreadable && *unreadable - address < size) return false;
    if (address >= model::InternalFlash::kAddress && address < 0x0801'0000) {
      return internal_.read(address, {bytes, size}, now_);
    }
    for (std::uint32_t i = 0; i < size; ++i) {
      const auto at = flash_.find(address + i);
      bytes[i] = at == flash_.end() ? std::uint8_t{0xff} : at->second;
    }
    return true;
  }

  SecretKey key_;
  std::uint8_t keys_[2][ED25519_KEY_SIZE]{};
  std::array<boot_range, 4> ranges_{};
  std::map<std::uint32_t, std::uint8_t> flash_;
  Bytes ram_ = Bytes(kRamSize);
  model::InternalFlash internal_;
  model::InternalFlash::Time now_{std::chrono::milliseconds(1)};
  boot_image image_{};
};

}  // namespace gangd
