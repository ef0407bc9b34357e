// What is written into a thousand units must be what the files say, or nothing.
#include "image/image.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/ledger/folder.h"

namespace gangd {
namespace {

ImagePart part(const std::string& name, std::uint32_t address, std::size_t size) {
  return {name, address, ByteVector(size, 0x5a)};
}

TEST(Image, HasItsPartsInOrderWithTheirHashes) {
  const auto image = Image::make({part("b", 0x2000, 16), part("a", 0x1000, 0x1000)});
  ASSERT_TRUE(image);
  ASSERT_EQ(image->extents().size(), 2U);
  EXPECT_EQ(image->extents()[0], (Extent{"a", 0x1000, 0x1000, sha256(ByteVector(0x1000, 0x5a))}));
  EXPECT_EQ(image->parts()[1].name, "b");
}

TEST(Image, PartsMayTouchAndNotOverlap) {
  EXPECT_TRUE(Image::make({part("a", 0, 16), part("b", 16, 16)}));
  const auto over = Image::make({part("a", 0, 17), part("b", 16, 16)});
  ASSERT_TRUE(over.failed_with(Code::kInvalid));
  EXPECT_EQ(over.error().message(),
            "a (0x00000000, 17 bytes) and b (0x00000010, 16 bytes) lie over each other");
}

TEST(Image, EmptyPartsAndThoseBeyondTheEndAreRefused) {
  EXPECT_TRUE(Image::make({part("a", 0, 0)}).failed_with(Code::kInvalid));
  EXPECT_TRUE(Image::make({part("a", 0xffff'fff0, 16)}));
  EXPECT_TRUE(Image::make({part("a", 0xffff'fff0, 17)}).failed_with(Code::kInvalid));
}

TEST(ReadFile, GivesTheBytesOrSaysWhatIsWrong) {
  Folder folder;
  const std::string path = folder.file("a.bin");
  std::ofstream(path) << "12345";
  EXPECT_EQ(*read_file(path, 5), (ByteVector{'1', '2', '3', '4', '5'}));
  EXPECT_TRUE(read_file(path, 4).failed_with(Code::kInvalid));
  EXPECT_TRUE(read_file(folder.file("none"), 4).failed_with(Code::kNotFound));
  EXPECT_TRUE(read_file(path + "/under", 4).failed_with(Code::kNotFound));
  std::filesystem::create_directory(folder.file("dir"));
  EXPECT_TRUE(read_file(folder.file("dir"), 4).failed_with(Code::kInvalid));
  const auto large = read_file(path, 4);
  EXPECT_EQ(large.error().message(), path + " has 5 bytes; at most 4 can be");
}

// A worker that waits for a writer who never comes is lost, and gangd with it.
TEST(ReadFile, APipeIsRefusedAndNotWaitedFor) {
  Folder folder;
  const std::string path = folder.file("pipe");
  ASSERT_EQ(mkfifo(path.c_str(), 0600), 0);
  EXPECT_TRUE(read_file(path, 4).failed_with(Code::kInvalid));
}

}  // namespace
}  // namespace gangd
