// FLASH: the controller of the internal flash, its registers and its window at 0x08000000. The
// cells are those of tests/model/internal_flash.h.
#pragma once

#include <array>
#include <functional>

#include "tests/emu/parts/outside.h"
#include "tests/emu/parts/register_file.h"

namespace gangd::emu {

class FlashController final : public Peripheral, private Chip::Window {
 public:
  FlashController(Chip& chip, Outside& outside);

  unsigned wait_states() const;
  // Called when they have changed.
  std::function<void()> on_latency;

  std::string_view name() const override { return registers_.owner(); }
  void reset(bool cold) override;
  std::uint32_t read(std::uint32_t offset, unsigned size) override;
  void write(std::uint32_t offset, unsigned size, std::uint32_t value) override;
  void advance() override;

 private:
  enum class Lock { kLocked, kFirstKey, kOpen, kJammed };

  bool fill(std::uint32_t offset, std::span<std::uint8_t> page) override;
  void store(std::uint32_t offset, std::span<const std::uint8_t> bytes) override;
  bool may_fail(std::uint32_t offset, std::uint32_t size) override;
  bool read_now(std::uint32_t offset, std::span<std::uint8_t> bytes) override;

  Time world() const { return outside_.world(chip_.now()); }
  void put_options();
  bool is_busy() const { return world() < outside_.flash.busy_until(); }
  void keep_up();
  void show_interrupt();
  void write_key(Lock& lock, std::uint32_t lock_register, std::uint32_t key,
                 const std::array<std::uint32_t, 2>& keys);
  void write_control(const RegisterFile::Write& write);
  void start_erase(std::uint32_t control);
  void erase_sector(unsigned sector);
  void collect(std::uint32_t offset, std::uint8_t byte);
  void program();
  void began(std::uint32_t offset, std::uint32_t size);

  Chip& chip_;
  Outside& outside_;
  RegisterFile registers_;
  Lock lock_ = Lock::kLocked;
  Lock option_lock_ = Lock::kLocked;
  // The write buffer: one flash word.
  std::array<std::uint8_t, model::InternalFlash::kWordSize> buffer_{};
  std::uint32_t buffer_at_ = 0;  // offset of the word
  std::uint32_t buffered_ = 0;   // which bytes there are, as bits
  unsigned sectors_left_ = 0;    // of an erase of all, bits
  bool runs_ = false;            // an operation whose end has not been told yet
};

}  // namespace gangd::emu
