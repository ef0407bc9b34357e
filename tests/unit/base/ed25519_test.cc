// What a station signs, others check with other programs: the bytes must be those of RFC 8032.
#include "base/ed25519.h"

#include <gtest/gtest.h>

#include <algorithm>

namespace gangd {
namespace {

SecretKey::Seed seed_of(std::string_view hex) {
  SecretKey::Seed seed{};
  std::ranges::copy(*from_hex(hex), seed.begin());
  return seed;
}

// RFC 8032, 7.1, tests 1 and 2.
TEST(Ed25519, SignsAsTheRfcDoes) {
  const SecretKey first(
      seed_of("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60"));
  EXPECT_EQ(first.public_key().hex(),
            "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a");
  EXPECT_EQ(first.sign("").hex(),
            "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e"
            "39701cf9b46bd25bf5f0595bbe24655141438e7a100b");
  const SecretKey second(
      seed_of("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"));
  EXPECT_EQ(second.sign("r").hex(),
            "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f"
            "3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00");
}

TEST(Ed25519, OnlyWhatWasSignedByThatKeyIsAccepted) {
  const SecretKey key(seed_of(std::string(64, '7')));
  const SecretKey other(seed_of(std::string(64, '8')));
  const Signature signature = key.sign("text");
  EXPECT_TRUE(is_signed_by(key.public_key(), "text", signature));
  EXPECT_FALSE(is_signed_by(key.public_key(), "texts", signature));
  EXPECT_FALSE(is_signed_by(other.public_key(), "text", signature));
  for (std::size_t i = 0; i < signature.bytes.size(); ++i) {
    Signature changed = signature;
    changed.bytes[i] ^= 1;
    EXPECT_FALSE(is_signed_by(key.public_key(), "text", changed)) << i;
  }
  EXPECT_FALSE(is_signed_by(PublicKey(), "text", signature));
}

TEST(Ed25519, KeysAreReadAsTheyAreWritten) {
  const SecretKey key(seed_of(std::string(64, '7')));
  const auto back = SecretKey::from_pem(key.pem());
  ASSERT_TRUE(back) << back.error().message();
  EXPECT_EQ(back->public_key(), key.public_key());
  EXPECT_EQ(PublicKey::parse(key.public_key().hex()), key.public_key());
  EXPECT_EQ(PublicKey::parse(key.public_key().hex() + "\n"), key.public_key());
  EXPECT_EQ(PublicKey::parse(key.public_key().pem()), key.public_key());
  for (const std::string& text : {std::string(), std::string("x"), std::string(63, '7'),
                                  std::string("-----BEGIN PUBLIC KEY-----\n"), key.pem()}) {
    EXPECT_TRUE(PublicKey::parse(text).failed_with(Code::kInvalid)) << text;
  }
  EXPECT_TRUE(SecretKey::from_pem("").failed_with(Code::kInvalid));
  EXPECT_TRUE(SecretKey::from_pem(key.public_key().pem()).failed_with(Code::kInvalid));
}

}  // namespace
}  // namespace gangd
