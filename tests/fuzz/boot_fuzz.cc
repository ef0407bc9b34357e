// Whatever lies where a header should be, and whatever a counter's sector holds, the loader ends
// with a verdict, reads and copies only where its board allows, and what it lets go has vectors
// that lead into an image that it has hashed.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "target_fw/boot/boot.h"
#include "target_fw/boot/boot_counter.h"
#include "target_fw/core/bytes.h"
#include "target_fw/core/crc32c.h"

namespace {

constexpr std::uint32_t kFlash = 0x7000'0000, kFlashSize = 8192;
constexpr std::uint32_t kHeader = kFlash + 4096;
constexpr std::uint32_t kRam = 0x2400'0000, kRamSize = 4096;
constexpr std::uint32_t kCounter = 0x0800'0000, kCounterSize = 256;

struct Board {
  std::vector<std::uint8_t> flash = std::vector<std::uint8_t>(kFlashSize, 0xff);
  std::vector<std::uint8_t> ram = std::vector<std::uint8_t>(kRamSize);
  std::vector<std::uint8_t> counter = std::vector<std::uint8_t>(kCounterSize, 0xff);
  std::uint32_t marker = 0;
};

bool lies_in(std::uint32_t address, std::uint32_t size, std::uint32_t begin, std::uint32_t length) {
  return address >= begin && size <= length && address - begin <= length - size;
}

void require(bool good) {
  if (!good) std::abort();
}

bool read(void* self, std::uint32_t address, std::uint8_t* bytes, std::uint32_t size) {
  const Board& board = *static_cast<Board*>(self);
  require(size <= BOOT_PIECE_MAX);
  const bool is_counter = lies_in(address, size, kCounter, kCounterSize);
  require(is_counter || lies_in(address, size, kFlash, kFlashSize));
  const auto& from = is_counter ? board.counter : board.flash;
  std::copy_n(from.begin() + (address - (is_counter ? kCounter : kFlash)), size, bytes);
  return true;
}

std::uint8_t* ram(void* self, std::uint32_t address, std::uint32_t size) {
  require(lies_in(address, size, kRam, kRamSize));
  return static_cast<Board*>(self)->ram.data() + (address - kRam);
}

bool program(void* self, std::uint32_t address, const std::uint8_t* bytes) {
  require(lies_in(address, BOOT_WORD_SIZE, kCounter, kCounterSize) && address % 16 == 0);
  std::copy_n(bytes, BOOT_WORD_SIZE, &static_cast<Board*>(self)->counter[address - kCounter]);
  return true;
}

boot_port port_of(Board& board) {
  boot_port port{};
  port.self = &board;
  port.read = read;
  port.ram = ram;
  port.program = program;
  port.load_marker = [](void* self) { return static_cast<Board*>(self)->marker; };
  port.store_marker = [](void* self, std::uint32_t value) {
    static_cast<Board*>(self)->marker = value;
  };
  return port;
}

boot_rules rules_of() {
  static const boot_range ranges[] = {{kFlash, kFlashSize, BOOT_HOLDS_IMAGES | BOOT_RUNS_IN_PLACE},
                                      {kRam, kRamSize, BOOT_TAKES_COPIES | BOOT_TAKES_STACKS}};
  boot_rules rules{};
  rules.board = "fuzz";
  rules.header_address = kHeader;
  rules.ranges = ranges;
  rules.ranges_count = 2;
  rules.counter_address = kCounter;
  rules.counter_size = kCounterSize;
  rules.faults_max = BOOT_FAULTS_MAX;
  return rules;
}

// A sum or a hash that fits is what a fuzzer does not find by itself.
void mend(Board& board, unsigned how) {
  std::uint8_t* header = &board.flash[kHeader - kFlash];
  if ((how & 1) != 0) {
    store_le32(header + BOOT_AT_MAGIC, BOOT_HEADER_MAGIC);
    store_le16(header + BOOT_AT_FORMAT, BOOT_HEADER_FORMAT);
    store_le16(header + BOOT_AT_SIZE, BOOT_HEADER_SIZE);
    std::memset(header + BOOT_AT_BOARD, 0, BOOT_NAME_SIZE);
    std::memset(header + BOOT_AT_RESERVED, 0, BOOT_AT_SIGNATURE - BOOT_AT_RESERVED);
    std::memset(header + BOOT_AT_RESERVED_TOO, 0, BOOT_AT_CRC - BOOT_AT_RESERVED_TOO);
  }
  const std::uint32_t address = load_le32(header + BOOT_AT_ADDRESS);
  const std::uint32_t size = load_le32(header + BOOT_AT_IMAGE_SIZE);
  if ((how & 2) != 0 && lies_in(address, size, kFlash, kFlashSize)) {
    sha256 hash;
    sha256_begin(&hash);
    sha256_update(&hash, board.flash.data() + (address - kFlash), size);
    sha256_end(&hash, header + BOOT_AT_SHA256);
  }
  if ((how & 4) != 0) store_le32(header + BOOT_AT_CRC, crc32c_update(0, header, BOOT_AT_CRC));
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  if (size < 5) return 0;
  Board board;
  const unsigned how = data[0];
  board.marker = load_le32(data + 1);
  data += 5, size -= 5;
  const auto take = [&](std::vector<std::uint8_t>& to, std::size_t at, std::size_t most) {
    const std::size_t part = std::min(size, most);
    std::copy_n(data, part, to.begin() + static_cast<std::ptrdiff_t>(at));
    data += part, size -= part;
  };
  take(board.flash, kHeader - kFlash, BOOT_HEADER_SIZE);
  take(board.flash, 0, 64);
  take(board.counter, 0, kCounterSize);
  mend(board, how);
  const boot_port port = port_of(board);
  const boot_rules rules = rules_of();
  std::uint32_t before = 0;
  if (!boot_counter_read(&rules, &port, &before)) return 0;
  boot_image image{};
  const boot_verdict verdict =
      boot_decide(&rules, &port, static_cast<boot_cause>(how >> 4 & 3), (how & 8) != 0, &image);
  require(std::strlen(boot_verdict_text(verdict)) > 0);
  std::uint32_t after = 0;
  if (boot_counter_read(&rules, &port, &after)) require(after >= before);
  if (verdict != BOOT_GOES) return 0;
  const boot_header& header = image.header;
  require(header.security_version >= before);
  require(lies_in(header.address, header.size, kFlash, kFlashSize));
  require(lies_in(image.vectors, 8, header.run_address, header.size));
  require(lies_in(image.entry & ~1u, 1, header.run_address, header.size));
  require(lies_in(image.stack - 4, 4, kRam, kRamSize));
  return 0;
}
