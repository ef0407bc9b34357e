// Memory: RAM and windows of a chip, and which of their pages the core may use directly.
//
// A page is given to the core when all of it has the same rights. Of a mixed one the core asks for
// every access, as if it were registers, or, once it has run code there, for every first one. So it
// does where a window's reads may fail.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "tests/emu/chips.h"
#include "tests/emu/core.h"
#include "tests/emu/mpu.h"
#include "tests/emu/peripheral.h"

namespace gangd::emu {

class Memory {
 public:
  // `core` outlives it.
  explicit Memory(Core& core) : core_(core) {}

  // Whole pages.
  void add_ram(std::uint32_t address, std::uint32_t size);
  // All RAM from now on; between runs.
  void set_ram(std::span<const RamBlock> blocks);
  // Powered up, all RAM holds what it happens to hold.
  void scramble(std::uint64_t seed);

  void open_window(std::uint32_t address, std::uint32_t size, Chip::Window& window, bool writable);
  // How much is open from there on; 0: nothing.
  std::uint32_t window_size(std::uint32_t address) const;
  // What lies there is not what it was.
  void refresh_window(std::uint32_t address, std::uint32_t offset, std::uint32_t size);
  // Takes effect before the next instruction, by settle().
  void close_window(std::uint32_t address);
  bool needs_to_settle() const {
    return !dropped_.empty() || !seen_.empty() || !rewritten_.empty() || to_run_ != 0;
  }
  void settle();

  struct View {
    const Mpu* mpu = nullptr;  // null: all is allowed
    bool privileged = true;
    // What the CPU writes now, but for the TCMs, an older line of its cache may be put over.
    bool loses_writes = false;
  };
  bool has_view(const View& view) const;
  // Between instructions: what the core may use from now on.
  void set_view(const View& view);

  enum class Touch {
    kDone,       // of a write: it was carried out; of others: the core may go on
    kNothing,    // nothing is there
    kForbidden,  // by the MPU
    kReadOnly,   // a window that takes no writes
    kLost,       // a write that may be, as View::loses_writes says
    kFailed,     // the window has told why
    kAgain,      // after settle()
  };
  // The core touches what it was not given.
  Touch touch(std::uint32_t address, unsigned size, Access access, std::uint32_t value);
  Core::System::Runnable runnable(std::uint32_t address);
  // What the core asks for as if it were registers may be memory.
  bool has(std::uint32_t address) { return ram_at(address) != nullptr || window_at(address); }

  // Whether the view allows it.
  bool permits(std::uint32_t address, unsigned size, Access access) const {
    return allowed(address, size, access);
  }

  bool loses_write_to(std::uint32_t address) const;

  // As a bus master that no MPU stops. False: not all of it is there, or a window failed.
  bool read(std::uint32_t address, std::span<std::uint8_t> bytes);
  // The core asks for it. False: a bus fault.
  bool read_for_core(std::uint32_t address, std::span<std::uint8_t> bytes);
  bool write(std::uint32_t address, std::span<const std::uint8_t> bytes);

 private:
  // One of the core's pages.
  struct Page {
    bool asks = false;      // for every access; no code can be run
    bool runs = false;      // code was run here while it was mixed
    bool readable = false;  // without asking
    bool writable = false;
    friend bool operator==(const Page&, const Page&) = default;
  };
  struct Ram {
    std::uint32_t address = 0;
    std::uint32_t size = 0;
    std::unique_ptr<std::uint8_t[]> space;
    std::uint8_t* host = nullptr;  // in it, at a page's beginning
    std::vector<Page> pages;
  };
  struct WindowPage {
    std::unique_ptr<std::uint8_t[]> space;
    std::uint8_t* host = nullptr;
    bool ran = false;   // the core has translated code of it
    bool asks = false;  // for every read
  };
  struct Opened {
    std::uint32_t size = 0;
    Chip::Window* window = nullptr;
    bool writable = false;
    std::map<std::uint32_t, WindowPage> pages;  // by address
  };

  const Ram* ram_at(std::uint32_t address) const;
  Opened* window_at(std::uint32_t address, std::uint32_t* start = nullptr);
  WindowPage* page_of(Opened& opened, std::uint32_t start, std::uint32_t address);
  void give(std::uint32_t address, const WindowPage& page);
  void drop_pages(Opened& opened, std::uint32_t page);
  void settle_window();
  bool allowed(std::uint32_t address, unsigned size, Access access) const;
  Page page_for(std::uint32_t address, bool runs) const;
  void give(const Ram& ram, std::size_t from, std::size_t to, const Page& was, const Page& page);
  Touch touch_window(Opened& opened, std::uint32_t start, std::uint32_t address, unsigned size,
                     Access access, std::uint32_t value);
  bool refill(Opened& opened, std::uint32_t start, std::uint32_t address, std::uint32_t size);
  void put(const Ram& ram, std::uint32_t address, std::span<const std::uint8_t> bytes);
  bool store(Opened& opened, std::uint32_t start, std::uint32_t address,
             std::span<const std::uint8_t> bytes);

  Core& core_;
  View view_;
  std::uint64_t version_ = 0;
  std::vector<Ram> rams_;
  std::map<std::uint32_t, Opened> windows_;  // by address
  std::map<std::uint32_t, WindowPage> dropped_;
  // Pages that the core has looked up, and would not ask for again.
  std::set<std::uint32_t> seen_;
  // Pages whose code the core may have translated, and which were changed behind it.
  std::set<std::uint32_t> rewritten_;
  std::uint32_t to_run_ = 0;  // an address in a page that is to run code; 0: none
};

}  // namespace gangd::emu
