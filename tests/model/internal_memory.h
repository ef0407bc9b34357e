// The internal flash as the core's `struct memory`: the driver that a virtual board has for it. The
// chips have their own (target_fw/mcu); both keep the contract of target_fw/core/memory.h.
#pragma once

#include <cstdint>
#include <functional>
#include <span>

#include "target_fw/core/memory.h"
#include "tests/model/internal_flash.h"

namespace gangd::model {

class InternalMemory {
 public:
  using Time = InternalFlash::Time;

  // The sectors from `address` on, `size` bytes: a resident loader leaves its own out. `flash` and
  // `now` outlive this.
  InternalMemory(InternalFlash& flash, std::uint32_t address, std::uint32_t size,
                 std::function<Time()> now);
  InternalMemory(const InternalMemory&) = delete;
  InternalMemory& operator=(const InternalMemory&) = delete;

  const memory& as_memory() const { return memory_; }
  // The firmware starts: it knows of no operation.
  void restart();

 private:
  using Word = std::span<const std::uint8_t, InternalFlash::kWordSize>;

  static InternalMemory& of(void* self) { return *static_cast<InternalMemory*>(self); }
  void set_functions();
  Word next_word() const;
  bool holds_next_word();
  void to_next_unit();
  void begin_step();
  memory_progress poll();
  dfu_status read(std::uint32_t address, std::uint8_t* bytes, std::uint32_t size);

  InternalFlash& flash_;
  const std::function<Time()> now_;
  memory memory_{};
  // What is left of the operation that was begun.
  bool erases_ = false;
  std::uint32_t at_ = 0;
  std::uint32_t left_ = 0;
  const std::uint8_t* bytes_ = nullptr;
  dfu_status status_ = DFU_OK;
  dfu_status read_status_ = DFU_OK;
};

}  // namespace gangd::model
