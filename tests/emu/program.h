// Program: what a file of firmware holds: bytes and their addresses, and names of functions. ELF
// for ARM, Intel HEX, or plain bytes.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/bytes.h"
#include "base/result.h"

namespace gangd::emu {

struct Program {
  struct Segment {
    std::uint32_t address = 0;
    ByteVector bytes;
  };
  // What an ELF wants to be zero before it runs, and its own start clears.
  struct Blank {
    std::uint32_t address = 0;
    std::uint32_t size = 0;
  };
  struct Symbol {
    std::string name;
    std::uint32_t size = 0;
  };

  std::vector<Segment> segments;
  std::vector<Blank> blanks;
  std::map<std::uint32_t, Symbol> functions;       // by address, without bit 0
  std::map<std::string, std::uint32_t> addresses;  // of all names

  // Which of the three it is shows in its first bytes; `address` is of plain bytes, and required
  // for them. kInvalid: it is none, or damaged.
  static Result<Program> parse(ByteView file, std::optional<std::uint32_t> address);
  // The same of a file on disk; kNotFound, kIo.
  static Result<Program> read(const std::string& path, std::optional<std::uint32_t> address);

  // "main+0x12"; empty: in no function.
  std::string name(std::uint32_t address) const;
};

}  // namespace gangd::emu
