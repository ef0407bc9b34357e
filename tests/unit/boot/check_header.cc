// What the loader says to a header and an image, from files: for the test of make_header.py.
//
//     check_header HEADER IMAGE ADDRESS [KEY]     KEY: 64 hexadecimal digits
//
// Prints the verdict. The board is called "bench"; all addresses below 0x80000000 hold images and
// run them, those above take copies and stacks.
#include <fmt/core.h>

#include <algorithm>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "base/ed25519.h"
#include "target_fw/boot/boot.h"

namespace gangd {
namespace {

using Bytes = std::vector<std::uint8_t>;
constexpr std::uint32_t kRam = 0x8000'0000;

struct Board {
  std::uint32_t address;
  Bytes image, header;
  Bytes ram = {};                 // as much of it as was asked for
  std::uint32_t ram_address = 0;  // of the first that was
};

Bytes read_file(const char* path) {
  std::ifstream file(path, std::ios::binary);
  return Bytes(std::istreambuf_iterator<char>(file), {});
}

bool read(void* self, std::uint32_t address, std::uint8_t* bytes, std::uint32_t size) {
  const Board& board = *static_cast<Board*>(self);
  const bool is_header = address == 0;
  const Bytes& from = is_header ? board.header : board.image;
  const std::uint32_t begin = is_header ? 0 : address - board.address;
  if (begin > from.size() || size > from.size() - begin) return false;
  std::copy_n(from.begin() + begin, size, bytes);
  return true;
}

int check(Board board, const char* key_text) {
  const boot_range ranges[] = {
      {BOOT_HEADER_SIZE, kRam - BOOT_HEADER_SIZE, BOOT_HOLDS_IMAGES | BOOT_RUNS_IN_PLACE},
      {kRam, 0x7fff'ffff, BOOT_TAKES_COPIES | BOOT_TAKES_STACKS},
      {0x2000'0000, 0x1000'0000, BOOT_TAKES_STACKS}};
  boot_rules rules{};
  rules.board = "bench";
  rules.ranges = ranges;
  rules.ranges_count = 3;
  std::uint8_t keys[1][ED25519_KEY_SIZE];
  if (key_text != nullptr) {
    const Result<PublicKey> key = PublicKey::parse(key_text);
    if (!key) return 2;
    std::ranges::copy(key->bytes, keys[0]);
    rules.keys = keys;
    rules.keys_count = 1;
  }
  boot_port port{};
  port.self = &board;
  port.read = read;
  port.ram = [](void* self, std::uint32_t address, std::uint32_t size) {
    Board& with = *static_cast<Board*>(self);
    if (with.ram.empty()) with.ram_address = address;
    const std::size_t begin = address - with.ram_address;
    with.ram.resize(std::max(with.ram.size(), begin + size));
    return with.ram.data() + begin;
  };
  boot_image image;
  fmt::print("{}\n", boot_verdict_text(boot_check(&rules, &port, &image)));
  return 0;
}

}  // namespace
}  // namespace gangd

int main(int argc, char** argv) {
  if (argc < 4) return 2;
  const auto address = static_cast<std::uint32_t>(std::stoul(argv[3], nullptr, 0));
  return gangd::check({address, gangd::read_file(argv[2]), gangd::read_file(argv[1])},
                      argc > 4 ? argv[4] : nullptr);
}
