// A host takes the answer to HELLO for what the board is. A field too many or too few there, and it
// works with another program than the one that it has put into the board.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <map>
#include <vector>

#include "target_fw/core/xfp_frames.h"
#include "target_fw/core/xfp_regions.h"
#include "target_fw/xfp.h"
#include "tests/unit/core/fake_memory.h"

namespace gangd::model {
namespace {

using Fields = std::map<int, std::vector<std::uint8_t>>;

Fields capabilities_of(const device_identity& identity) {
  std::uint64_t now_us = 0;
  FakeMemory fake({}, now_us);
  const memory table = fake.as_memory();
  const xfp_regions regions{&table, 1, &identity};
  std::vector<std::uint8_t> bytes(XFP_PAYLOAD_MAX);
  bytes.resize(xfp_put_capabilities(&regions, bytes.data()));
  Fields fields;
  for (std::size_t at = 0; at + 2 <= bytes.size(); at += 2 + bytes[at + 1]) {
    const auto begin = bytes.begin() + static_cast<std::ptrdiff_t>(at) + 2;
    EXPECT_LE(at + 2 + bytes[at + 1], bytes.size());
    fields[bytes[at]].assign(begin, begin + bytes[at + 1]);
  }
  return fields;
}

TEST(XfpCapabilityFields, TellTheNonceOfTheStartAndOnlyThen) {
  device_identity identity{};
  EXPECT_FALSE(capabilities_of(identity).contains(XFP_FIELD_START));
  const std::array<std::uint8_t, XFP_START_NONCE_SIZE> nonce = {1, 2, 3, 4, 5, 6, 7, 8, 9};
  identity.start_nonce = nonce.data();
  const Fields fields = capabilities_of(identity);
  ASSERT_TRUE(fields.contains(XFP_FIELD_START));
  EXPECT_TRUE(std::ranges::equal(fields.at(XFP_FIELD_START), nonce));
  EXPECT_TRUE(fields.contains(XFP_FIELD_REGION)) << "what follows is still found";
}

}  // namespace
}  // namespace gangd::model
