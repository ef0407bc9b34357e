#include "tests/sim/staged_product.h"

#include <fmt/format.h>

#include "target_fw/mailbox.h"

namespace gangd::sim {
namespace {

constexpr std::uint32_t kStack = 0x2407'2000;
// Whole words, as a ROM takes them, and no more than that.
constexpr std::size_t kLoaderBytes = 6 * 1024 + 4;
// No multiple of the 16 bytes that the internal flash is written in.
constexpr std::size_t kBootBytes = 9001;

}  // namespace

ByteVector program_for(std::uint32_t address, std::size_t size) {
  ByteWriter bytes;
  bytes.u32_le(kStack).u32_le(address + 0x101);
  while (bytes.size() < size) {
    const std::size_t at = bytes.size();
    bytes.u8(static_cast<std::uint8_t>(at * 73 + (at >> 8)));
  }
  return std::move(bytes).take();
}

ByteVector staged_loader() {
  return program_for(MAILBOX_LOADER_ADDRESS, kLoaderBytes);
}

ByteVector staged_boot_image() {
  return program_for(kBootAddress, kBootBytes);
}

std::string staged_tables() {
  return fmt::format(R"(
[[image]]
file = "boot.bin"
address = {}
[loader]
file = "loader.bin"
sha256 = "{}"
vendor = 0x0483
product = 0xdf11
[start]
address = {}
vendor = {}
product = {}
)",
                     kBootAddress, sha256(staged_loader()).hex(), kBootAddress, kApplicationVendor,
                     kApplicationProduct);
}

ImagePart staged_boot_part() {
  return {"boot.bin", kBootAddress, staged_boot_image()};
}

void make_staged(model::VirtualBoard::Options& options, bool second_port) {
  model::BootStages::Options& stages = options.stages.emplace();
  stages.second_port = second_port;
  stages.application = model::UsbIds{kApplicationVendor, kApplicationProduct};
  options.high_speed = second_port;
  options.boot_hz = 50'000'000;  // every part manages that
}

}  // namespace gangd::sim
