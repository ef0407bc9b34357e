// What a device tells of itself, as the host reads it: layout strings and configuration
// descriptors. Whatever it tells, what we would program lies inside the address space.
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "base/check.h"
#include "wire/dfu.h"
#include "wire/layout.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace gangd;
  const ByteView bytes(data, size);
  // One interface descriptor is of nine bytes, behind a header of nine.
  if (const auto alternates = find_dfu(bytes)) CHECK(alternates->size() <= (size - 9) / 9);
  const auto layout = parse_layout({reinterpret_cast<const char*>(data), size});
  if (!layout) return 0;
  CHECK(!layout->segments.empty());
  for (const LayoutSegment& segment : layout->segments) {
    CHECK(segment.pages > 0 && segment.page_size > 0);
    CHECK(segment.end() <= std::uint64_t{1} << 32);
    CHECK(layout->segment_at(segment.address) != nullptr);
    CHECK(layout->holds(segment.address, segment.page_size));
  }
  return 0;
}
