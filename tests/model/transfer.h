// One USB transfer, as the host's software sees it.
#pragma once

#include <array>
#include <cstdint>
#include <vector>

namespace gangd::model {

enum class Outcome { kDone, kStalled, kUnplugged, kCancelled, kOverflow };

// The caller owns it and keeps it until it is completed.
struct Transfer {
  std::uint8_t endpoint = 0;            // address; bit 7 for IN; 0 for control
  std::array<std::uint8_t, 8> setup{};  // control only; its bit 7 of byte 0 gives the direction
  std::vector<std::uint8_t> data;       // OUT: what is sent; IN: sized to what may come
  Outcome outcome = Outcome::kDone;
  std::uint32_t actual = 0;  // bytes that were transferred
};

}  // namespace gangd::model
