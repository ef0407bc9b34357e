// What the device computes, the host must compute the same, or every unit fails.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>

#include "base/crc32c.h"
#include "base/sha256.h"
#include "target_fw/core/crc32c.h"
#include "target_fw/core/sha256.h"
#include "tests/unit/core/pattern.h"

namespace gangd::model {
namespace {

Sha256Digest device_sha256(const std::vector<std::uint8_t>& bytes, std::size_t piece) {
  ::sha256 hash;
  sha256_begin(&hash);
  for (std::size_t at = 0; at < bytes.size(); at += piece) {
    const auto size = static_cast<std::uint32_t>(std::min(piece, bytes.size() - at));
    sha256_update(&hash, bytes.data() + at, size);
  }
  Sha256Digest digest;
  sha256_end(&hash, digest.bytes.data());
  return digest;
}

TEST(Digest, Sha256IsThatOfTheHost) {
  for (std::size_t size = 0; size < 300; ++size) {
    const auto bytes = pattern(3, size);
    ASSERT_EQ(device_sha256(bytes, 1000), gangd::sha256(bytes)) << size;
    ASSERT_EQ(device_sha256(bytes, 7), gangd::sha256(bytes)) << size;
  }
  const auto bytes = pattern(4, 100'000);
  EXPECT_EQ(device_sha256(bytes, 4096), gangd::sha256(bytes));
}

TEST(Digest, Crc32cIsThatOfTheHost) {
  const std::string check = "123456789";
  const auto* digits = reinterpret_cast<const std::uint8_t*>(check.data());
  EXPECT_EQ(crc32c_update(0, digits, 9), 0xe3069283U);
  for (std::size_t size = 0; size < 300; ++size) {
    const auto bytes = pattern(5, size);
    ASSERT_EQ(crc32c_update(0, bytes.data(), static_cast<std::uint32_t>(size)), crc32c(bytes));
  }
  const auto bytes = pattern(6, 1000);
  EXPECT_EQ(crc32c_update(crc32c_update(0, bytes.data(), 300), bytes.data() + 300, 700),
            crc32c(bytes));
}

}  // namespace
}  // namespace gangd::model
