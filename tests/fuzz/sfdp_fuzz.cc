// Whatever a chip answers to 5Ah, the parser ends, stays inside the bytes, and what it accepts is
// something that a driver can work with.
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <vector>

extern "C" {
#include "target_fw/core/sfdp.h"
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  // On the heap and of the exact size, so that ASan sees one byte too many.
  const std::vector<std::uint8_t> bytes(data, data + size);
  sfdp_part part;
  if (!sfdp_parse(bytes.data(), static_cast<std::uint32_t>(size), &part)) return 0;
  const auto power_of_two = [](std::uint32_t n) { return n != 0 && (n & (n - 1)) == 0; };
  bool good = power_of_two(part.size) && power_of_two(part.page_size) &&
              part.erase_types_count >= 1 && part.erase_types_count <= SFDP_ERASE_TYPES_MAX &&
              part.page_typical_us <= part.page_max_us && part.page_max_us != 0 &&
              part.chip_erase_typical_ms <= part.chip_erase_max_ms;
  for (unsigned i = 0; i < part.erase_types_count; ++i) {
    const sfdp_erase_type& type = part.erase_types[i];
    good = good && power_of_two(type.size) && type.size <= part.size && type.max_ms != 0 &&
           type.typical_ms <= type.max_ms && (i == 0 || part.erase_types[i - 1].size <= type.size);
  }
  if (!good) std::abort();
  return 0;
}
