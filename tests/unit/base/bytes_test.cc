#include "base/bytes.h"

#include <gtest/gtest.h>

namespace gangd {
namespace {

// A field read in the wrong order would pass a test that writes and reads with the same mistake, so
// the bytes are spelt out.
TEST(Bytes, FieldsHaveTheStatedOrder) {
  ByteWriter writer;
  writer.u8(0x01).u16_le(0x0203).u24_le(0x040506).u32_le(0x0708090a).u64_le(0x0b0c0d0e0f101112);
  writer.u16_be(0x1314).u32_be(0x15161718).u64_be(0x191a1b1c1d1e1f20);
  EXPECT_EQ(to_hex(writer.view()),
            "010302060504"
            "0a090807"
            "1211100f0e0d0c0b"
            "1314"
            "15161718"
            "191a1b1c1d1e1f20");

  ByteReader reader(writer.view());
  EXPECT_EQ(reader.u8(), 0x01);
  EXPECT_EQ(reader.u16_le(), 0x0203);
  EXPECT_EQ(reader.u24_le(), 0x040506u);
  EXPECT_EQ(reader.u32_le(), 0x0708090au);
  EXPECT_EQ(reader.u64_le(), 0x0b0c0d0e0f101112u);
  EXPECT_EQ(reader.u16_be(), 0x1314);
  EXPECT_EQ(reader.u32_be(), 0x15161718u);
  EXPECT_EQ(reader.u64_be(), 0x191a1b1c1d1e1f20u);
  EXPECT_TRUE(reader.finish());
}

// A short frame must not be read beyond its end, and must be noticed even if a later field fits.
TEST(Bytes, ReadingPastTheEndGivesZerosAndIsRemembered) {
  const ByteVector three = {1, 2, 3};
  ByteReader reader(three);
  EXPECT_EQ(reader.u32_le(), 0u);
  EXPECT_EQ(reader.u8(), 0) << "nothing is read after the failure";
  EXPECT_TRUE(reader.bytes(1).empty());
  EXPECT_FALSE(reader.complete());
  const Status status = reader.finish();
  ASSERT_FALSE(status);
  EXPECT_EQ(status.error().message(), "too short: ends after 3 bytes, inside a field");
}

// Bytes behind the last field are another format, or an attack.
TEST(Bytes, FinishRefusesWhatIsLeftOver) {
  const ByteVector three = {1, 2, 3};
  ByteReader reader(three);
  reader.skip(1);
  EXPECT_TRUE(reader.complete());
  EXPECT_EQ(reader.left(), 2u);
  EXPECT_EQ(reader.position(), 1u);
  EXPECT_EQ(reader.finish().error().message(), "too long: 2 bytes follow the last field");
}

// A size taken from a frame may be anything.
TEST(Bytes, AHugeSizeDoesNotWrapAround) {
  const ByteVector three = {1, 2, 3};
  ByteReader reader(three);
  reader.skip(2);
  EXPECT_TRUE(reader.bytes(SIZE_MAX).empty());
  EXPECT_FALSE(reader.complete());
}

TEST(Bytes, PatchReplacesFourBytes) {
  ByteWriter writer;
  writer.fill(0xff, 6).patch_u32_le(1, 0x11223344);
  EXPECT_EQ(to_hex(writer.view()), "ff44332211ff");
  EXPECT_DEATH(writer.patch_u32_le(3, 0), "offset 3 of 6");
  EXPECT_EQ(std::move(writer).take().size(), 6u);
}

TEST(Bytes, HexIsReadInBothCasesAndRefusedElsewhere) {
  EXPECT_EQ(*from_hex("00fFa5"), (ByteVector{0x00, 0xff, 0xa5}));
  EXPECT_TRUE(from_hex("")->empty());
  EXPECT_EQ(from_hex("abc").error().message(), "3 hexadecimal digits: expected an even number");
  EXPECT_EQ(from_hex("ag").error().message(), "character 2 is not a hexadecimal digit");
  EXPECT_EQ(from_hex("00 1").error().message(), "character 3 is not a hexadecimal digit");
}

}  // namespace
}  // namespace gangd
