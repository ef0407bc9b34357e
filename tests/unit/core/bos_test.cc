#include "target_fw/core/bos.h"

#include <gtest/gtest.h>

#include <map>
#include <stdexcept>
#include <string>
#include <utility>

#include "target_fw/xfp.h"
#include "tests/unit/core/board.h"

namespace gangd::model {
namespace {

using Bytes = std::vector<std::uint8_t>;

// What a host reads the bytes with: it goes by the lengths that they carry themselves.
class Reader {
 public:
  explicit Reader(Bytes bytes) : bytes_(std::move(bytes)) {}

  bool at_end() const { return at_ == bytes_.size(); }
  std::size_t left() const { return bytes_.size() - at_; }
  std::uint32_t number(std::size_t size) {
    std::uint32_t value = 0;
    const Bytes part = take(size);
    for (std::size_t i = 0; i < size; ++i) value |= std::uint32_t{part[i]} << (8 * i);
    return value;
  }
  Bytes take(std::size_t size) {
    if (size > left()) throw std::out_of_range("a length that leads beyond the end");
    const auto from = bytes_.begin() + static_cast<std::ptrdiff_t>(at_);
    at_ += size;
    return {from, from + static_cast<std::ptrdiff_t>(size)};
  }
  // As Windows prints one: three numbers, then bytes.
  std::string uuid() {
    const std::uint32_t first = number(4);
    const std::uint32_t second = number(2);
    const std::uint32_t third = number(2);
    char text[37];
    int length = std::snprintf(text, sizeof text, "%08X-%04X-%04X-", first, second, third);
    for (int i = 0; i < 8; ++i) {
      length += std::snprintf(text + length, sizeof text - static_cast<std::size_t>(length),
                              i == 1 ? "%02X-" : "%02X", number(1));
    }
    return text;
  }
  // ASCII in UTF-16; every zero of it is kept.
  std::string utf16(std::size_t size) {
    std::string text;
    for (Reader part(take(size)); !part.at_end();) text += static_cast<char>(part.number(2));
    return text;
  }

 private:
  Bytes bytes_;
  std::size_t at_ = 0;
};

struct Bos {
  std::map<std::string, Bytes> platforms;  // by UUID
  std::vector<std::uint32_t> extensions;
};

Bos parse_bos(Bytes bytes) {
  const std::size_t size = bytes.size();
  Reader reader(std::move(bytes));
  EXPECT_EQ(reader.number(1), 5U);
  EXPECT_EQ(reader.number(1), 15U);
  EXPECT_EQ(reader.number(2), size);
  std::uint32_t count = reader.number(1);
  Bos bos;
  for (; !reader.at_end(); --count) {
    const std::uint32_t length = reader.number(1);
    Reader capability(reader.take(length - 1));
    EXPECT_EQ(capability.number(1), 16U);
    const std::uint32_t type = capability.number(1);
    if (type == 5) {
      EXPECT_EQ(capability.number(1), 0U);
      const std::string uuid = capability.uuid();
      bos.platforms[uuid] = capability.take(capability.left());
    } else {
      EXPECT_EQ(type, 2U);
      bos.extensions.push_back(capability.number(4));
      EXPECT_TRUE(capability.at_end());
    }
  }
  EXPECT_EQ(count, 0U);
  return bos;
}

struct Function {
  std::string compatible;
  std::map<std::string, std::string> lists;  // properties that are lists of texts
};

Function parse_function(Reader part) {
  Function function;
  while (!part.at_end()) {
    Reader feature(part.take(part.number(2) - 2));
    if (const std::uint32_t type = feature.number(2); type == 3) {
      for (const std::uint8_t byte : feature.take(8))
        function.compatible += static_cast<char>(byte);
      EXPECT_EQ(feature.take(8), Bytes(8)) << "no sub-ID";
    } else {
      EXPECT_EQ(type, 4U);
      EXPECT_EQ(feature.number(2), 7U) << "REG_MULTI_SZ";
      const std::string name = feature.utf16(feature.number(2));
      function.lists[name] = feature.utf16(feature.number(2));
    }
    EXPECT_TRUE(feature.at_end());
  }
  return function;
}

// By the interface that a function begins with.
std::map<std::uint32_t, Function> parse_set(const Bytes& bytes) {
  Reader set(bytes);
  EXPECT_EQ(set.number(2), 10U);
  EXPECT_EQ(set.number(2), 0U);
  EXPECT_EQ(set.number(4), 0x06030000U) << "Windows 8.1";
  EXPECT_EQ(set.number(2), bytes.size());
  EXPECT_EQ(set.number(2), 8U);
  EXPECT_EQ(set.number(2), 1U) << "configuration subset";
  EXPECT_EQ(set.number(2), 0U) << "the first configuration";
  EXPECT_EQ(set.number(2), bytes.size() - 10);
  std::map<std::uint32_t, Function> functions;
  while (!set.at_end()) {
    EXPECT_EQ(set.number(2), 8U);
    EXPECT_EQ(set.number(2), 2U) << "function subset";
    const std::uint32_t interface = set.number(1);
    EXPECT_EQ(set.number(1), 0U);
    const std::uint32_t size = set.number(2);
    functions[interface] = parse_function(Reader(set.take(size - 8)));
  }
  return functions;
}

constexpr char kMicrosoft[] = "D8DD60DF-4589-4CC7-9CD2-659D9E648A9F";
constexpr char kXfp[] = "09216854-0F30-4433-8651-A9B986D1AFE7";

Reply read_bos(Board& board, std::uint16_t length) {
  return board.read(0x80, 6, 15 << 8, length);
}
Reply read_set(Board& board, std::uint8_t code, std::uint16_t index, std::uint16_t length) {
  return board.control(0xc0, code, 0, index, {}, length);
}

// Linux and Windows ask for it of a device that says 2.1; both read its first 5 bytes first.
TEST(Bos, HasWhatWindowsAndOurOwnHostsLookFor) {
  for (const bool high_speed : {true, false}) {
    Board board({.high_speed = high_speed});
    const Bytes head = read_bos(board, 5).bytes;
    ASSERT_EQ(head.size(), 5U);
    const Bos bos = parse_bos(read_bos(board, static_cast<std::uint16_t>(head[2])).bytes);
    EXPECT_EQ(bos.extensions, std::vector<std::uint32_t>{0}) << "no link power management";
    ASSERT_EQ(bos.platforms.size(), 2U);
    ASSERT_TRUE(bos.platforms.contains(kMicrosoft));
    Reader xfp(bos.platforms.at(kXfp));
    EXPECT_EQ(xfp.number(1), 1U) << "version";
    EXPECT_EQ(xfp.number(4), XFP_FEATURES);
    EXPECT_TRUE(xfp.at_end());
  }
}

// There is no Windows here: what is proved is that the bytes mean what Microsoft's document says.
TEST(Bos, TheSetForWindowsGivesBothInterfacesWinusb) {
  Board board;
  const Bos bos = parse_bos(read_bos(board, 255).bytes);
  Reader microsoft(bos.platforms.at(kMicrosoft));
  EXPECT_EQ(microsoft.number(4), 0x06030000U) << "Windows 8.1";
  const auto size = static_cast<std::uint16_t>(microsoft.number(2));
  const auto code = static_cast<std::uint8_t>(microsoft.number(1));
  EXPECT_EQ(microsoft.number(1), 0U) << "no alternate enumeration";
  EXPECT_TRUE(microsoft.at_end());

  const Bytes set = read_set(board, code, 7, size).bytes;
  ASSERT_EQ(set.size(), size);
  const std::string name("DeviceInterfaceGUIDs\0", 21);
  const std::map<std::uint32_t, std::string> guids = {
      {0, {"{5EB465D9-67F2-4817-8FA6-73348D6EDB38}\0\0", 40}},
      {1, {"{3505E5CD-DA1F-4631-9A03-CA287FD863E0}\0\0", 40}}};
  const std::map<std::uint32_t, Function> functions = parse_set(set);
  ASSERT_EQ(functions.size(), 2U) << "DFU and XFP";
  for (const auto& [interface, function] : functions) {
    EXPECT_EQ(function.compatible, std::string("WINUSB\0\0", 8));
    EXPECT_EQ(function.lists, (std::map<std::string, std::string>{{name, guids.at(interface)}}));
  }
}

// A host that asks for less gets the beginning, for more what there is.
TEST(Bos, AnswersAreCutToWhatTheHostHasRoomFor) {
  Board board;
  const Bytes bos = read_bos(board, 65535).bytes;
  const Bytes set = read_set(board, MICROSOFT_VENDOR_CODE, 7, 65535).bytes;
  ASSERT_EQ(bos.size(), bos.at(2));
  ASSERT_EQ(set.size(), 338U);
  for (const std::uint16_t length : std::initializer_list<std::uint16_t>{
           1, 4, 10, 63, 64, 65, 128, 256, 320, 337, 338, 339, 384}) {
    const auto cut = [length](const Bytes& whole) {
      const std::size_t size = std::min<std::size_t>(length, whole.size());
      return Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size));
    };
    EXPECT_EQ(read_bos(board, length).bytes, cut(bos)) << length;
    EXPECT_EQ(read_set(board, MICROSOFT_VENDOR_CODE, 7, length).bytes, cut(set)) << length;
  }
  EXPECT_EQ(read_set(board, MICROSOFT_VENDOR_CODE, 7, 0).outcome, Outcome::kDone);
}

TEST(Bos, OtherVendorRequestsAreStalled) {
  Board board;
  EXPECT_EQ(read_set(board, MICROSOFT_VENDOR_CODE, 8, 64).outcome, Outcome::kStalled);
  EXPECT_EQ(read_set(board, MICROSOFT_VENDOR_CODE, 0, 64).outcome, Outcome::kStalled);
  EXPECT_EQ(read_set(board, MICROSOFT_VENDOR_CODE, 0x107, 64).outcome, Outcome::kStalled);
  EXPECT_EQ(read_set(board, MICROSOFT_VENDOR_CODE + 1, 7, 64).outcome, Outcome::kStalled);
  EXPECT_EQ(read_set(board, 0, 7, 64).outcome, Outcome::kStalled);
  EXPECT_EQ(board.control(0xc1, MICROSOFT_VENDOR_CODE, 0, 7, {}, 64).outcome, Outcome::kStalled)
      << "of an interface";
  EXPECT_EQ(board.control(0x40, MICROSOFT_VENDOR_CODE, 0, 7, Bytes(8), 8).outcome,
            Outcome::kStalled)
      << "what would change something";
  EXPECT_EQ(board.control(0x40, MICROSOFT_VENDOR_CODE, 0, 7, {}, 0).outcome, Outcome::kStalled);
  EXPECT_EQ(board.read(0x80, 6, 15 << 8 | 1, 64).outcome, Outcome::kStalled) << "one BOS only";
}

// Windows asks for the set before it configures the device.
TEST(Bos, IsToldBeforeTheDeviceIsConfigured) {
  Board board;
  board.bus_reset();
  EXPECT_EQ(read_bos(board, 5).outcome, Outcome::kDone);
  EXPECT_EQ(read_set(board, MICROSOFT_VENDOR_CODE, 7, 338).bytes.size(), 338U);
}

}  // namespace
}  // namespace gangd::model
