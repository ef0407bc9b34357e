#include "tests/emu/program.h"

#include <fmt/core.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>
#include <utility>

namespace gangd::emu {
namespace {

// ELF: figures of the standard.
constexpr std::uint16_t kArm = 40;
constexpr std::size_t kHeader = 52, kProgramHeader = 32, kSectionHeader = 40, kSymbolSize = 16;
constexpr std::uint32_t kLoad = 1, kSymbols = 2, kNoBits = 8, kAllocated = 2;
constexpr unsigned kFunction = 2;

Error damaged(std::string_view what) {
  return Error(Code::kInvalid, "a damaged ELF: {}", what);
}

// The part of a file that a header names.
Result<ByteView> piece(ByteView file, std::uint64_t offset, std::uint64_t size,
                       std::string_view what) {
  if (offset > file.size() || size > file.size() - offset) return damaged(what);
  return file.subspan(offset, size);
}

class Elf {
 public:
  explicit Elf(ByteView file) : file_(file) {}

  Result<Program> parse() {
    TRY(const ByteView head, piece(file_, 0, kHeader, "it ends in its header"));
    ByteReader reader(head);
    reader.skip(4);
    const bool fits = reader.u8() == 1 && reader.u8() == 1;
    reader.skip(12);
    if (!fits || reader.u16_le() != kArm) {
      return Error(Code::kInvalid, "not an ELF for 32-bit ARM, little-endian");
    }
    reader.skip(8);
    const std::uint32_t programs = reader.u32_le(), sections = reader.u32_le();
    reader.skip(8);
    const std::uint16_t program_count = reader.u16_le();
    const std::uint16_t section_size = reader.u16_le(), section_count = reader.u16_le();
    for (std::uint32_t i = 0; i < program_count; ++i) {
      TRY_STATUS(add_segment(programs + std::uint64_t{i} * kProgramHeader));
    }
    if (section_count > 0 && section_size != kSectionHeader) return damaged("its sections");
    for (std::uint32_t i = 0; i < section_count; ++i) {
      TRY_STATUS(add_section(sections, i, section_count));
    }
    return std::move(program_);
  }

 private:
  Status add_segment(std::uint64_t offset) {
    TRY(const ByteView header, piece(file_, offset, kProgramHeader, "a program header"));
    ByteReader reader(header);
    const std::uint32_t type = reader.u32_le(), at = reader.u32_le();
    reader.skip(4);
    // Where it is stored, which is where a programmer puts it.
    const std::uint32_t address = reader.u32_le(), size = reader.u32_le();
    if (type != kLoad || size == 0) return {};
    TRY(const ByteView bytes, piece(file_, at, size, "a segment"));
    program_.segments.push_back({address, ByteVector(bytes.begin(), bytes.end())});
    return {};
  }

  struct Section {
    std::uint32_t type, flags, address, offset, size, link;
  };

  Result<Section> section(std::uint32_t sections, std::uint32_t index) {
    TRY(const ByteView header, piece(file_, sections + std::uint64_t{index} * kSectionHeader,
                                     kSectionHeader, "a section header"));
    ByteReader reader(header);
    reader.skip(4);
    Section found{};
    found.type = reader.u32_le();
    found.flags = reader.u32_le();
    found.address = reader.u32_le();
    found.offset = reader.u32_le();
    found.size = reader.u32_le();
    found.link = reader.u32_le();
    return found;
  }

  Status add_section(std::uint32_t sections, std::uint32_t index, std::uint32_t count) {
    TRY(const Section found, section(sections, index));
    if (found.type == kNoBits && (found.flags & kAllocated) != 0 && found.size > 0) {
      program_.blanks.push_back({found.address, found.size});
    }
    if (found.type != kSymbols) return {};
    if (found.link >= count) return damaged("its symbols have no names");
    TRY(const Section strings, section(sections, found.link));
    TRY(const ByteView names, piece(file_, strings.offset, strings.size, "names of symbols"));
    TRY(const ByteView symbols, piece(file_, found.offset, found.size, "symbols"));
    for (std::size_t at = 0; at + kSymbolSize <= symbols.size(); at += kSymbolSize) {
      add_symbol(symbols.subspan(at, kSymbolSize), names);
    }
    return {};
  }

  void add_symbol(ByteView symbol, ByteView names) {
    ByteReader reader(symbol);
    const std::uint32_t at = reader.u32_le(), value = reader.u32_le(), size = reader.u32_le();
    const unsigned type = reader.u8() & 0xf;
    reader.skip(1);
    const std::uint16_t section = reader.u16_le();
    if (at >= names.size() || section == 0) return;
    const auto end = std::find(names.begin() + at, names.end(), 0);
    const std::string name(names.begin() + at, end);
    if (name.empty() || name.front() == '$') return;
    program_.addresses.emplace(name, value);
    if (type == kFunction) program_.functions[value & ~1u] = {name, size};
  }

  const ByteView file_;
  Program program_;
};

// One line of Intel HEX: what follows the colon.
class Hex {
 public:
  Result<Program> parse(std::string_view text) {
    std::size_t line = 0;
    while (!text.empty() && !ended_) {
      ++line;
      const std::size_t end = std::min(text.find('\n'), text.size());
      std::string_view record = text.substr(0, end);
      text.remove_prefix(std::min(end + 1, text.size()));
      while (!record.empty() && (record.back() == '\r' || record.back() == ' ')) {
        record.remove_suffix(1);
      }
      if (record.empty()) continue;
      TRY_STATUS(add(record).with_context(fmt::format("line {}", line)));
    }
    if (!ended_)
      return Error(Code::kInvalid, "Intel HEX without its last record: it was cut short");
    return std::move(program_);
  }

 private:
  Status add(std::string_view record) {
    if (record.front() != ':') return Error(Code::kInvalid, "no Intel HEX: it begins without ':'");
    TRY(const ByteVector bytes, from_hex(record.substr(1)));
    if (bytes.size() < 5 || bytes[0] != bytes.size() - 5) {
      return Error(Code::kInvalid, "its length is not the one that it states");
    }
    std::uint8_t sum = 0;
    for (const std::uint8_t byte : bytes) sum = static_cast<std::uint8_t>(sum + byte);
    if (sum != 0) return Error(Code::kInvalid, "its checksum is wrong");
    ByteReader reader(bytes);
    const std::uint8_t size = reader.u8();
    const std::uint16_t offset = reader.u16_be();
    const std::uint8_t type = reader.u8();
    return take(type, offset, reader.bytes(size));
  }

  Status take(std::uint8_t type, std::uint16_t offset, ByteView data) {
    switch (type) {
      case 0:
        append(base_ + offset, data);
        return {};
      case 1:
        ended_ = true;
        return {};
      case 2:
      case 4:
        if (data.size() != 2) return Error(Code::kInvalid, "an address of another size than 2");
        base_ = static_cast<std::uint32_t>(data[0] << 8 | data[1]) << (type == 2 ? 4 : 16);
        return {};
      case 3:
      case 5:
        return {};  // where it starts: the chip knows better
      default:
        return Error(Code::kInvalid, "a record of type {}", type);
    }
  }

  void append(std::uint32_t address, ByteView data) {
    auto& segments = program_.segments;
    const bool follows =
        !segments.empty() && segments.back().address + segments.back().bytes.size() == address;
    if (!follows) segments.push_back({address, {}});
    segments.back().bytes.insert(segments.back().bytes.end(), data.begin(), data.end());
  }

  Program program_;
  std::uint32_t base_ = 0;
  bool ended_ = false;
};

}  // namespace

Result<Program> Program::parse(ByteView file, std::optional<std::uint32_t> address) {
  if (file.empty()) return Error(Code::kInvalid, "it is empty");
  constexpr std::uint8_t kMagic[] = {0x7f, 'E', 'L', 'F'};
  const bool is_elf = file.size() >= 4 && std::equal(kMagic, kMagic + 4, file.begin());
  if (address) {
    if (is_elf) return Error(Code::kInvalid, "an ELF brings its own addresses: leave out '@'");
    Program program;
    program.segments.push_back({*address, ByteVector(file.begin(), file.end())});
    return program;
  }
  if (is_elf) return Elf(file).parse();
  if (file[0] == ':') {
    return Hex().parse({reinterpret_cast<const char*>(file.data()), file.size()});
  }
  return Error(Code::kInvalid, "neither ELF nor Intel HEX: say where its bytes go, FILE@ADDRESS");
}

Result<Program> Program::read(const std::string& path, std::optional<std::uint32_t> address) {
  std::ifstream file(path, std::ios::binary);
  if (!file) return Error(Code::kNotFound, "{}: {}", path, std::strerror(errno));
  const ByteVector bytes{std::istreambuf_iterator<char>(file), {}};
  if (file.bad()) return Error(Code::kIo, "{}: it cannot be read", path);
  return parse(bytes, address).with_context(path);
}

std::string Program::name(std::uint32_t address) const {
  auto at = functions.upper_bound(address & ~1u);
  if (at == functions.begin()) return "";
  --at;
  const std::uint32_t offset = (address & ~1u) - at->first;
  if (offset >= std::max(at->second.size, 2u)) return "";
  return offset == 0 ? at->second.name : fmt::format("{}+{:#x}", at->second.name, offset);
}

}  // namespace gangd::emu
