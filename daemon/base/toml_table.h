// A TOML file as its reader asks for it: every value is checked where it is taken, and finish()
// finds what nobody asked for. Errors say file, line and what would be right. Of TOML it has what
// such files need: [tables], [[arrays of tables]], texts, whole numbers and lists of them.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace gangd {

class TomlTable {
 public:
  // The whole file; `file` is its name in errors. Bytes from anywhere are safe.
  static Result<TomlTable> parse(std::string_view text, std::string file);

  // A value that must be there.
  Result<std::string> text(const std::string& key);
  Result<std::int64_t> integer(const std::string& key, std::int64_t least, std::int64_t most);
  // Those that need not: what stands there, or `otherwise`.
  Result<std::string> text_or(const std::string& key, std::string otherwise);
  Result<std::int64_t> integer_or(const std::string& key, std::int64_t least, std::int64_t most,
                                  std::int64_t otherwise);
  Result<std::vector<std::string>> texts_or(const std::string& key,
                                            std::vector<std::string> otherwise);
  // [key] and [[key]]; none when it is not there.
  Result<std::optional<TomlTable>> table(const std::string& key);
  Result<std::vector<TomlTable>> tables(const std::string& key);

  // When everything was taken: kInvalid for a key that nobody asked for, with the nearest one that
  // somebody did.
  Status finish() const;

  // An error about a key of this table, or about the table itself.
  Error error_at(const std::string& key, std::string_view sentence) const;
  Error error(std::string_view sentence) const;

 private:
  struct Value;
  using Keys = std::map<std::string, Value, std::less<>>;
  struct Value {
    int line = 0;
    // A string, integer or array of them, a table or an array of tables.
    std::variant<std::string, std::int64_t, std::vector<Value>, Keys> held;
    bool is_tables = false;
  };
  class Parser;

  TomlTable(std::string file, Value value) : file_(std::move(file)), table_(std::move(value)) {}

  const Keys& keys() const { return std::get<Keys>(table_.held); }
  const Value* take(const std::string& key);
  Error line_error(int line, std::string_view sentence) const;
  Error missing(const std::string& key) const;

  std::string file_;
  Value table_;
  std::set<std::string> asked_;
};

// The one that is meant by `typed`, of those that there are; empty if none is near.
std::string nearest_word(std::string_view typed, const std::vector<std::string>& known);

}  // namespace gangd
