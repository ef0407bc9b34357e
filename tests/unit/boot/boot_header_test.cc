// A header that was cut while it was written, or that means something we do not know, is none.
#include "target_fw/boot/boot_header.h"

#include <gtest/gtest.h>

#include "tests/unit/boot/boot_bench.h"

namespace gangd {
namespace {

boot_header_state parse(const Bytes& bytes) {
  boot_header header;
  return boot_header_parse(bytes.data(), &header);
}

TEST(BootHeaderTest, SaysWhatWasPutIn) {
  HeaderFields fields;
  fields.flags = BOOT_COPY;
  fields.address = 0x7012'3400;
  fields.size = 0x8765;
  fields.run_address = 0x2400'0000;
  fields.vectors = 0x200;
  fields.security_version = 7;
  fields.sha256[31] = 9;
  boot_header header;
  ASSERT_EQ(boot_header_parse(fields.bytes().data(), &header), BOOT_HEADER_GOOD);
  EXPECT_EQ(header.flags, std::uint32_t{BOOT_COPY});
  EXPECT_EQ(header.address, 0x7012'3400U);
  EXPECT_EQ(header.size, 0x8765U);
  EXPECT_EQ(header.run_address, 0x2400'0000U);
  EXPECT_EQ(header.vectors, 0x200U);
  EXPECT_EQ(header.security_version, 7U);
  EXPECT_STREQ(header.board, "bench");
  EXPECT_STREQ(header.version, "1.0");
  EXPECT_EQ(header.sha256[31], 9);
}

TEST(BootHeaderTest, ErasedFlashIsBlank) {
  EXPECT_EQ(parse(Bytes(BOOT_HEADER_SIZE, 0xff)), BOOT_HEADER_BLANK);
}

TEST(BootHeaderTest, AnyBitThatIsNotProgrammedBreaksIt) {
  const Bytes good = HeaderFields{}.bytes();
  for (unsigned bit = 0; bit < 8 * BOOT_HEADER_SIZE; ++bit) {
    Bytes bytes = good;
    bytes[bit / 8] = static_cast<std::uint8_t>(bytes[bit / 8] ^ 1u << bit % 8);
    EXPECT_EQ(parse(bytes), BOOT_HEADER_BROKEN) << bit;
  }
  for (unsigned words = 0; words < BOOT_HEADER_SIZE / 16; ++words) {
    Bytes bytes(BOOT_HEADER_SIZE, 0xff);
    std::copy_n(good.begin(), words * 16, bytes.begin());
    EXPECT_NE(parse(bytes), BOOT_HEADER_GOOD) << words;
  }
}

// What comes to mean something one day must not be taken by a loader of today.
TEST(BootHeaderTest, WhatIsNotKnownIsForeign) {
  const Bytes good = HeaderFields{}.bytes();
  for (const unsigned at : {4u, 6u, 8u, 11u, 96u, 127u, 192u, 251u}) {
    Bytes bytes = good;
    bytes[at] = static_cast<std::uint8_t>(bytes[at] ^ 0x02);
    HeaderFields::seal(bytes);
    EXPECT_EQ(parse(bytes), BOOT_HEADER_FOREIGN) << at;
  }
}

}  // namespace
}  // namespace gangd
