#include "tests/emu/parts/outside.h"

#include "tests/emu/parts/psram.h"

namespace gangd::emu {

void Outside::power_on(Time world) {
  powered_at_ = world;
  flash.power_on(world);
  for (const auto& memory : memories_) {
    if (memory != nullptr) memory->power_on(world);
  }
}

void Outside::power_off(Time chip) {
  flash.power_off(world(chip));
  for (const auto& memory : memories_) {
    if (memory != nullptr) memory->power_off(world(chip));
  }
}

void Outside::fit_psram(std::uint32_t size, unsigned port) {
  memories_[port - 1] = std::make_unique<Psram>(size);
}

void Outside::fit_nor(const model::Part& part, unsigned port) {
  auto nor = std::make_unique<NorMemory>(part, seed);
  nor_ = nor.get();
  memories_[port - 1] = std::move(nor);
}

}  // namespace gangd::emu
