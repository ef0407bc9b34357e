#include "usb/usb.h"

#include <fmt/format.h>

#include <charconv>

namespace gangd {
namespace {

constexpr std::size_t kPortsMax = 7;  // tiers below the root hub (USB 2.0, 4.1.1)

constexpr std::uint8_t kGetDescriptor = 6;
constexpr std::uint8_t kStringDescriptor = 3;
constexpr std::uint8_t kToHostStandardDevice = 0x80;

void append_utf8(std::string& text, std::uint32_t character) {
  if (character < 0x80) {
    text += static_cast<char>(character);
  } else if (character < 0x800) {
    text += static_cast<char>(0xc0 | character >> 6);
    text += static_cast<char>(0x80 | (character & 0x3f));
  } else {
    text += static_cast<char>(0xe0 | character >> 12);
    text += static_cast<char>(0x80 | (character >> 6 & 0x3f));
    text += static_cast<char>(0x80 | (character & 0x3f));
  }
}

Task<Result<ByteVector>> read_string_descriptor(UsbConnection& connection, std::uint8_t index,
                                                std::uint16_t language) {
  const auto value = static_cast<std::uint16_t>(kStringDescriptor << 8 | index);
  auto bytes =
      co_await connection.control_in({kToHostStandardDevice, kGetDescriptor, value, language}, 255);
  if (!bytes) co_return std::move(bytes).with_context(fmt::format("string {}", index));
  if (bytes->size() < 2 || (*bytes)[1] != kStringDescriptor || (*bytes)[0] < 2) {
    co_return Error(Code::kDevice, "string {}: the device answers {}", index, to_hex(*bytes));
  }
  // Some devices send more than the descriptor says, and some less.
  bytes->resize(std::min<std::size_t>(bytes->size(), (*bytes)[0]));
  bytes->erase(bytes->begin(), bytes->begin() + 2);
  co_return bytes;
}

}  // namespace

std::string UsbPath::to_string() const {
  return fmt::format("{}/{}", controller, fmt::join(ports, "."));
}

Result<UsbPath> UsbPath::parse(std::string_view text) {
  const auto refuse = [text] {
    return Error(Code::kInvalid,
                 "`{}` is no USB path; one looks like 0000:00:14.0/2.4.1 (controller, ports)",
                 text);
  };
  const std::size_t slash = text.rfind('/');
  if (slash == std::string_view::npos || slash == 0) return refuse();
  UsbPath path{std::string(text.substr(0, slash)), {}};
  std::string_view rest = text.substr(slash + 1);
  while (!rest.empty()) {
    std::uint8_t port = 0;
    const auto [end, error] = std::from_chars(rest.data(), rest.data() + rest.size(), port);
    if (error != std::errc() || port == 0 || path.ports.size() == kPortsMax) return refuse();
    path.ports.push_back(port);
    rest.remove_prefix(static_cast<std::size_t>(end - rest.data()));
    if (rest.empty()) break;
    if (rest.front() != '.' || rest.size() == 1) return refuse();
    rest.remove_prefix(1);
  }
  return path;
}

Task<Result<std::string>> read_string(UsbConnection& connection, std::uint8_t index) {
  if (index == 0) co_return std::string();
  CO_TRY(const ByteVector languages, co_await read_string_descriptor(connection, 0, 0));
  ByteReader language_reader(languages);
  const std::uint16_t language = language_reader.u16_le();
  CO_TRY(const ByteVector units, co_await read_string_descriptor(connection, index, language));
  std::string text;
  ByteReader reader(units);
  while (reader.left() >= 2) {
    const std::uint16_t unit = reader.u16_le();
    const bool is_surrogate = unit >= 0xd800 && unit <= 0xdfff;
    append_utf8(text, is_surrogate ? 0xfffd : unit);
  }
  co_return text;
}

}  // namespace gangd
