// Files that people write, and records that somebody may have tampered with. Whatever stands in
// them is refused with a message, or means what it says.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "ledger/event.h"
#include "recipe/product.h"
#include "station/station_config.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gangd;
  if (size == 0) return 0;
  const std::string_view text(reinterpret_cast<const char*>(data) + 1, size - 1);
  switch (data[0] % 3) {
    case 0: {
      const auto entry = decode_entry(text);
      if (entry) CHECK(encode_entry(*entry) == text);
      break;
    }
    case 1: {
      const auto product = parse_product(text, "a.toml");
      if (product) CHECK(!product->name.empty() && !product->images.empty());
      break;
    }
    default: {
      const auto station = parse_station(text, "a.toml");
      if (station) CHECK(!station->slots.empty());
    }
  }
  return 0;
}
