// Whoever can make this say yes can put any firmware on a board.
#include "target_fw/boot/ed25519.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/ed25519.h"
#include "tests/sim/prng.h"

namespace gangd {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes from_hex(std::string_view hex) {
  Bytes bytes;
  for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
    bytes.push_back(
        static_cast<std::uint8_t>(std::stoi(std::string(hex.substr(i, 2)), nullptr, 16)));
  }
  return bytes;
}

bool verify(const Bytes& signature, const Bytes& key, std::string_view message) {
  EXPECT_EQ(signature.size(), 64U);
  EXPECT_EQ(key.size(), 32U);
  return ed25519_verify(signature.data(), key.data(),
                        reinterpret_cast<const std::uint8_t*>(message.data()),
                        static_cast<std::uint32_t>(message.size()));
}

struct Vector {
  const char* key;
  std::string message;
  const char* signature;
};

// RFC 8032, 7.1: tests 1, 2, 3.
const std::vector<Vector>& vectors() {
  static const std::vector<Vector> all = {
      {"d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
       "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf"
       "9b4"
       "6bd25bf5f0595bbe24655141438e7a100b"},
      {"3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "\x72",
       "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f"
       "11d"
       "8c387b2eaeb4302aeeb00d291612bb0c00"},
      {"fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "\xaf\x82",
       "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984"
       "dc6"
       "594a7c15e9716ed28dc027beceea1ec40a"},
  };
  return all;
}

TEST(Ed25519Test, TakesTheVectorsOfTheRfc) {
  for (const Vector& vector : vectors()) {
    EXPECT_TRUE(verify(from_hex(vector.signature), from_hex(vector.key), vector.message));
  }
}

TEST(Ed25519Test, RefusesASignatureWithAnyBitTurned) {
  const Vector& vector = vectors()[1];
  for (unsigned bit = 0; bit < 512; ++bit) {
    Bytes signature = from_hex(vector.signature);
    signature[bit / 8] = static_cast<std::uint8_t>(signature[bit / 8] ^ 1u << bit % 8);
    EXPECT_FALSE(verify(signature, from_hex(vector.key), vector.message)) << bit;
  }
}

TEST(Ed25519Test, RefusesAnotherKeyOrMessage) {
  const Vector& vector = vectors()[2];
  const Bytes signature = from_hex(vector.signature);
  EXPECT_FALSE(verify(signature, from_hex(vectors()[0].key), vector.message));
  EXPECT_FALSE(verify(signature, from_hex(vector.key), ""));
  EXPECT_FALSE(verify(signature, from_hex(vector.key), vector.message + '\0'));
  for (unsigned bit = 0; bit < 256; ++bit) {
    Bytes key = from_hex(vector.key);
    key[bit / 8] = static_cast<std::uint8_t>(key[bit / 8] ^ 1u << bit % 8);
    EXPECT_FALSE(verify(signature, key, vector.message)) << bit;
  }
}

// OpenSSL signs; both verifiers must think the same of what it signed and of what has been changed.
TEST(Ed25519Test, AgreesWithOpenssl) {
  sim::Prng dice(8);
  for (int i = 0; i < 60; ++i) {
    SecretKey::Seed seed;
    for (std::uint8_t& byte : seed) byte = static_cast<std::uint8_t>(dice.next());
    const SecretKey secret(seed);
    std::string text(dice.below(300), '\0');
    for (char& letter : text) letter = static_cast<char>(dice.next());
    Signature signature = secret.sign(text);
    const PublicKey key = secret.public_key();
    const auto ours = [&] {
      return verify(Bytes(signature.bytes.begin(), signature.bytes.end()),
                    Bytes(key.bytes.begin(), key.bytes.end()), text);
    };
    EXPECT_TRUE(ours()) << i;
    signature.bytes[dice.below(64)] ^= static_cast<std::uint8_t>(1 + dice.below(255));
    EXPECT_FALSE(is_signed_by(key, text, signature));
    EXPECT_FALSE(ours()) << i;
  }
}

// S and S + L are the same number; only the lower one is a signature (8.4).
TEST(Ed25519Test, RefusesASignatureMadeAnew) {
  const Bytes order = from_hex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  Bytes signature = from_hex(vectors()[0].signature);
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += signature[32 + i] + order[i];
    signature[32 + i] = static_cast<std::uint8_t>(carry);
    carry >>= 8;
  }
  EXPECT_EQ(carry, 0U);
  EXPECT_FALSE(verify(signature, from_hex(vectors()[0].key), ""));
  std::copy(order.begin(), order.end(), signature.begin() + 32);
  EXPECT_FALSE(verify(signature, from_hex(vectors()[0].key), "")) << "S = L";
}

// A key of order 1 "signs" everything with R = 1, S = 0: by that, decoding can be looked at alone.
TEST(Ed25519Test, EachPointHasOneEncoding) {
  Bytes signature(64, 0);
  signature[0] = 1;
  Bytes one(32, 0);
  one[0] = 1;
  EXPECT_TRUE(verify(signature, one, "any"));
  Bytes one_again(32, 0xff);  // y = p + 1
  one_again[0] = 0xee;
  one_again[31] = 0x7f;
  EXPECT_FALSE(verify(signature, one_again, "any"));
  Bytes minus_zero = one;  // x = 0 with a sign
  minus_zero[31] = 0x80;
  EXPECT_FALSE(verify(signature, minus_zero, "any"));
  Bytes r_again = signature;
  std::copy(one_again.begin(), one_again.end(), r_again.begin());
  EXPECT_FALSE(verify(r_again, one, "any"));
}

// Half of all y have no x.
TEST(Ed25519Test, RefusesAKeyThatIsNoPoint) {
  Bytes signature(64, 0);
  signature[0] = 1;
  Bytes two(32, 0);
  two[0] = 2;  // (4 - 1) / (4 d + 1) is no square
  EXPECT_FALSE(verify(signature, two, "any"));
  for (const int fill : {0x00, 0xff}) {
    EXPECT_FALSE(verify(Bytes(64, 0xff), Bytes(32, static_cast<std::uint8_t>(fill)), "any"));
  }
}

}  // namespace
}  // namespace gangd
