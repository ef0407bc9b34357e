// A board with the resident loader that ships, on the model of its chip, and applications that it
// may start.
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>

#include "tests/emu/emu_board.h"
#include "tests/model/header_fields.h"

namespace gangd::emu {

using namespace std::chrono_literals;
using model::InternalFlash;

inline constexpr std::uint32_t kNor = 0x7000'0000;
inline constexpr std::uint32_t kPsram = 0x9000'0000;
inline constexpr std::uint32_t kHeader = 0x701f'0000;  // of the board
inline constexpr std::uint32_t kInternal = InternalFlash::kAddress + 5 * InternalFlash::kSectorSize;
inline constexpr std::uint32_t kRam = 0x2400'0000;
inline constexpr std::uint32_t kWord = 0x2000'0100;  // where an application writes
inline constexpr std::uint32_t kMark = 0xcafe'f00d;  // what it writes there

// Writes one word, and stays where it is.
inline Bytes application(std::uint32_t run_address, std::uint32_t at = kWord,
                         std::uint32_t value = kMark, std::size_t size = 5000) {
  Bytes image(size);
  for (std::size_t i = 0; i < size; ++i) image[i] = static_cast<std::uint8_t>(i * 7 + value);
  store_le32(&image[0], 0x2000'8000);
  store_le32(&image[4], run_address + 0x201);
  store_le16(&image[0x200], 0x4801);  // ldr r0, [pc, #4]
  store_le16(&image[0x202], 0x4902);  // ldr r1, [pc, #8]
  store_le16(&image[0x204], 0x6001);  // str r1, [r0]
  store_le16(&image[0x206], 0xe7fe);  // b .
  store_le32(&image[0x208], at);
  store_le32(&image[0x20c], value);
  return image;
}

struct KnownBoard {
  const char* name;
  std::uint32_t nor = kNor;  // where the external flash is mapped
  std::uint32_t header = kHeader;
  bool psram = true;  // if it has one, that is fitted
  // This function of the loader begins with an instruction that the CPU does not have.
  const char* broken = nullptr;
};
inline constexpr KnownBoard kDiscoveryKit = {.name = "stm32h7s78-dk"};

class ResidentBench {
 public:
  // `loader`: a file of the build's folder firmware. `start_at`: a debugger puts it into RAM, and
  // starts it there.
  explicit ResidentBench(const std::string& loader, const KnownBoard& known = kDiscoveryKit,
                         std::optional<std::uint32_t> start_at = {})
      : known_(known) {
    EmuBoard::Options options;
    options.kind = find_board(known.name).value();
    options.kind.psram = options.kind.psram && known.psram;
    options.boots_rom = false;
    options.start_at = start_at;
    options.take_faults = known.broken != nullptr;
    board_ = EmuBoard::make(std::move(options)).value();
    board_->on_violation = [](const std::string& trace) { ADD_FAILURE() << trace; };
    auto program = Program::read(std::string(GANGD_FIRMWARE) + "/" + loader, {});
    EXPECT_TRUE(program) << (program ? "" : program.error().message());
    if (!program) return;
    const std::uint32_t broken = known.broken == nullptr ? 0 : program->addresses.at(known.broken);
    EXPECT_TRUE(board_->store(*std::move(program)));
    constexpr std::uint8_t kUndefined[] = {0x00, 0xde};
    if (broken != 0) EXPECT_TRUE(board_->chip().store(broken & ~1u, kUndefined));
  }

  EmuBoard& board() { return *board_; }
  InternalFlash& flash() { return board_->chip().outside().flash; }
  model::NorChip& nor() { return *board_->nor(); }

  void put(std::uint32_t address, Bytes bytes) {
    if (address >= known_.nor) return nor().poke(address - known_.nor, bytes);
    bytes.resize((bytes.size() + 15) / 16 * 16, 0xff);
    flash().poke(address, bytes);
  }
  Bytes header_of(const Bytes& image, HeaderFields fields, const SecretKey* key) const {
    fields.board = known_.name;
    fields.hash(image);
    return fields.bytes(key);
  }
  void install(const Bytes& image, const HeaderFields& fields, const SecretKey* key = nullptr) {
    put(fields.address, image);
    put(known_.header, header_of(image, fields, key));
  }
  static HeaderFields in_place(std::uint32_t address) {
    HeaderFields fields;
    fields.address = fields.run_address = address;
    return fields;
  }
  // Power, until an application has written or the loader is on the bus.
  void power_cycle() {
    board_->unplug(now_);
    board_->plug(now_);
    const Time end = now_ + 3s;
    while (now_ < end && !board_->attached() && written() == 0) board_->advance(now_ += 1ms);
  }
  void run(Time time) {
    for (const Time end = now_ + time; now_ < end;) {
      board_->advance(now_ = std::min<Time>(now_ + 100us, end));
    }
  }
  Time now() const { return now_; }
  bool in_dfu() const { return board_->attached(); }
  // kMark, the one after it, or 0: no application has run.
  std::uint32_t written() {
    std::array<std::uint8_t, 4> bytes;
    if (!board_->chip().machine().peek(kWord, bytes)) return 0;
    const std::uint32_t value = load_le32(bytes.data());
    return value == kMark || value == kMark + 1 ? value : 0;
  }
  std::string state() const { return board_->state(); }

 private:
  const KnownBoard known_;
  std::unique_ptr<EmuBoard> board_;
  Time now_ = 1s;
};

}  // namespace gangd::emu
