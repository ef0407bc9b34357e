#include "wire/layout.h"

#include <charconv>

namespace gangd {
namespace {

constexpr std::uint64_t kAddressSpace = std::uint64_t{1} << 32;

// Takes text off its front, piece by piece.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : rest_(text) {}

  bool at_end() const { return rest_.empty(); }
  char peek() const { return rest_.empty() ? '\0' : rest_.front(); }

  bool take(std::string_view expected) {
    if (!rest_.starts_with(expected)) return false;
    rest_.remove_prefix(expected.size());
    return true;
  }
  std::optional<std::uint32_t> take_number(int base) {
    std::uint32_t number = 0;
    const auto [end, error] =
        std::from_chars(rest_.data(), rest_.data() + rest_.size(), number, base);
    if (error != std::errc()) return {};
    rest_.remove_prefix(static_cast<std::size_t>(end - rest_.data()));
    return number;
  }
  std::string_view take_until(std::string_view any_of) {
    const std::string_view taken = rest_.substr(0, rest_.find_first_of(any_of));
    rest_.remove_prefix(taken.size());
    return taken;
  }

 private:
  std::string_view rest_;
};

bool is_type(char letter) {
  return letter >= 'a' && letter <= 'g';
}

// `064Kg`, behind the asterisk: size, unit, type. Without a unit the letter in its place is the
// type, and the size is in bytes.
struct PageText {
  std::uint32_t size;
  char type;
};

std::optional<PageText> take_page(Scanner& scanner) {
  const auto number = scanner.take_number(10);
  const std::string_view letters = scanner.take_until(",/");
  if (!number || letters.empty() || letters.size() > 2) return {};
  std::uint64_t unit = 1;
  char type = letters.back();
  if (letters.size() == 2) {
    if (letters[0] == 'K') unit = 1024;
    if (letters[0] == 'M') unit = 1024 * 1024;
  }
  const std::uint64_t size = *number * unit;
  if (!is_type(type) || size == 0 || size >= kAddressSpace) return {};
  return PageText{static_cast<std::uint32_t>(size), type};
}

std::optional<LayoutSegment> take_segment(Scanner& scanner, std::uint64_t address) {
  const auto pages = scanner.take_number(10);
  if (!pages || *pages == 0 || !scanner.take("*")) return {};
  const auto page = take_page(scanner);
  if (!page) return {};
  // Three bits: readable, erasable, writable. `a` is 1.
  const int bits = page->type - 'a' + 1;
  LayoutSegment segment;
  segment.address = static_cast<std::uint32_t>(address);
  segment.pages = *pages;
  segment.page_size = page->size;
  segment.readable = (bits & 1) != 0;
  segment.erasable = (bits & 2) != 0;
  segment.writable = (bits & 4) != 0;
  if (segment.end() > kAddressSpace) return {};
  return segment;
}

// The segments behind one address.
void take_region(Scanner& scanner, std::uint64_t address, Layout& layout) {
  do {
    if (address >= kAddressSpace) return;
    const auto segment = take_segment(scanner, address);
    if (!segment) return;
    layout.segments.push_back(*segment);
    address = segment->end();
  } while (scanner.take(","));
}

}  // namespace

const LayoutSegment* Layout::segment_at(std::uint32_t address) const {
  for (const LayoutSegment& segment : segments) {
    if (address >= segment.address && address < segment.end()) return &segment;
  }
  return nullptr;
}

bool Layout::holds(std::uint32_t address, std::uint64_t size) const {
  const std::uint64_t end = address + size;
  for (std::uint64_t at = address; at < end;) {
    const LayoutSegment* segment =
        at < kAddressSpace ? segment_at(static_cast<std::uint32_t>(at)) : nullptr;
    if (segment == nullptr) return false;
    at = segment->end();
  }
  return true;
}

Result<Layout> parse_layout(std::string_view text) {
  Scanner scanner(text);
  Layout layout;
  if (scanner.take("@")) {
    layout.name = scanner.take_until("/");
    layout.name.erase(layout.name.find_last_not_of(' ') + 1);
    while (scanner.take("/0x")) {
      const auto address = scanner.take_number(16);
      if (!address || !scanner.take("/")) break;
      take_region(scanner, *address, layout);
      scanner.take_until("/");
    }
  }
  if (layout.segments.empty()) {
    return Error(Code::kInvalid, "`{}` is no memory layout; one looks like {}", text,
                 "@Flash /0x90000000/2048*064Kg");
  }
  return layout;
}

}  // namespace gangd
