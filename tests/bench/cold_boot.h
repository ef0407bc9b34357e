// A start from power-on by the resident loader that ships, on the model of its chip.
#pragma once

#include <cstddef>
#include <string>

#include "base/result.h"

namespace gangd::bench {

struct ColdBoot {
  double start_s = 0;  // from power until the image is looked at, and from there into it
  double hash_s = 0;   // of the image, in the mode and with the clock that it runs in
};

// An image of so many bytes in the external flash of an STM32H7S78-DK; `folder`: of the build's
// firmware.
Result<ColdBoot> cold_boot(const std::string& folder, std::size_t size);

}  // namespace gangd::bench
