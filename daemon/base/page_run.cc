#include "base/page_run.h"

#include <algorithm>
#include <cstring>

namespace gangd {
namespace {

// Of the smallest pages that flash is programmed in.
constexpr std::size_t kPage = 256;

// Up to the end of the page that holds `at`.
ByteView page_at(std::uint32_t address, ByteView bytes, std::size_t at) {
  return bytes.subspan(at, std::min(kPage - (address + at) % kPage, bytes.size() - at));
}

bool is_blank(ByteView page) {
  return page[0] == 0xff && (page.size() == 1 || is_one_value(page));
}

}  // namespace

bool is_one_value(ByteView bytes) {
  return bytes.size() > 1 && std::memcmp(bytes.data(), bytes.data() + 1, bytes.size() - 1) == 0;
}

PageRun next_run(std::uint32_t address, ByteView bytes, std::size_t at, std::size_t run_max) {
  while (at < bytes.size() && is_blank(page_at(address, bytes, at))) {
    at += page_at(address, bytes, at).size();
  }
  const std::size_t limit = std::min(bytes.size(), at + run_max - (address + at) % run_max);
  std::size_t end = at;
  while (end < limit && !is_blank(page_at(address, bytes, end))) {
    end += page_at(address, bytes, end).size();
  }
  return {at, end - at};
}

}  // namespace gangd
