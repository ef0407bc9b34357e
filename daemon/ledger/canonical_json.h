// The JSON that events are written in: strings, whole numbers, arrays and objects, each value in
// one way only (RFC 8785), so that whoever writes it again gets the same bytes and the same hash.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/result.h"

namespace gangd {

// JSON's numbers are doubles to most readers, and exact up to here.
constexpr std::uint64_t kJsonIntegerMax = (std::uint64_t{1} << 53) - 1;

struct JsonMember;

struct Json {
  using Array = std::vector<Json>;
  using Object = std::vector<JsonMember>;

  std::variant<std::string, std::uint64_t, Array, Object> value;

  // The member of an object; null when there is none, or this is no object.
  const Json* find(std::string_view name) const;
};

struct JsonMember {
  std::string name;
  Json value;
};

// Members are sorted by their names, which are ASCII. What is no UTF-8 becomes U+FFFD.
std::string canonical_json(const Json& json);

// kInvalid for what is no JSON of these four kinds. Takes more than the canonical way of writing;
// who needs that compares with canonical_json(). Bytes from anywhere are safe.
Result<Json> parse_json(std::string_view text);

}  // namespace gangd
