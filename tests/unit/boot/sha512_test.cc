// A hash that is wrong at one length would refuse good signatures, or take bad ones.
#include "target_fw/boot/sha512.h"

#include <gtest/gtest.h>

#include <array>
#include <string>
#include <string_view>

#include "base/bytes.h"

namespace gangd {
namespace {

std::string sha512_hex(std::string_view text, std::size_t piece) {
  sha512 hash;
  sha512_begin(&hash);
  while (!text.empty()) {
    const std::string_view part = text.substr(0, piece);
    sha512_update(&hash, reinterpret_cast<const std::uint8_t*>(part.data()),
                  static_cast<std::uint32_t>(part.size()));
    text.remove_prefix(part.size());
  }
  std::array<std::uint8_t, SHA512_SIZE> digest;
  sha512_end(&hash, digest.data());
  return to_hex(digest);
}

// FIPS 180-4's own examples.
TEST(Sha512Test, OfTheExamplesOfTheStandard) {
  EXPECT_EQ(sha512_hex("", 1),
            "cf83e1357eefb8bdf1542850d66d8007d620e4050b5715dc83f4a921d36ce9ce"
            "47d0d13c5d85f2b0ff8318d2877eec2f63b931bd47417a81a538327af927da3e");
  EXPECT_EQ(sha512_hex("abc", 3),
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f");
  EXPECT_EQ(sha512_hex("abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
                       "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu",
                       50),
            "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
            "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909");
}

// The padding changes at 112 and 128 bytes. Each digest goes into the next text; what the last one
// is was computed by Python's hashlib.
TEST(Sha512Test, OfEachLengthAroundTheEndOfABlock) {
  std::string text;
  for (int i = 0; i < 300; ++i) {
    const std::string digest = sha512_hex(text, 1 + static_cast<std::size_t>(i) % 130);
    EXPECT_EQ(digest, sha512_hex(text, 1000)) << i;
    text += digest[0];
  }
  EXPECT_EQ(sha512_hex(text, 7),
            "d7b779e0199ec638dc0143f8f3cea904935d8fb89ad60f4ce6734e633edf42b2"
            "cee084da808051d420ad69a6abd8c47b5aa389b9f9a3a3195d3c3f9327fee28d");
}

}  // namespace
}  // namespace gangd
