#include "tests/model/resident_loader.h"

#include <algorithm>
#include <utility>

namespace gangd::model {

ResidentLoader::ResidentLoader(Options options, std::uint64_t seed, const memory& external,
                               const char* board, Clock clock)
    : options_(std::move(options)), external_(external), clock_(std::move(clock)), flash_(seed) {
  set_rules(board);
  set_port();
}

// What the external flash is, the chip itself has told by now.
void ResidentLoader::set_ranges() {
  const memory_geometry& external = external_.geometry;
  ranges_ = {{{external.address, external.size, BOOT_HOLDS_IMAGES | BOOT_RUNS_IN_PLACE},
              {kOffered, kOfferedSize, BOOT_HOLDS_IMAGES | BOOT_RUNS_IN_PLACE},
              {kRam, kRamSize, BOOT_TAKES_COPIES | BOOT_TAKES_STACKS},
              {kStacks, kStacksSize, BOOT_TAKES_STACKS}}};
  rules_.header_address = options_.header_address != 0
                              ? options_.header_address
                              : external.address + external.size - external.erase_size;
}

void ResidentLoader::set_rules(const char* board) {
  rules_.board = board;
  rules_.ranges = ranges_.data();
  rules_.ranges_count = static_cast<std::uint8_t>(ranges_.size());
  if (!options_.keys.empty()) {
    rules_.keys = reinterpret_cast<const std::uint8_t(*)[ED25519_KEY_SIZE]>(options_.keys.data());
    rules_.keys_count = static_cast<std::uint8_t>(options_.keys.size());
    rules_.counter_address = kCounter;
    rules_.counter_size = InternalFlash::kSectorSize;
  }
  rules_.faults_max = BOOT_FAULTS_MAX;
  rules_.restarts_max = BOOT_RESTARTS_MAX;
}

void ResidentLoader::set_port() {
  port_.self = this;
  port_.read = [](void* self, std::uint32_t address, std::uint8_t* bytes, std::uint32_t size) {
    return of(self).read(address, bytes, size);
  };
  port_.ram = [](void* self, std::uint32_t address, std::uint32_t) {
    return of(self).ram_.data() + (address - kRam);
  };
  port_.program = [](void* self, std::uint32_t address, const std::uint8_t* bytes) {
    return of(self).program(address, bytes);
  };
  port_.load_marker = [](void* self) { return of(self).marker_; };
  port_.store_marker = [](void* self, std::uint32_t marker) { of(self).marker_ = marker; };
}

bool ResidentLoader::read(std::uint32_t address, std::uint8_t* bytes, std::uint32_t size) {
  if (address >= external_.geometry.address &&
      address - external_.geometry.address < external_.geometry.size) {
    return external_.read(external_.self, address, bytes, size) == DFU_OK;
  }
  return flash_.read(address, {bytes, size}, clock_.now());
}

bool ResidentLoader::program(std::uint32_t address, const std::uint8_t* bytes) {
  constexpr std::uint32_t kWord = InternalFlash::kWordSize;
  flash_.program(address, std::span<const std::uint8_t, kWord>(bytes, kWord), clock_.now());
  clock_.wait_until(flash_.busy_until());
  return !flash_.cut() && !flash_.failed();
}

void ResidentLoader::power_on(Time now) {
  flash_.power_on(now);
  marker_ = 0xa5a5'a5a5;
  reset(BOOT_BY_POWER);
}

void ResidentLoader::power_off(Time now) {
  flash_.power_off(now);
  application_.reset();
}

void ResidentLoader::reset(boot_cause cause) {
  cause_ = cause;
  application_.reset();
  std::ranges::fill(ram_, std::uint8_t{0xcc});
}

bool ResidentLoader::starts_application() {
  set_ranges();
  boot_image image;
  verdict_ = boot_decide(&rules_, &port_, cause_, button_held_, &image);
  if (verdict_ != BOOT_GOES) return false;
  application_ = image;
  ++starts_;
  return true;
}

dfu_status ResidentLoader::check() {
  boot_image image;
  return boot_dfu_status(boot_check(&rules_, &port_, &image));
}

bool ResidentLoader::vouches(std::uint32_t address, std::uint32_t size) {
  return boot_vouches(&rules_, &port_, address, size);
}

std::vector<std::uint8_t> ResidentLoader::ram(std::uint32_t address, std::uint32_t size) const {
  const auto from = ram_.begin() + (address - kRam);
  return {from, from + size};
}

}  // namespace gangd::model
