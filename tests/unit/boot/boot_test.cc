// What may be started. Each refusal has a test that would start the firmware without it.
#include "target_fw/boot/boot.h"

#include <gtest/gtest.h>

#include "tests/unit/boot/boot_bench.h"

namespace gangd {
namespace {

class BootTest : public testing::Test {
 protected:
  // The image with other fields, signed: only what is tested is wrong.
  boot_verdict with(const HeaderFields& fields, const Bytes& image = BootBench::image()) {
    bench_.install(image, fields);
    return bench_.decide();
  }

  BootBench bench_;
};

TEST_F(BootTest, StartsWhatIsWholeAndSigned) {
  bench_.install();
  ASSERT_EQ(bench_.decide(), BOOT_GOES);
  EXPECT_EQ(bench_.found().vectors, BootBench::kFlash);
  EXPECT_EQ(bench_.found().stack, BootBench::kStacks + BootBench::kStacksSize);
  EXPECT_EQ(bench_.found().entry, BootBench::kFlash + 0x101);
  EXPECT_EQ(boot_dfu_status(BOOT_GOES), DFU_OK);
}

TEST_F(BootTest, StaysWhereItIsAskedTo) {
  bench_.install();
  EXPECT_EQ(bench_.decide(BOOT_BY_RESTART, true), BOOT_STAYS);
  EXPECT_EQ(bench_.reads, 0U);
}

TEST_F(BootTest, StaysOnAFreshBoard) {
  EXPECT_EQ(bench_.decide(), BOOT_NO_HEADER);
}

TEST_F(BootTest, StaysWithoutAnImage) {
  HeaderFields fields;
  fields.hash(BootBench::image());
  bench_.write(BootBench::kHeader, fields.bytes(&bench_.key()));
  EXPECT_EQ(bench_.decide(), BOOT_OTHER_IMAGE);
}

TEST_F(BootTest, StaysIfABitOfTheImageHasTurned) {
  bench_.install();
  for (const std::uint32_t offset : {0u, 511u, 512u, 2047u, 2999u}) {
    bench_.turn_bit(BootBench::kFlash + offset, 3);
    EXPECT_EQ(bench_.decide(), BOOT_OTHER_IMAGE) << offset;
    bench_.turn_bit(BootBench::kFlash + offset, 3);
  }
  bench_.turn_bit(BootBench::kFlash + 3000);
  EXPECT_EQ(bench_.decide(), BOOT_GOES) << "behind its end";
}

TEST_F(BootTest, StaysIfTheHeaderIsDamaged) {
  bench_.install();
  bench_.turn_bit(BootBench::kHeader + BOOT_AT_IMAGE_SIZE);
  EXPECT_EQ(bench_.decide(), BOOT_HEADER_DAMAGED);
}

TEST_F(BootTest, StaysIfTheHeaderIsOfAnotherFormat) {
  HeaderFields fields;
  fields.flags = 2;
  EXPECT_EQ(with(fields), BOOT_HEADER_UNKNOWN);
}

TEST_F(BootTest, StaysIfFlashCannotBeRead) {
  bench_.install();
  bench_.unreadable = BootBench::kHeader + 255;
  EXPECT_EQ(bench_.decide(), BOOT_HEADER_UNREADABLE);
  bench_.unreadable = BootBench::kFlash + 1234;
  EXPECT_EQ(bench_.decide(), BOOT_IMAGE_UNREADABLE);
}

TEST_F(BootTest, StaysWithFirmwareOfAnotherBoard) {
  HeaderFields fields;
  for (const char* board : {"bench2", "benc", "BENCH"}) {
    fields.board = board;
    EXPECT_EQ(with(fields), BOOT_OTHER_BOARD) << board;
  }
  fields.board = "";
  EXPECT_EQ(with(fields), BOOT_GOES) << "of any board";
  bench_.rules.board = "sixteen letters.";
  fields.board = "sixteen letters.";
  EXPECT_EQ(with(fields), BOOT_GOES);
}

// --- addresses

TEST_F(BootTest, StaysIfTheImageLiesWhereNoneMay) {
  struct {
    std::uint32_t address, size;
  } const outside[] = {
      {0x6fff'ffff, 3000},         // before the flash
      {0x700f'f000, 3000},         // over the header
      {0x7000'0000, 0x10'0001},    // beyond the end, and over the header
      {0x0800'0000, 3000},         // the loader
      {0x9000'0000, 3000},         // flash that the CPU does not run from
      {0xffff'fff0, 3000},         // around the end of all addresses
      {0x7000'0000, 0xffff'ffff},  // the same
      {0x7000'0000, 7},            // no room for vectors
      {0x7000'0000, 0},
  };
  for (const auto& [address, size] : outside) {
    HeaderFields fields;
    fields.address = fields.run_address = address;
    fields.size = size;
    bench_.write(BootBench::kHeader, fields.bytes(&bench_.key()));
    bench_.reads = 0;
    EXPECT_EQ(bench_.decide(), BOOT_OUTSIDE) << address << ' ' << size;
    EXPECT_EQ(bench_.reads, 1U) << "nothing but the header is read";
  }
}

TEST_F(BootTest, InPlaceMeansWhereItLies) {
  HeaderFields fields;
  fields.run_address = BootBench::kFlash + 0x1000;
  EXPECT_EQ(with(fields), BOOT_OUTSIDE);
}

// --- copies

TEST_F(BootTest, CopiesToRamAndStartsThere) {
  const Bytes image = BootBench::image(5000, BootBench::kRam + 0x400);
  HeaderFields fields;
  fields.flags = BOOT_COPY;
  fields.address = 0x9000'0000;
  fields.run_address = BootBench::kRam + 0x400;
  ASSERT_EQ(with(fields, image), BOOT_GOES);
  EXPECT_EQ(bench_.ram(BootBench::kRam + 0x400, 5000), image);
  EXPECT_EQ(bench_.found().vectors, BootBench::kRam + 0x400);
  EXPECT_EQ(bench_.found().entry, BootBench::kRam + 0x501);
}

TEST_F(BootTest, ACopyIsHashedInRam) {
  HeaderFields fields;
  fields.flags = BOOT_COPY;
  fields.run_address = BootBench::kRam;
  bench_.port.sha256 = [](void*, std::uint32_t address, std::uint32_t, std::uint8_t*) {
    EXPECT_EQ(address, BootBench::kRam);
    return false;
  };
  EXPECT_EQ(with(fields, BootBench::image(3000, BootBench::kRam)), BOOT_IMAGE_UNREADABLE);
}

TEST_F(BootTest, CopiesNowhereElse) {
  for (const std::uint32_t to : {BootBench::kStacks, BootBench::kRam + BootBench::kRamSize - 2999,
                                 0x7000'0000u, 0x0800'0000u, 0xffff'fff0u}) {
    HeaderFields fields;
    fields.flags = BOOT_COPY;
    fields.run_address = to;
    EXPECT_EQ(with(fields, BootBench::image(3000, to)), BOOT_OUTSIDE) << to;
  }
}

// --- vectors

TEST_F(BootTest, StaysIfTheVectorsLeadNowhere) {
  const auto with_vectors = [&](std::uint32_t stack, std::uint32_t entry) {
    Bytes image = BootBench::image();
    store_le32(&image[0], stack);
    store_le32(&image[4], entry);
    return with({}, image);
  };
  const std::uint32_t stack = BootBench::kStacks + 0x800, entry = BootBench::kFlash + 9;
  EXPECT_EQ(with_vectors(stack, entry), BOOT_GOES);
  EXPECT_EQ(with_vectors(0xffff'ffff, entry), BOOT_BAD_VECTORS);
  EXPECT_EQ(with_vectors(0, entry), BOOT_BAD_VECTORS);
  EXPECT_EQ(with_vectors(stack + 2, entry), BOOT_BAD_VECTORS);
  EXPECT_EQ(with_vectors(BootBench::kStacks, entry), BOOT_BAD_VECTORS) << "no room below it";
  EXPECT_EQ(with_vectors(BootBench::kStacks + BootBench::kStacksSize + 4, entry), BOOT_BAD_VECTORS);
  EXPECT_EQ(with_vectors(BootBench::kRam + BootBench::kRamSize, entry), BOOT_GOES);
  EXPECT_EQ(with_vectors(stack, entry - 1), BOOT_BAD_VECTORS) << "not Thumb";
  EXPECT_EQ(with_vectors(stack, BootBench::kFlash - 1), BOOT_BAD_VECTORS);
  EXPECT_EQ(with_vectors(stack, BootBench::kFlash + 3001), BOOT_BAD_VECTORS);
  EXPECT_EQ(with_vectors(stack, 0xffff'ffff), BOOT_BAD_VECTORS);
}

TEST_F(BootTest, VectorsMayLieInTheMiddle) {
  Bytes image(3000, 0x11);
  store_le32(&image[0x400], BootBench::kStacks + 0x800);
  store_le32(&image[0x404], BootBench::kFlash + 1);
  HeaderFields fields;
  fields.vectors = 0x400;
  ASSERT_EQ(with(fields, image), BOOT_GOES);
  EXPECT_EQ(bench_.found().vectors, BootBench::kFlash + 0x400);
  for (const std::uint32_t offset : {0x404u, 0x440u, 2993u, 3000u, 0xffff'ff80u}) {
    fields.vectors = offset;
    EXPECT_EQ(with(fields, image), BOOT_BAD_VECTORS) << offset;
  }
}

// --- signatures

TEST_F(BootTest, StaysWithWhatNobodyHasSigned) {
  bench_.install(BootBench::image(), {}, false);
  EXPECT_EQ(bench_.decide(), BOOT_NOT_SIGNED);
  bench_.develop();
  EXPECT_EQ(bench_.decide(), BOOT_GOES) << "a development build asks for no signature";
}

TEST_F(BootTest, StaysWithWhatAStrangerHasSigned) {
  HeaderFields fields;
  const Bytes image = BootBench::image();
  fields.hash(image);
  bench_.write(BootBench::kFlash, image);
  const SecretKey stranger(SecretKey::Seed{9});
  bench_.write(BootBench::kHeader, fields.bytes(&stranger));
  bench_.reads = 0;
  EXPECT_EQ(bench_.decide(), BOOT_NOT_SIGNED);
  EXPECT_EQ(bench_.reads, 1U) << "nothing but the header is read";
}

TEST_F(BootTest, EachSignedByteCounts) {
  HeaderFields fields;
  fields.hash(BootBench::image());
  bench_.write(BootBench::kFlash, BootBench::image());
  Bytes header = fields.bytes(&bench_.key());
  header[BOOT_AT_SECURITY] = 9;
  HeaderFields::seal(header);
  bench_.write(BootBench::kHeader, header);
  EXPECT_EQ(bench_.decide(), BOOT_NOT_SIGNED);
}

TEST_F(BootTest, AnyOfTheKeysWillDo) {
  bench_.install();
  std::uint8_t keys[2][ED25519_KEY_SIZE] = {};
  std::copy_n(bench_.rules.keys[0], ED25519_KEY_SIZE, keys[1]);
  bench_.rules.keys = keys;
  EXPECT_EQ(bench_.decide(), BOOT_NOT_SIGNED);
  bench_.rules.keys_count = 2;
  EXPECT_EQ(bench_.decide(), BOOT_GOES);
}

// --- rollback

TEST_F(BootTest, NeverGoesBackToAnOlderSecurityVersion) {
  HeaderFields fields;
  fields.security_version = 3;
  EXPECT_EQ(with(fields), BOOT_GOES);
  fields.security_version = 2;
  EXPECT_EQ(with(fields), BOOT_TOO_OLD);
  EXPECT_EQ(bench_.check(), BOOT_TOO_OLD);
  fields.security_version = 3;
  EXPECT_EQ(with(fields), BOOT_GOES);
  EXPECT_EQ(bench_.internal().operations(), BOOT_COUNTER_WORDS + 0U) << "raised once";
}

TEST_F(BootTest, WhatIsOnlyLookedAtRaisesNothing) {
  HeaderFields fields;
  fields.security_version = 3;
  bench_.install(BootBench::image(), fields);
  EXPECT_EQ(bench_.check(), BOOT_GOES);
  EXPECT_EQ(bench_.internal().operations(), 0U);
}

TEST_F(BootTest, WhatIsRefusedRaisesNothing) {
  HeaderFields fields;
  fields.security_version = 3;
  bench_.install(BootBench::image(), fields);
  bench_.turn_bit(BootBench::kFlash + 100);
  EXPECT_EQ(bench_.decide(), BOOT_OTHER_IMAGE);
  EXPECT_EQ(bench_.internal().operations(), 0U);
}

TEST_F(BootTest, StaysIfTheCounterCannotBeRaised) {
  HeaderFields fields;
  fields.security_version = 3;
  bench_.port.program = nullptr;
  EXPECT_EQ(with(fields), BOOT_COUNTER_UNUSABLE);
  bench_.rules.counter_size = 0;
  EXPECT_EQ(with(fields), BOOT_GOES) << "a board without a counter";
}

TEST_F(BootTest, AHeaderVouchesForEachByteOfItsImage) {
  EXPECT_FALSE(bench_.vouches(BootBench::kFlash, 1)) << "there is none";
  bench_.install();
  const auto size = static_cast<std::uint32_t>(BootBench::image().size());
  EXPECT_TRUE(bench_.vouches(BootBench::kFlash, 1));
  EXPECT_TRUE(bench_.vouches(BootBench::kFlash + size - 1, 4096));
  EXPECT_TRUE(bench_.vouches(BootBench::kFlash - 4096, 4097));
  EXPECT_FALSE(bench_.vouches(BootBench::kFlash - 4096, 4096));
  EXPECT_FALSE(bench_.vouches(BootBench::kFlash + size, 4096));
  bench_.turn_bit(BootBench::kHeader + BOOT_AT_SHA256);
  EXPECT_FALSE(bench_.vouches(BootBench::kFlash, 1)) << "nor does a damaged one start it";
}

TEST_F(BootTest, EachVerdictIsTold) {
  for (int verdict = BOOT_GOES; verdict <= BOOT_COUNTER_UNUSABLE; ++verdict) {
    const auto each = static_cast<boot_verdict>(verdict);
    EXPECT_GT(std::strlen(boot_verdict_text(each)), 5U);
    EXPECT_EQ(boot_dfu_status(each) == DFU_OK, verdict <= BOOT_STAYS) << verdict;
  }
}

}  // namespace
}  // namespace gangd
