// JSON as text, in the order in which it is written down. Strings may hold any bytes: what is no
// UTF-8 becomes U+FFFD.
#pragma once

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace gangd {

std::string json_string(std::string_view text);
std::string json_array(const std::vector<std::string>& items);

class JsonObject {
 public:
  JsonObject& text(std::string_view name, std::string_view value);
  // JavaScript's numbers are exact to 2^53; all of ours are below.
  JsonObject& number(std::string_view name, std::uint64_t value);
  JsonObject& flag(std::string_view name, bool value);
  // What is JSON already.
  JsonObject& json(std::string_view name, std::string_view value);

  std::string end() const { return body_ + "}"; }

 private:
  std::string body_ = "{";
};

}  // namespace gangd
