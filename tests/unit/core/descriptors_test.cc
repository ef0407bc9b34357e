#include "target_fw/core/descriptors.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

#include "tests/unit/core/board.h"

namespace gangd::model {
namespace {

using Bytes = std::vector<std::uint8_t>;

Bytes descriptor(Board& board, std::uint8_t type, std::uint8_t index = 0) {
  return board.read(0x80, 6, static_cast<std::uint16_t>(type << 8 | index), 255).bytes;
}

std::string layout(memory_geometry geometry, const char* name = "NOR", bool r = true, bool e = true,
                   bool w = true) {
  const std::uint64_t now = 0;
  FakeMemory::Options options;
  options.name = name;
  options.geometry = geometry;
  options.geometry.size = 0;  // no bytes are needed
  options.readable = r;
  options.erasable = e;
  options.writable = w;
  FakeMemory fake(options, now);
  memory table = fake.as_memory();
  table.geometry = geometry;
  char text[USB_STRING_CHARACTERS_MAX + 1];
  const std::uint32_t size = descriptors_layout(&table, text);
  EXPECT_EQ(std::string(text).size(), size);
  return text;
}

// Every byte is what an operating system decides by, so they are spelt out.
TEST(Descriptors, TheDeviceIsUsb21OfItsOwnMaker) {
  Board board;
  EXPECT_EQ(descriptor(board, 1), (Bytes{18, 1, 0x10, 0x02, 0, 0, 0, 64, 0x09, 0x12, 0x01, 0x00,
                                         0x00, 0x01, 1, 2, 3, 1}));
  EXPECT_EQ(descriptor(board, 6), (Bytes{10, 6, 0x10, 0x02, 0, 0, 0, 64, 1, 0}));
}

TEST(Descriptors, TheConfigurationHasAnAlternateSettingForEachMemory) {
  Board board({.memories = {{}, {.name = "Internal"}}, .can_leave = true});
  const Bytes expected = {9, 2,    59,   0,    2,    1,    0,    0x80, 50,  //
                          9, 4,    0,    0,    0,    0xfe, 0x01, 0x02, 4,   //
                          9, 4,    0,    1,    0,    0xfe, 0x01, 0x02, 5,   //
                          9, 0x21, 0x0b, 0xff, 0x00, 0x00, 0x10, 0x1a, 0x01,
                          9, 4,    1,    0,    2,    0xff, 0x47, 0x01, 0,  //
                          7, 5,    0x01, 2,    0x00, 0x02, 0,              //
                          7, 5,    0x81, 2,    0x00, 0x02, 0};
  EXPECT_EQ(descriptor(board, 2), expected);
  // At full speed a bulk packet has 64 bytes.
  Bytes other = expected;
  other[1] = 7;
  for (const std::size_t size_at : {50U, 57U}) {
    other[size_at - 1] = 64;
    other[size_at] = 0;
  }
  EXPECT_EQ(descriptor(board, 7), other);
  EXPECT_TRUE(descriptor(board, 2, 1).empty()) << "there is one configuration";
}

// Without firmware to start, the device stays after a manifestation, and says so.
TEST(Descriptors, ManifestationIsToleratedWhereNothingIsStarted) {
  Board stays({.can_leave = false});
  EXPECT_EQ(descriptor(stays, 2).at(20), 0x0f);
}

TEST(Descriptors, AFullSpeedDeviceHasNoOtherSpeed) {
  Board board({.high_speed = false});
  EXPECT_TRUE(descriptor(board, 6).empty());
  EXPECT_TRUE(descriptor(board, 7).empty());
  EXPECT_FALSE(descriptor(board, 15).empty()) << "BOS";
}

TEST(Descriptors, StringsNameMakerProductAndEachChip) {
  Board board({.serial = 0x98});
  EXPECT_EQ(descriptor(board, 3, 0), (Bytes{4, 3, 0x09, 0x04}));
  EXPECT_EQ(board.string(1), "gangd");
  EXPECT_EQ(board.string(2), "Test board");
  EXPECT_EQ(board.string(3), "0123456789ABCDEFFEDCBA98");
  EXPECT_EQ(board.string(4), "@External NOR /0x90000000/256*004Kg");
  EXPECT_EQ(board.string(5), "") << "there is one memory";
}

// GETSTATUS names a text for each error; a host shows it to the operator.
TEST(Descriptors, EachStatusHasItsOwnText) {
  Board board;
  std::set<std::string> texts;
  for (int status = DFU_ERR_TARGET; status <= DFU_ERR_STALLEDPKT; ++status) {
    texts.insert(board.string(static_cast<std::uint8_t>(DFU_STATUS_STRING + status)));
  }
  EXPECT_EQ(texts.size(), 15u);
  EXPECT_FALSE(texts.contains(""));
  EXPECT_EQ(board.string(DFU_STATUS_STRING), "") << "OK needs none";
  EXPECT_EQ(board.string(DFU_STATUS_STRING + 16), "");
}

TEST(Descriptors, LayoutsUseTheUnitThatFits) {
  EXPECT_EQ(layout(flash(0x90000000, 8u << 20, 65536)), "@NOR /0x90000000/128*064Kg");
  EXPECT_EQ(layout(flash(0x08000000, 2u << 20, 128u << 10)), "@NOR /0x08000000/16*128Kg");
  EXPECT_EQ(layout(flash(0x70000000, 256u << 20, 1u << 20)), "@NOR /0x70000000/256*001Mg");
  EXPECT_EQ(layout(flash(0x0800ABCD, 4096, 256)), "@NOR /0x0800ABCD/16*256Bg");
  EXPECT_EQ(layout(flash(0, 0x80000000, 1)), "@NOR /0x00000000/2147483648*001Bg");
}

// fwupd 2.0.20 shows no device that has a larger number than 999 there; each host adds the segments
// behind one address up.
TEST(Descriptors, LayoutsOfManyBlocksAreSegmentsThatEveryHostReads) {
  EXPECT_EQ(layout(flash(0x90000000, 999u * 4096, 4096)), "@NOR /0x90000000/999*004Kg");
  EXPECT_EQ(layout(flash(0x90000000, 1000u * 4096, 4096)), "@NOR /0x90000000/999*004Kg,1*004Kg");
  EXPECT_EQ(layout(flash(0x90000000, 128u << 20, 65536)),
            "@NOR /0x90000000/999*064Kg,999*064Kg,50*064Kg");
  const std::string longest =
      layout(flash(0x90000000, 8991u * 65536, 65536), "External NOR flash name");
  EXPECT_EQ(longest.size(), 126u);
  EXPECT_TRUE(longest.starts_with("@External NOR flash name /0x90000000/999*064Kg,999"));
  EXPECT_EQ(layout(flash(0x90000000, 8992u * 65536, 65536)), "@NOR /0x90000000/8992*064Kg");
}

// The letters a to g of the form: 1 readable, 2 erasable, 4 writable.
TEST(Descriptors, LayoutsTellWhatIsAllowed) {
  std::string letters;
  for (int bits = 1; bits < 8; ++bits) {
    letters += layout(flash(0, 4096, 4096), "x", bits & 1, bits & 2, bits & 4).back();
  }
  EXPECT_EQ(letters, "abcdefg");
}

// A longer string would have a bLength that does not fit into a byte.
TEST(Descriptors, ALongNameIsCutAndTheLayoutIsNot) {
  const std::string name(300, 'n');
  const std::string text = layout(flash(0xffffffff, 0xffffffff, 1), name.c_str());
  EXPECT_EQ(text.size(), 126u);
  EXPECT_EQ(text.substr(text.size() - 29), " /0xFFFFFFFF/4294967295*001Bg");
}

}  // namespace
}  // namespace gangd::model
