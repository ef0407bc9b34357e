// LZ4 blocks of a hostile host: the device's decoder stays inside both areas, ends, and takes what
// it takes in any steps. The first byte says how large the steps are, the next two how much must
// come out.
#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/check.h"
#include "target_fw/core/lz4.h"

namespace {

struct Unpacked {
  lz4_state state;
  std::vector<std::uint8_t> bytes;
};

Unpacked unpack(const std::vector<std::uint8_t>& block, std::size_t size, std::uint32_t step) {
  // On the heap and of the exact size, so that ASan sees one byte too many.
  Unpacked result{LZ4_TOKEN, std::vector<std::uint8_t>(size, 0xee)};
  lz4 decoder;
  lz4_begin(&decoder, block.data(), static_cast<std::uint32_t>(block.size()), result.bytes.data(),
            static_cast<std::uint32_t>(size));
  // A step takes a byte of either side at least, or ends it.
  std::size_t steps_max = 2 * (block.size() + size) + 4;
  do {
    CHECK(steps_max-- > 0);
    result.state = lz4_step(&decoder, step);
  } while (result.state < LZ4_DONE);
  return result;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 3) return 0;
  const std::vector<std::uint8_t> block(data + 3, data + size);
  const std::size_t out_size = 1 + static_cast<std::size_t>(data[1] | data[2] << 8) % 16384;
  const Unpacked at_once = unpack(block, out_size, UINT32_MAX);
  const Unpacked in_steps = unpack(block, out_size, 1U + data[0] % 64);
  CHECK(at_once.state == in_steps.state);
  if (at_once.state == LZ4_DONE) CHECK(at_once.bytes == in_steps.bytes);
  return 0;
}
