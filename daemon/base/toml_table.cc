#include "base/toml_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <numeric>

#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 0
#include <toml++/toml.h>

namespace gangd {
namespace {

// As many letters may be wrong in a word that is still taken for another.
constexpr std::size_t kTyposMax = 2;

// How many letters must be added, left out or exchanged to make one of the other.
std::size_t edits_between(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t exchanged = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, exchanged});
    }
  }
  return row[b.size()];
}

}  // namespace

std::string nearest_word(std::string_view typed, const std::vector<std::string>& known) {
  std::string nearest;
  std::size_t edits_least = std::min(kTyposMax, typed.size() / 2) + 1;
  for (const std::string& word : known) {
    const std::size_t edits = edits_between(typed, word);
    if (edits >= edits_least) continue;
    edits_least = edits;
    nearest = word;
  }
  return nearest;
}

// From the library's tree to ours, which can be copied and holds the lines.
class TomlTable::Reader {
 public:
  static Value read(const toml::node& node) {
    Value value;
    value.line = static_cast<int>(node.source().begin.line);
    if (const auto* text = node.as_string()) {
      value.held = text->get();
    } else if (const auto* integer = node.as_integer()) {
      value.held = integer->get();
    } else if (const auto* array = node.as_array()) {
      std::vector<Value> values;
      for (const toml::node& each : *array) values.push_back(read(each));
      value.held = std::move(values);
    } else if (const auto* table = node.as_table()) {
      value.held = read_keys(*table);
    }
    return value;
  }

  static Keys read_keys(const toml::table& table) {
    Keys keys;
    for (const auto& [key, node] : table) {
      Value value = read(node);
      // Where the key stands: a table that is only implied has no line of its own.
      value.line = static_cast<int>(key.source().begin.line);
      keys.emplace(std::string(key.str()), std::move(value));
    }
    return keys;
  }
};

Result<TomlTable> TomlTable::parse(std::string_view text, std::string file) {
  const toml::parse_result parsed = toml::parse(text);
  if (!parsed) {
    return Error(Code::kInvalid, "{}:{}: {}", file, parsed.error().source().begin.line,
                 parsed.error().description());
  }
  Value value;
  value.line = 1;
  value.held = Reader::read_keys(parsed.table());
  return TomlTable(std::move(file), std::move(value));
}

const TomlTable::Value* TomlTable::take(const std::string& key) {
  asked_.insert(key);
  const auto found = keys().find(key);
  return found == keys().end() ? nullptr : &found->second;
}

Error TomlTable::line_error(int line, std::string_view sentence) const {
  return {Code::kInvalid, "{}:{}: {}", file_, line, sentence};
}

Error TomlTable::error(std::string_view sentence) const {
  return line_error(table_.line, sentence);
}

Error TomlTable::error_at(const std::string& key, std::string_view sentence) const {
  const auto found = keys().find(key);
  return line_error(found == keys().end() ? table_.line : found->second.line, sentence);
}

Error TomlTable::missing(const std::string& key) const {
  // The likeliest reason: it is there, with a slip in its name.
  for (const auto& [typed, value] : keys()) {
    if (asked_.contains(typed) || nearest_word(typed, {key}).empty()) continue;
    return line_error(value.line,
                      fmt::format("unknown key \"{}\"; did you mean \"{}\"?", typed, key));
  }
  return error(fmt::format("the key \"{}\" is missing", key));
}

Result<std::string> TomlTable::text(const std::string& key) {
  const Value* value = take(key);
  if (value == nullptr) return missing(key);
  const auto* text = std::get_if<std::string>(&value->held);
  if (text == nullptr || text->empty()) {
    return line_error(value->line, fmt::format("\"{}\" must be a text in quotes", key));
  }
  return *text;
}

Result<std::string> TomlTable::text_or(const std::string& key, std::string otherwise) {
  if (take(key) == nullptr) return otherwise;
  return text(key);
}

Result<std::int64_t> TomlTable::integer(const std::string& key, std::int64_t least,
                                        std::int64_t most) {
  const Value* value = take(key);
  if (value == nullptr) return missing(key);
  const auto* integer = std::get_if<std::int64_t>(&value->held);
  if (integer == nullptr || *integer < least || *integer > most) {
    return line_error(value->line,
                      fmt::format("\"{}\" must be a whole number from {} to {}", key, least, most));
  }
  return *integer;
}

Result<std::int64_t> TomlTable::integer_or(const std::string& key, std::int64_t least,
                                           std::int64_t most, std::int64_t otherwise) {
  if (take(key) == nullptr) return otherwise;
  return integer(key, least, most);
}

Result<std::vector<std::string>> TomlTable::texts_or(const std::string& key,
                                                     std::vector<std::string> otherwise) {
  const Value* value = take(key);
  if (value == nullptr) return otherwise;
  const Error wrong =
      line_error(value->line, fmt::format("\"{}\" must be a list of texts in quotes", key));
  const auto* values = std::get_if<std::vector<Value>>(&value->held);
  if (values == nullptr) return wrong;
  std::vector<std::string> texts;
  for (const Value& each : *values) {
    const auto* text = std::get_if<std::string>(&each.held);
    if (text == nullptr) return wrong;
    texts.push_back(*text);
  }
  return texts;
}

Result<std::optional<TomlTable>> TomlTable::table(const std::string& key) {
  const Value* value = take(key);
  if (value == nullptr) return std::optional<TomlTable>();
  if (!std::holds_alternative<Keys>(value->held)) {
    return line_error(value->line, fmt::format("\"{0}\" must be a table: [{0}]", key));
  }
  return std::optional<TomlTable>(TomlTable(file_, *value));
}

Result<std::vector<TomlTable>> TomlTable::tables(const std::string& key) {
  const Value* value = take(key);
  if (value == nullptr) return std::vector<TomlTable>();
  const Error wrong = line_error(value->line, fmt::format("\"{0}\" must be tables: [[{0}]]", key));
  const auto* values = std::get_if<std::vector<Value>>(&value->held);
  if (values == nullptr) return wrong;
  std::vector<TomlTable> tables;
  for (const Value& each : *values) {
    if (!std::holds_alternative<Keys>(each.held)) return wrong;
    tables.push_back(TomlTable(file_, each));
  }
  return tables;
}

Status TomlTable::finish() const {
  for (const auto& [key, value] : keys()) {
    if (asked_.contains(key)) continue;
    const std::string nearest = nearest_word(key, {asked_.begin(), asked_.end()});
    if (!nearest.empty()) {
      return line_error(value.line,
                        fmt::format("unknown key \"{}\"; did you mean \"{}\"?", key, nearest));
    }
    return line_error(value.line, fmt::format("unknown key \"{}\"; here may stand: {}", key,
                                              fmt::join(asked_, ", ")));
  }
  return {};
}

}  // namespace gangd
