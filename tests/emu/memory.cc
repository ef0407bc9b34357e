#include "tests/emu/memory.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <utility>

#include "base/check.h"
#include "tests/emu/words.h"

namespace gangd::emu {
namespace {

constexpr std::uint32_t kPage = Core::kPage;
constexpr std::uint32_t kBehindTcms = 0x24000000;
constexpr std::uint32_t kLine = 32;  // what a window is read by, at least
// Of a window, at a time: the library manages some thousands in all, and each costs it more.
constexpr std::size_t kPagesMax = 256;

std::uint32_t page_start(std::uint32_t address) {
  return address & ~(kPage - 1);
}

std::uint8_t* aligned(std::uint8_t* space) {
  const auto at = reinterpret_cast<std::uintptr_t>(space);
  return space + (kPage - at % kPage) % kPage;
}

}  // namespace

void Memory::add_ram(std::uint32_t address, std::uint32_t size) {
  CHECK(address % kPage == 0 && size % kPage == 0, "RAM of whole pages");
  Ram ram{.address = address,
          .size = size,
          .space = std::make_unique_for_overwrite<std::uint8_t[]>(size + kPage),
          .host = nullptr,
          .pages = std::vector<Page>(size / kPage)};
  ram.host = aligned(ram.space.get());
  for (std::size_t i = 0; i < ram.pages.size(); ++i) {
    ram.pages[i] = {.asks = false, .runs = false, .readable = true, .writable = true};
  }
  core_.map_ram(address, {ram.host, size}, true, true);
  rams_.push_back(std::move(ram));
}

void Memory::set_ram(std::span<const RamBlock> blocks) {
  set_view({});
  settle();
  for (const Ram& ram : rams_) core_.unmap(ram.address, ram.size);
  rams_.clear();
  core_.forget_runnable();
  for (const RamBlock& block : blocks) add_ram(block.address, block.size);
}

void Memory::scramble(std::uint64_t seed) {
  set_view({});
  for (Ram& ram : rams_) {
    std::uint64_t state = seed * 2 + 1 + ram.address;
    std::array<std::uint8_t, kPage> bytes;
    for (std::uint32_t offset = 0; offset < ram.size; offset += kPage) {
      for (std::uint8_t& byte : bytes) {
        state = state * 6364136223846793005u + 1442695040888963407u;
        byte = static_cast<std::uint8_t>(state >> 56);
      }
      core_.poke(ram.address + offset, bytes);
    }
  }
}

void Memory::open_window(std::uint32_t address, std::uint32_t size, Chip::Window& window,
                         bool writable) {
  CHECK(address % kPage == 0 && size % kPage == 0, "a window of whole pages");
  close_window(address);
  windows_[address] = {.size = size, .window = &window, .writable = writable, .pages = {}};
}

std::uint32_t Memory::window_size(std::uint32_t address) const {
  const auto at = windows_.find(address);
  return at == windows_.end() ? 0 : at->second.size;
}

void Memory::refresh_window(std::uint32_t address, std::uint32_t offset, std::uint32_t size) {
  Opened& opened = windows_.at(address);
  const std::uint32_t from = address + offset;
  auto at = opened.pages.lower_bound(page_start(from));
  while (at != opened.pages.end() && at->first < from + size) {
    auto& [page, content] = *at;
    const bool stays = !content.ran && !content.asks;
    if (stays && refill(opened, address, std::max(page, from), std::min(size, kPage))) {
      ++at;
      continue;
    }
    dropped_.emplace(page, std::move(content));
    at = opened.pages.erase(at);
    core_.stop();
  }
}

// Those that were only read; they are asked for again. An access may touch the neighbour of `page`,
// too.
void Memory::drop_pages(Opened& opened, std::uint32_t page) {
  for (auto at = opened.pages.begin(); at != opened.pages.end();) {
    const bool stays = at->second.ran || at->first - page + kPage <= 2 * kPage;
    if (stays) {
      ++at;
      continue;
    }
    dropped_.emplace(at->first, std::move(at->second));
    at = opened.pages.erase(at);
  }
  core_.stop();
}

// What the window shows from the line of `address` on, as far as that is in its page.
bool Memory::refill(Opened& opened, std::uint32_t start, std::uint32_t address,
                    std::uint32_t size) {
  const std::uint32_t page = page_start(address), line = address - address % kLine;
  const std::uint32_t end = std::min(address + size, page + kPage);
  const std::uint32_t whole = (end - line + kLine - 1) / kLine * kLine;
  return opened.window->fill(line - start, {opened.pages.at(page).host + (line - page), whole});
}

void Memory::close_window(std::uint32_t address) {
  const auto at = windows_.find(address);
  if (at == windows_.end()) return;
  for (auto& [page, content] : at->second.pages) dropped_.emplace(page, std::move(content));
  windows_.erase(at);
  core_.stop();
}

void Memory::settle() {
  for (const auto& [page, content] : dropped_) core_.unmap(page, kPage);
  if (!dropped_.empty()) core_.forget_runnable();
  dropped_.clear();
  settle_window();
  for (const std::uint32_t page : rewritten_) {
    std::array<std::uint8_t, kPage> bytes;
    if (read(page, bytes)) core_.poke(page, bytes);
  }
  rewritten_.clear();
  for (Ram& ram : rams_) {
    if (to_run_ == 0 || to_run_ - ram.address >= ram.size) continue;
    const std::size_t i = (to_run_ - ram.address) / kPage;
    const Page page = page_for(to_run_, true);
    give(ram, i, i + 1, ram.pages[i], page);
    ram.pages[i] = page;
  }
  to_run_ = 0;
  for (const std::uint32_t page : seen_) {
    const Opened* const opened = window_at(page);
    if (ram_at(page) == nullptr && opened == nullptr) continue;
    if (opened != nullptr && opened->pages.contains(page) && opened->pages.at(page).asks) continue;
    const Page rights = page_for(page, true);
    core_.protect(page, kPage, rights.readable, rights.writable);
  }
  seen_.clear();
}

void Memory::settle_window() {
  Opened* const opened = to_run_ == 0 ? nullptr : window_at(to_run_);
  if (opened == nullptr) return;
  const auto at = opened->pages.find(page_start(to_run_));
  if (at == opened->pages.end() || !std::exchange(at->second.asks, false)) return;
  core_.unmap(at->first, kPage);
  give(at->first, at->second);
}

const Memory::Ram* Memory::ram_at(std::uint32_t address) const {
  for (const Ram& ram : rams_) {
    if (address - ram.address < ram.size) return &ram;
  }
  return nullptr;
}

Memory::Opened* Memory::window_at(std::uint32_t address, std::uint32_t* start) {
  auto at = windows_.upper_bound(address);
  if (at == windows_.begin()) return nullptr;
  --at;
  if (address - at->first >= at->second.size) return nullptr;
  if (start != nullptr) *start = at->first;
  return &at->second;
}

Memory::Page Memory::page_for(std::uint32_t address, bool runs) const {
  const std::uint32_t page = page_start(address);
  const bool takes = !loses_write_to(page);
  if (view_.mpu == nullptr)
    return {.asks = false, .runs = runs, .readable = true, .writable = takes};
  if (!view_.mpu->uniform(page, kPage)) {
    return {.asks = !runs, .runs = runs, .readable = false, .writable = false};
  }
  const Mpu::Rights rights = view_.mpu->rights(page, view_.privileged, true);
  return {.asks = false, .runs = runs, .readable = rights.read, .writable = rights.write && takes};
}

bool Memory::loses_write_to(std::uint32_t address) const {
  return view_.loses_writes && address >= kBehindTcms;
}

// Without an MPU privilege is the same for all memory.
bool Memory::has_view(const View& view) const {
  if (view.mpu != view_.mpu || view.loses_writes != view_.loses_writes) return false;
  return view.mpu == nullptr ||
         (view.privileged == view_.privileged && view.mpu->version() == version_);
}

void Memory::set_view(const View& view) {
  if (has_view(view)) return;
  view_ = view;
  version_ = view.mpu != nullptr ? view.mpu->version() : 0;
  core_.forget_runnable();
  for (Ram& ram : rams_) {
    // Pages that change alike, in one call.
    std::size_t end = 0;
    for (std::size_t i = 0; i < ram.pages.size(); i = end) {
      const auto wanted = [&](std::size_t n) {
        return page_for(ram.address + static_cast<std::uint32_t>(n) * kPage, ram.pages[n].runs);
      };
      const Page was = ram.pages[i], page = wanted(i);
      for (end = i; end < ram.pages.size() && ram.pages[end] == was && wanted(end) == page; ++end) {
        continue;
      }
      if (was == page) continue;
      give(ram, i, end, was, page);
      std::fill(ram.pages.begin() + static_cast<std::ptrdiff_t>(i),
                ram.pages.begin() + static_cast<std::ptrdiff_t>(end), page);
    }
  }
  for (auto& [start, opened] : windows_) {
    for (auto& [page, content] : opened.pages) {
      if (!content.asks) core_.protect(page, kPage, page_for(page, true).readable, false);
    }
  }
}

// Pages of RAM that were given to the core as `was`.
void Memory::give(const Ram& ram, std::size_t from, std::size_t to, const Page& was,
                  const Page& page) {
  const std::uint32_t address = ram.address + static_cast<std::uint32_t>(from) * kPage;
  const auto size = static_cast<std::uint32_t>(to - from) * kPage;
  if (was.asks == page.asks) {
    if (!page.asks) core_.protect(address, size, page.readable, page.writable);
    return;
  }
  core_.unmap(address, size);
  if (page.asks) return core_.map_registers(address, size);
  core_.map_ram(address, {ram.host + (address - ram.address), size}, page.readable, page.writable);
}

bool Memory::allowed(std::uint32_t address, unsigned size, Access access) const {
  if (view_.mpu == nullptr) return true;
  for (const std::uint32_t at : {address, address + size - 1}) {
    const Mpu::Rights rights = view_.mpu->rights(at, view_.privileged, true);
    const bool right = access == Access::kRead    ? rights.read
                       : access == Access::kWrite ? rights.write
                                                  : rights.fetch && rights.read;
    if (!right) return false;
  }
  return true;
}

Memory::WindowPage* Memory::page_of(Opened& opened, std::uint32_t start, std::uint32_t address) {
  const std::uint32_t page = page_start(address);
  const auto found = opened.pages.find(page);
  if (found != opened.pages.end()) return &found->second;
  WindowPage content{.space = std::make_unique_for_overwrite<std::uint8_t[]>(2 * kPage),
                     .host = nullptr,
                     .ran = false,
                     .asks = opened.window->may_fail(page - start, kPage)};
  content.host = aligned(content.space.get());
  if (!opened.window->fill(page - start, {content.host, kPage})) return nullptr;
  return &opened.pages.emplace(page, std::move(content)).first->second;
}

void Memory::give(std::uint32_t address, const WindowPage& page) {
  if (page.asks) return core_.map_registers(address, kPage);
  core_.map_ram(address, {page.host, kPage}, page_for(address, true).readable, false);
}

Memory::Touch Memory::touch(std::uint32_t address, unsigned size, Access access,
                            std::uint32_t value) {
  std::uint32_t start = 0;
  const Ram* const ram = ram_at(address);
  Opened* const opened = ram == nullptr ? window_at(address, &start) : nullptr;
  const bool nothing = ram == nullptr && opened == nullptr;
  if (nothing) return allowed(address, size, access) ? Touch::kNothing : Touch::kForbidden;
  if (access == Access::kFetch && ram != nullptr) {
    to_run_ = address;
    return Touch::kAgain;
  }
  // The core asks but once.
  if (access == Access::kRead && view_.mpu != nullptr) {
    seen_.insert(page_start(address));
    core_.stop();
  }
  if (access != Access::kFetch && !allowed(address, size, access)) return Touch::kForbidden;
  if (access == Access::kWrite && loses_write_to(address)) return Touch::kLost;
  if (opened != nullptr) return touch_window(*opened, start, address, size, access, value);
  if (address - ram->address + size > ram->size) return Touch::kNothing;
  const auto bytes = bytes_of(value);
  if (access == Access::kWrite) put(*ram, address, std::span(bytes).first(size));
  return Touch::kDone;
}

// Behind the core, which is in the middle of this access and would forget what it has looked up
// for it.
void Memory::put(const Ram& ram, std::uint32_t address, std::span<const std::uint8_t> bytes) {
  const std::uint32_t offset = address - ram.address;
  std::memcpy(ram.host + offset, bytes.data(), bytes.size());
  if (!ram.pages[offset / kPage].runs) return;
  rewritten_.insert(page_start(address));
  core_.stop();
}

Memory::Touch Memory::touch_window(Opened& opened, std::uint32_t start, std::uint32_t address,
                                   unsigned size, Access access, std::uint32_t value) {
  const std::uint32_t page = page_start(address);
  // It is being dropped, and what the core has of it is not to be used.
  if (dropped_.contains(page)) return Touch::kNothing;
  if (access == Access::kWrite) {
    if (!opened.writable) return Touch::kReadOnly;
    const auto bytes = bytes_of(value);
    const bool stored = store(opened, start, address, std::span(bytes).first(size));
    return stored ? Touch::kDone : Touch::kFailed;
  }
  const bool was_there = opened.pages.contains(page);
  WindowPage* const content = page_of(opened, start, address);
  if (content == nullptr) return Touch::kFailed;
  if (access == Access::kFetch && was_there && content->asks) {
    to_run_ = address;
    return Touch::kAgain;
  }
  if (access == Access::kFetch) content->asks = false;
  if (!was_there) give(page, *content);
  if (!was_there && opened.pages.size() % kPagesMax == 0) drop_pages(opened, page);
  return Touch::kDone;
}

// The window decides what comes of it; the core then sees that.
bool Memory::store(Opened& opened, std::uint32_t start, std::uint32_t address,
                   std::span<const std::uint8_t> bytes) {
  const std::uint32_t page = page_start(address);
  if (!opened.pages.contains(page)) {
    // The core needs a page to write to; then it finds that it may not, and asks again.
    WindowPage* const content = page_of(opened, start, address);
    if (content == nullptr) return false;
    give(page, *content);
    return true;
  }
  Chip::Window& window = *opened.window;
  window.store(address - start, bytes);
  // Its pages may be forgotten now, and `opened` with them: the core has the old one until it
  // stops.
  if (dropped_.contains(page)) return true;
  // Not through the core: that drops its look-ups, of which the store itself is still using one.
  return refill(opened, start, address, static_cast<std::uint32_t>(bytes.size()));
}

Core::System::Runnable Memory::runnable(std::uint32_t address) {
  if (!allowed(address, 2, Access::kFetch)) return {};
  const std::uint32_t page = page_start(address);
  const std::uint8_t* host = nullptr;
  if (const Ram* const ram = ram_at(address)) {
    host = ram->host + (page - ram->address);
  } else {
    std::uint32_t start = 0;
    Opened* const opened = window_at(address, &start);
    if (opened == nullptr) return {};
    const auto at = opened->pages.find(page);
    if (at == opened->pages.end()) return {};
    at->second.ran = true;
    host = at->second.host;
  }
  if (view_.mpu == nullptr || view_.mpu->uniform(page, kPage)) {
    return {.from = page, .size = kPage, .bytes = host};
  }
  return {.from = address, .size = 2, .bytes = host + (address - page)};
}

bool Memory::read(std::uint32_t address, std::span<std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const std::uint32_t page = page_start(address);
    const std::size_t size = std::min<std::size_t>(bytes.size(), page + kPage - address);
    const std::uint8_t* host = nullptr;
    std::uint32_t start = 0;
    if (const Ram* const ram = ram_at(address)) {
      host = ram->host + (page - ram->address);
    } else if (Opened* const opened = window_at(address, &start)) {
      const auto at = opened->pages.find(page);
      std::array<std::uint8_t, kPage> fresh;
      if (at == opened->pages.end()) {
        if (!opened->window->fill(page - start, fresh)) return false;
        std::memcpy(bytes.data(), fresh.data() + (address - page), size);
      } else {
        host = at->second.host;
      }
    } else {
      return false;
    }
    if (host != nullptr) std::memcpy(bytes.data(), host + (address - page), size);
    bytes = bytes.subspan(size);
    address += static_cast<std::uint32_t>(size);
  }
  return true;
}

bool Memory::read_for_core(std::uint32_t address, std::span<std::uint8_t> bytes) {
  std::uint32_t start = 0;
  Opened* const opened = window_at(address, &start);
  return opened == nullptr ? read(address, bytes)
                           : opened->window->read_now(address - start, bytes);
}

bool Memory::write(std::uint32_t address, std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const std::uint32_t page = page_start(address);
    const std::size_t size = std::min<std::size_t>(bytes.size(), page + kPage - address);
    std::uint32_t start = 0;
    if (const Ram* const ram = ram_at(address)) {
      const std::uint32_t offset = address - ram->address;
      if (ram->pages[offset / kPage].asks) {
        put(*ram, address, bytes.first(size));
      } else {
        core_.poke(address, bytes.first(size));
      }
    } else if (Opened* const opened = window_at(address, &start)) {
      if (!opened->writable) return false;
      opened->window->store(address - start, bytes.first(size));
      const auto at = opened->pages.find(page);
      std::array<std::uint8_t, kPage> fresh;
      if (at != opened->pages.end()) {
        if (!opened->window->fill(page - start, fresh)) return false;
        if (at->second.asks) {
          std::ranges::copy(fresh, at->second.host);
        } else {
          core_.poke(page, fresh);
        }
      }
    } else {
      return false;
    }
    bytes = bytes.subspan(size);
    address += static_cast<std::uint32_t>(size);
  }
  return true;
}

}  // namespace gangd::emu
