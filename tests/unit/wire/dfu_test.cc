#include "wire/dfu.h"

#include <gtest/gtest.h>

namespace gangd {
namespace {

constexpr const char* kHeader = "090200000101008032";

ByteVector configuration(std::string_view descriptors) {
  return *from_hex(std::string(kHeader) + std::string(descriptors));
}

// A boot ROM has one functional descriptor behind all its alternate settings; others repeat it.
TEST(FindDfu, EachAlternateHasTheFunctionalDescriptorBehindIt) {
  const auto all =
      find_dfu(configuration("0904000000fe010204"
                             "0904000100fe010205"
                             "09210bff0000081a01"
                             "090401000002000000"
                             "0904020000fe010106"
                             "092101fa0000100001"));
  ASSERT_TRUE(all);
  ASSERT_EQ(all->size(), 3u);
  const DfuAlternate& second = (*all)[1];
  EXPECT_EQ(second.interface, 0);
  EXPECT_EQ(second.alternate, 1);
  EXPECT_EQ(second.name_index, 5);
  EXPECT_EQ(second.attributes, 0x0b);
  EXPECT_EQ(second.transfer_size, 2048);
  EXPECT_TRUE(second.is_dfuse() && second.in_dfu_mode);
  const DfuAlternate& runtime = (*all)[2];
  EXPECT_EQ(runtime.interface, 2);
  EXPECT_FALSE(runtime.is_dfuse() || runtime.in_dfu_mode);
}

TEST(FindDfu, ADeviceWithoutItHasNone) {
  EXPECT_TRUE(find_dfu(configuration("090400000003010100"))->empty());
}

// The seven bytes of DFU 1.0.
TEST(FindDfu, AShortFunctionalDescriptorIsVersionOne) {
  const auto all = find_dfu(configuration("0904000000fe010204072101ff000008"));
  EXPECT_EQ(all->front().version, 0x0100);
  EXPECT_EQ(all->front().transfer_size, 2048);
}

// Descriptors come from the device: a length of 0 must not loop, one too long not be read.
TEST(FindDfu, ABrokenDescriptorIsAnError) {
  for (const char* rest : {"00", "0004", "0104", "09", "0904", "ff04000000fe010204"}) {
    EXPECT_TRUE(find_dfu(configuration(rest)).failed_with(Code::kDevice)) << rest;
  }
  EXPECT_TRUE(find_dfu({}).failed_with(Code::kDevice));
}

TEST(DfuNames, AreThoseOfTheStandard) {
  EXPECT_EQ(dfu_state_name(DfuState::kDownloadBusy), "dfuDNBUSY");
  EXPECT_EQ(dfu_state_name(DfuState::kError), "dfuERROR");
  EXPECT_EQ(dfu_state_name(static_cast<DfuState>(11)), "unknown");
  EXPECT_EQ(dfu_status_name(0x0f), "errSTALLEDPKT");
  EXPECT_EQ(dfu_status_name(0x10), "unknown");
}

}  // namespace
}  // namespace gangd
