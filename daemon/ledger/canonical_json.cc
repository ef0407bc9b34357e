#include "ledger/canonical_json.h"

#include <fmt/core.h>

#include <algorithm>
#include <charconv>

#include "base/check.h"
#include "base/utf8.h"

namespace gangd {
namespace {

// Deeper than any event; the parser calls itself for each.
constexpr int kDepthMax = 16;

constexpr std::string_view kReplacement = "\xef\xbf\xbd";  // U+FFFD

// RFC 8785, 3.2.2.2: the short escapes where JSON has one, \u00xx for other control characters,
// and everything else as it is.
void append_string(std::string& out, std::string_view text) {
  constexpr std::string_view kEscaped = "\b\t\n\f\r\"\\";
  constexpr std::string_view kLetters = "btnfr\"\\";
  out += '"';
  while (!text.empty()) {
    const std::size_t length = utf8_length(text);
    const auto escape = kEscaped.find(text.front());
    if (length == 0) {
      out += kReplacement;
    } else if (escape != std::string_view::npos) {
      out += '\\';
      out += kLetters[escape];
    } else if (static_cast<unsigned char>(text.front()) < 0x20) {
      out += fmt::format("\\u{:04x}", static_cast<unsigned>(text.front()));
    } else {
      out += text.substr(0, length);
    }
    text.remove_prefix(std::max<std::size_t>(length, 1));
  }
  out += '"';
}

void append_json(std::string& out, const Json& json) {
  if (const auto* text = std::get_if<std::string>(&json.value)) {
    append_string(out, *text);
  } else if (const auto* integer = std::get_if<std::uint64_t>(&json.value)) {
    CHECK(*integer <= kJsonIntegerMax, "{} has no exact place in JSON", *integer);
    out += fmt::format("{}", *integer);
  } else if (const auto* array = std::get_if<Json::Array>(&json.value)) {
    out += '[';
    for (const Json& element : *array) {
      if (&element != &array->front()) out += ',';
      append_json(out, element);
    }
    out += ']';
  } else {
    const auto& object = std::get<Json::Object>(json.value);
    std::vector<const JsonMember*> members;
    members.reserve(object.size());
    for (const JsonMember& member : object) members.push_back(&member);
    std::ranges::sort(members, {}, &JsonMember::name);
    out += '{';
    for (const JsonMember* member : members) {
      if (member != members.front()) out += ',';
      append_string(out, member->name);
      out += ':';
      append_json(out, member->value);
    }
    out += '}';
  }
}

void append_utf8(std::string& out, unsigned code) {
  if (code < 0x80) {
    out += static_cast<char>(code);
  } else if (code < 0x800) {
    out += static_cast<char>(0xc0 | (code >> 6));
    out += static_cast<char>(0x80 | (code & 0x3f));
  } else {
    out += static_cast<char>(0xe0 | (code >> 12));
    out += static_cast<char>(0x80 | ((code >> 6) & 0x3f));
    out += static_cast<char>(0x80 | (code & 0x3f));
  }
}

class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Json> whole() {
    TRY(Json json, value(0));
    skip_space();
    if (at_ != text_.size()) return error("more than one value");
    return json;
  }

 private:
  Error error(std::string_view what) const {
    return {Code::kInvalid, "no JSON of an event: {} at byte {}", what, at_};
  }
  void skip_space() {
    while (at_ < text_.size() && std::string_view(" \t\r\n").contains(text_[at_])) ++at_;
  }
  // Takes the character, if it is next.
  bool take(char character) {
    skip_space();
    if (at_ >= text_.size() || text_[at_] != character) return false;
    ++at_;
    return true;
  }

  Result<Json> value(int depth) {
    if (depth == kDepthMax) return error("nested too deeply");
    skip_space();
    if (at_ == text_.size()) return error("it ends too early");
    const char first = text_[at_];
    if (first == '"') {
      TRY(std::string text, string());
      return Json{std::move(text)};
    }
    if (first >= '0' && first <= '9') return integer();
    if (take('[')) return array(depth);
    if (take('{')) return object(depth);
    return error("neither string, whole number, array nor object");
  }

  Result<Json> integer() {
    std::uint64_t integer = 0;
    const char* const begin = text_.data() + at_;
    const auto [end, fault] = std::from_chars(begin, text_.data() + text_.size(), integer);
    if (fault != std::errc() || integer > kJsonIntegerMax) return error("too large a number");
    at_ += static_cast<std::size_t>(end - begin);
    return Json{integer};
  }

  Result<Json> array(int depth) {
    Json::Array elements;
    if (take(']')) return Json{std::move(elements)};
    do {
      TRY(Json element, value(depth + 1));
      elements.push_back(std::move(element));
    } while (take(','));
    if (!take(']')) return error("an array without its end");
    return Json{std::move(elements)};
  }

  Result<Json> object(int depth) {
    Json::Object members;
    if (take('}')) return Json{std::move(members)};
    do {
      skip_space();
      TRY(std::string name, string());
      if (!take(':')) return error("a name without a value");
      TRY(Json member, value(depth + 1));
      members.push_back({std::move(name), std::move(member)});
    } while (take(','));
    if (!take('}')) return error("an object without its end");
    return Json{std::move(members)};
  }

  Result<std::string> string() {
    if (!take('"')) return error("a string is missing");
    std::string out;
    while (at_ < text_.size()) {
      const char character = text_[at_];
      if (character == '"') {
        ++at_;
        return out;
      }
      if (character == '\\') {
        ++at_;
        TRY_STATUS(escape(out));
        continue;
      }
      const std::size_t length = utf8_length(text_.substr(at_));
      if (length == 0) return error("no UTF-8");
      out += text_.substr(at_, length);
      at_ += length;
    }
    return error("a string without its end");
  }

  Status escape(std::string& out) {
    constexpr std::string_view kLetters = "btnfr\"\\/";
    constexpr std::string_view kMeanings = "\b\t\n\f\r\"\\/";
    if (at_ == text_.size()) return error("a string without its end");
    const char letter = text_[at_++];
    if (const auto known = kLetters.find(letter); known != std::string_view::npos) {
      out += kMeanings[known];
      return {};
    }
    unsigned code = 0;
    const std::string_view digits = text_.substr(at_, 4);
    const auto [end, fault] =
        std::from_chars(digits.data(), digits.data() + digits.size(), code, 16);
    const bool is_code =
        letter == 'u' && digits.size() == 4 && fault == std::errc() && end == digits.data() + 4;
    // Surrogates stand for characters that the canonical form writes as they are.
    if (!is_code || (code >= 0xd800 && code <= 0xdfff)) return error("an unknown escape");
    append_utf8(out, code);
    at_ += 4;
    return {};
  }

  const std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

const Json* Json::find(std::string_view name) const {
  const auto* object = std::get_if<Object>(&value);
  if (object == nullptr) return nullptr;
  const auto member = std::ranges::find(*object, name, &JsonMember::name);
  return member == object->end() ? nullptr : &member->value;
}

std::string canonical_json(const Json& json) {
  std::string out;
  append_json(out, json);
  return out;
}

Result<Json> parse_json(std::string_view text) {
  return Parser(text).whole();
}

}  // namespace gangd
