#include "wire/layout.h"

#include <gtest/gtest.h>

namespace gangd {
namespace {

LayoutSegment segment(std::uint32_t address, std::uint32_t pages, std::uint32_t page_size,
                      std::string_view flags) {
  const auto has = [flags](char flag) { return flags.find(flag) != std::string_view::npos; };
  return {address, pages, page_size, has('r'), has('e'), has('w')};
}

struct Case {
  const char* text;
  std::vector<LayoutSegment> segments;
};

// Strings of devices in the field, and edges. Some of the rules were seen in runs of dfu-util 0.11;
// the table as a whole was not yet held against that program.
TEST(Layout, IsReadAsDfuUtilReadsIt) {
  const std::vector<Case> cases = {
      {"@Internal Flash  /0x08000000/04*016Kg,01*064Kg,07*128Kg",
       {segment(0x08000000, 4, 16384, "rew"), segment(0x08010000, 1, 65536, "rew"),
        segment(0x08020000, 7, 131072, "rew")}},
      {"@Ext/0x90000000/2048*064Kg", {segment(0x90000000, 2048, 65536, "rew")}},
      {"@More than two digits/0x70000000/32768*4Kg", {segment(0x70000000, 32768, 4096, "rew")}},
      {"@Daisy /0x90000000/64*4Kg/0x90040000/60*64Kg",
       {segment(0x90000000, 64, 4096, "rew"), segment(0x90040000, 60, 65536, "rew")}},
      {"@Portenta /0x08000000/01*128Ka,15*128Kg",
       {segment(0x08000000, 1, 131072, "r"), segment(0x08020000, 15, 131072, "rew")}},
      {"@Option Bytes /0x5200201C/01*128 e", {segment(0x5200201c, 1, 128, "rw")}},
      {"@OTP /0x1FFF7800/01*512Be,01*016Bd",
       {segment(0x1fff7800, 1, 512, "rw"), segment(0x1fff7a00, 1, 16, "w")}},
      {"@Two megabytes/0x90000000/64*02Mg", {segment(0x90000000, 64, 2097152, "rew")}},
      {"@Small k is bytes/0x0/2*4kg", {segment(0, 2, 4, "rew")}},
      {"@No unit/0x0/2*128g", {segment(0, 2, 128, "rew")}},
      {"@A space drops it/0x0/2*4Kg ,2*8Kg/0x1000/1*1Kb", {segment(0x1000, 1, 1024, "e")}},
  };
  for (const Case& expected : cases) {
    const auto layout = parse_layout(expected.text);
    ASSERT_TRUE(layout) << expected.text;
    EXPECT_EQ(layout->segments, expected.segments) << expected.text;
  }
  EXPECT_EQ(parse_layout("@Internal Flash  /0x0/1*1Kg")->name, "Internal Flash");
}

// Programming by a guess would write to a wrong place.
TEST(Layout, WhatHoldsNoSegmentIsRefused) {
  for (const char* text :
       {"", "@", "@Name", "@Name/", "@Name/0x08000000", "@Name/0x08000000/", "Flash /0x0/1*1Kg",
        "@Name/0X0/1*1Kg", "@Name/0/1*1Kg", "@Name/0x0/1*1Kh", "@Name/0x0/0*4Kg", "@Name/0x0/1*0Kg",
        "@Name/0x100000000/1*1Kg", "@Name/0x0/1*4096Mg", "@Past the end/0x90000000/65535*64Kg"}) {
    EXPECT_TRUE(parse_layout(text).failed_with(Code::kInvalid)) << text;
  }
}

TEST(Layout, HoldsWhatLiesInSegmentsWithoutAGap) {
  const auto layout = parse_layout("@Two/0x1000/2*1Kg,1*4Kg/0x4000/1*1Kg/0xFFFFFC00/1*1Kg");
  EXPECT_TRUE(layout->holds(0x1000, 0x1800));
  EXPECT_TRUE(layout->holds(0x17ff, 2)) << "over the border of two segments";
  EXPECT_FALSE(layout->holds(0x1000, 0x1801));
  EXPECT_FALSE(layout->holds(0xfff, 1));
  EXPECT_FALSE(layout->holds(0x3fff, 2));
  EXPECT_TRUE(layout->holds(0xfffffc00, 0x400));
  EXPECT_FALSE(layout->holds(0xfffffc00, 0x401)) << "around the end of the address space";
  EXPECT_EQ(layout->segment_at(0x4000)->address, 0x4000u);
  EXPECT_EQ(layout->segment_at(0x4400), nullptr);
}

}  // namespace
}  // namespace gangd
