#include "base/sha256.h"

#include <gtest/gtest.h>

namespace gangd {
namespace {

// Every verdict rests on it: the values of FIPS 180-2, appendix B.
TEST(Sha256, HasTheValuesOfTheStandard) {
  EXPECT_EQ(sha256({}).hex(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(sha256(as_bytes("abc")).hex(),
            "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(sha256(as_bytes("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")).hex(),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
}

// A hash that is read out and used again must not remember what came before.
TEST(Sha256, FinishStartsAnew) {
  Sha256 hash;
  hash.update(as_bytes("a"));
  hash.update(as_bytes("bc"));
  EXPECT_EQ(hash.finish(), sha256(as_bytes("abc")));
  EXPECT_EQ(hash.finish(), sha256({}));
}

}  // namespace
}  // namespace gangd
