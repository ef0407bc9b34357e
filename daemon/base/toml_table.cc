#include "base/toml_table.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <numeric>

#include "base/utf8.h"

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

// The part of TOML 1.0 that such files need: tables and arrays of tables, texts, whole numbers and
// arrays of them. What else TOML has (dates, fractions, inline tables ...) is refused by name.
class TomlTable::Parser {
 public:
  Parser(std::string_view text, const std::string& file) : text_(text), file_(file) {}

  Result<Value> whole() {
    Value root;
    root.line = 1;
    root.held = Keys();
    Value* table = &root;
    while (true) {
      skip_blank_lines();
      if (at_ == text_.size()) return root;
      if (peek() == '[') {
        TRY(table, header(root));
      } else {
        TRY_STATUS(assignment(*table));
      }
      TRY_STATUS(end_of_line());
    }
  }

 private:
  Error error(std::string_view sentence) const {
    return {Code::kInvalid, "{}:{}: {}", file_, line_, sentence};
  }
  // 0 at the end: no such byte means anything in TOML.
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool take(char character) {
    if (peek() != character || at_ == text_.size()) return false;
    ++at_;
    return true;
  }
  void skip_spaces() {
    while (peek() == ' ' || peek() == '\t') ++at_;
  }
  void skip_comment() {
    if (peek() != '#') return;
    while (at_ < text_.size() && peek() != '\n') ++at_;
  }
  bool take_newline() {
    if (text_.substr(at_, 2) == "\r\n") ++at_;
    if (!take('\n')) return false;
    ++line_;
    return true;
  }
  void skip_blank_lines() {
    do {
      skip_spaces();
      skip_comment();
    } while (take_newline());
  }
  Status end_of_line() {
    skip_spaces();
    skip_comment();
    if (at_ == text_.size() || take_newline()) return {};
    return error("something stands behind the value: begin a new line");
  }

  Result<std::string> key() {
    skip_spaces();
    if (peek() == '"' || peek() == '\'') return string();
    constexpr std::string_view kLetters =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-";
    const std::size_t end = std::min(text_.find_first_not_of(kLetters, at_), text_.size());
    if (end == at_) return error("a key is missing: KEY = VALUE, [TABLE] or [[TABLE]]");
    const std::string_view key = text_.substr(at_, end - at_);
    at_ = end;
    skip_spaces();
    if (peek() == '.') return error("keys with dots are not known here: use a [TABLE]");
    return std::string(key);
  }

  // [key] or [[key]]; gives the table that the next lines belong to.
  Result<Value*> header(Value& root) {
    (void)take('[');
    const bool is_array = take('[');
    const int line = line_;
    TRY(const std::string name, key());
    skip_spaces();
    if (!take(']') || (is_array && !take(']'))) return error("a ] is missing");
    Keys& keys = std::get<Keys>(root.held);
    const auto [found, is_new] = keys.try_emplace(name);
    Value& value = found->second;
    if (!is_array) {
      if (!is_new) return error(fmt::format("there are two \"{}\"", name));
      value.line = line;
      value.held = Keys();
      return &value;
    }
    if (is_new) {
      value.line = line;
      value.held = std::vector<Value>();
      value.is_tables = true;
    }
    if (!value.is_tables) return error(fmt::format("there are two \"{}\"", name));
    Value& element = std::get<std::vector<Value>>(value.held).emplace_back();
    element.line = line;
    element.held = Keys();
    return &element;
  }

  Status assignment(Value& table) {
    const int line = line_;
    TRY(const std::string name, key());
    skip_spaces();
    if (!take('=')) return error(fmt::format("a = is missing behind \"{}\"", name));
    const auto [found, is_new] = std::get<Keys>(table.held).try_emplace(name);
    if (!is_new) return error(fmt::format("there are two \"{}\"", name));
    TRY(found->second, value(true));
    found->second.line = line;
    return {};
  }

  Result<Value> value(bool may_be_array) {
    skip_spaces();
    Value value;
    value.line = line_;
    if (peek() == '"' || peek() == '\'') {
      TRY(value.held, string());
    } else if ((peek() >= '0' && peek() <= '9') || peek() == '-' || peek() == '+') {
      TRY(value.held, integer());
    } else if (peek() == '[' && may_be_array) {
      TRY(value.held, array());
    } else {
      return error("a value must be a \"text\", a whole number or a list [..., ...] of them");
    }
    return value;
  }

  Result<std::vector<Value>> array() {
    std::vector<Value> values;
    (void)take('[');
    skip_blank_lines();
    while (!take(']')) {
      TRY(Value each, value(false));
      values.push_back(std::move(each));
      skip_blank_lines();
      const bool goes_on = take(',');
      skip_blank_lines();
      if (!goes_on && peek() != ']') return error("a , or ] is missing in the list");
    }
    return values;
  }

  Result<std::int64_t> integer() {
    constexpr std::string_view kEnd = " \t\r\n#,]";
    const std::size_t end = std::min(text_.find_first_of(kEnd, at_), text_.size());
    std::string digits(text_.substr(at_, end - at_));
    // 1_000 is a thousand; _ stands between digits only.
    for (std::size_t i = 1; i + 1 < digits.size(); ++i) {
      if (digits[i] == '_' && is_digit(digits[i - 1]) && is_digit(digits[i + 1])) {
        digits.erase(i, 1);
      }
    }
    const bool is_hex = digits.starts_with("0x");
    std::string_view number = digits;
    if (is_hex) number.remove_prefix(2);
    if (number.starts_with('+')) number.remove_prefix(1);
    const bool has_idle_zero = !is_hex && number.size() > 1 && number.front() == '0';
    std::int64_t integer = 0;
    const auto [rest, fault] =
        std::from_chars(number.data(), number.data() + number.size(), integer, is_hex ? 16 : 10);
    if (fault != std::errc() || rest != number.data() + number.size() || has_idle_zero ||
        (is_hex && integer < 0)) {
      return error(fmt::format("\"{}\" is no whole number such as 17 or 0x1f",
                               is_utf8(digits) ? digits : "?"));
    }
    at_ = end;
    return integer;
  }
  static bool is_digit(char character) {
    return std::string_view("0123456789abcdefABCDEF").contains(character);
  }

  Result<std::string> string() {
    const char quote = peek();
    ++at_;
    if (peek() == quote && text_.substr(at_ + 1, 1) == std::string_view(&quote, 1)) {
      return error("texts of several lines are not known here");
    }
    std::string text;
    while (!take(quote)) {
      const char character = peek();
      if (at_ == text_.size() || character == '\n' || character == '\r') {
        return error(fmt::format("a {} is missing at the end of a text", quote));
      }
      ++at_;
      if (character == '\\' && quote == '"') {
        TRY(const char meant, escape());
        text += meant;
      } else if (static_cast<unsigned char>(character) < 0x20 && character != '\t') {
        return error("a text has a control character in it");
      } else {
        text += character;
      }
    }
    if (!is_utf8(text)) return error("a text is not UTF-8");
    return text;
  }

  Result<char> escape() {
    constexpr std::string_view kLetters = "btnfr\"\\";
    constexpr std::string_view kMeanings = "\b\t\n\f\r\"\\";
    const auto known = kLetters.find(peek());
    if (at_ == text_.size() || known == std::string_view::npos) {
      return error("\\ stands before one of b t n f r \" \\ only");
    }
    ++at_;
    return kMeanings[known];
  }

  const std::string_view text_;
  const std::string& file_;
  std::size_t at_ = 0;
  int line_ = 1;
};

Result<TomlTable> TomlTable::parse(std::string_view text, std::string file) {
  // Editors of some systems begin a file with it.
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  if (text.starts_with(kByteOrderMark)) text.remove_prefix(kByteOrderMark.size());
  auto root = Parser(text, file).whole();
  if (!root) return std::move(root).error();
  return TomlTable(std::move(file), *std::move(root));
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
