// Mapped: a peripheral and where its registers are.
#pragma once

#include <cstdint>
#include <memory>

#include "tests/emu/peripheral.h"

namespace gangd::emu {

struct Mapped {
  std::uint32_t address = 0;
  std::uint32_t size = 0;
  std::unique_ptr<Peripheral> peripheral;
};

}  // namespace gangd::emu
