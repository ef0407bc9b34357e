#include "tests/bench/cold_boot.h"

#include <array>
#include <chrono>
#include <memory>
#include <utility>

#include "tests/bench/virtual_line.h"
#include "tests/emu/emu_board.h"
#include "tests/model/header_fields.h"

namespace gangd::bench {
namespace {

using namespace std::chrono_literals;
using emu::EmuBoard;

constexpr std::string_view kBoard = "stm32h7s78-dk";
constexpr std::uint32_t kWindow = 0x7000'0000, kHeader = 0x701f'0000;
constexpr std::uint32_t kImage = kWindow + 0x20'0000;  // the first block behind the header's
constexpr std::uint32_t kWord = 0x2000'0100, kMark = 0xcafe'f00d;
constexpr std::size_t kSmallest = 0x400;
// Octal, both edges, `boot_hz` of the board: what the model of a mapped flash leaves out.
constexpr double kBytesEachSecond = 200e6;

// Writes one word, and stays where it is.
Bytes image_of(std::size_t size) {
  const ByteVector any = random_image(size);
  Bytes image(any.begin(), any.end());
  store_le32(&image[0], 0x2000'8000);
  store_le32(&image[4], kImage + 0x201);
  store_le16(&image[0x200], 0x4801);  // ldr r0, [pc, #4]
  store_le16(&image[0x202], 0x4902);  // ldr r1, [pc, #8]
  store_le16(&image[0x204], 0x6001);  // str r1, [r0]
  store_le16(&image[0x206], 0xe7fe);  // b .
  store_le32(&image[0x208], kWord);
  store_le32(&image[0x20c], kMark);
  return image;
}

Result<std::unique_ptr<EmuBoard>> board_with(const std::string& folder, const Bytes& image) {
  EmuBoard::Options options;
  TRY(options.kind, emu::find_board(kBoard));
  options.boots_rom = false;
  TRY(auto board, EmuBoard::make(std::move(options)));
  TRY(emu::Program loader,
      emu::Program::read(folder + "/" + std::string(kBoard) + "-resident.elf", {}));
  TRY_STATUS(board->store(std::move(loader)));
  HeaderFields fields{.address = kImage, .run_address = kImage, .board = kBoard};
  fields.hash(image);
  board->nor()->poke(kImage - kWindow, image);
  board->nor()->poke(kHeader - kWindow, fields.bytes());
  return board;
}

// From power to the first write of the application, by the CPU's instructions.
Result<double> boot_s(const std::string& folder, std::size_t size) {
  TRY(const auto board, board_with(folder, image_of(size)));
  EmuBoard::Time now = 1s;
  const EmuBoard::Time begin = now;
  board->plug(now);
  for (const EmuBoard::Time end = now + 60s; now < end;) {
    now += 50us;
    // It may lag behind when it has had its share of the machine's time.
    while (board->advance(now) == now) continue;
    std::array<std::uint8_t, 4> word{};
    if (board->attached()) return Error(Code::kMismatch, "it stays in DFU");
    if (!board->chip().machine().peek(kWord, word) || load_le32(word.data()) != kMark) continue;
    return std::chrono::duration<double>(now - begin).count();
  }
  return Error(Code::kTimeout, "the application does not run: {}", board->state());
}

}  // namespace

Result<ColdBoot> cold_boot(const std::string& folder, std::size_t size) {
  TRY(const double start_s, boot_s(folder, kSmallest));
  TRY(const double all_s, boot_s(folder, size));
  return ColdBoot{.start_s = start_s,
                  .hash_s = all_s - start_s + static_cast<double>(size) / kBytesEachSecond};
}

}  // namespace gangd::bench
