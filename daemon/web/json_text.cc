#include "web/json_text.h"

#include <fmt/format.h>

#include "ledger/canonical_json.h"

namespace gangd {

std::string json_string(std::string_view text) {
  return canonical_json({std::string(text)});
}

std::string json_array(const std::vector<std::string>& items) {
  return fmt::format("[{}]", fmt::join(items, ","));
}

JsonObject& JsonObject::json(std::string_view name, std::string_view value) {
  if (body_.size() > 1) body_ += ',';
  body_ += json_string(name);
  body_ += ':';
  body_ += value;
  return *this;
}

JsonObject& JsonObject::text(std::string_view name, std::string_view value) {
  return json(name, json_string(value));
}

JsonObject& JsonObject::number(std::string_view name, std::uint64_t value) {
  return json(name, std::to_string(value));
}

JsonObject& JsonObject::flag(std::string_view name, bool value) {
  return json(name, value ? "true" : "false");
}

}  // namespace gangd
