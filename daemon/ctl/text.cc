#include "ctl/text.h"

#include <fmt/core.h>
#include <google/protobuf/util/json_util.h>

#include <algorithm>

#include "base/verdict.h"

namespace gangd {

namespace v1 = gang::v1;

std::string json_of(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  options.always_print_primitive_fields = true;
  std::string json;
  (void)google::protobuf::util::MessageToJsonString(message, &json, options);
  return json;
}

std::string_view word_of(v1::Verdict verdict) {
  switch (verdict) {
    case v1::VERDICT_PASS:
      return "PASS";
    case v1::VERDICT_FAIL:
      return "FAIL";
    case v1::VERDICT_UNSPECIFIED:
      return "-";
    default:
      return "UNKNOWN";
  }
}

std::string judged(v1::Verdict verdict, const std::string& qualification) {
  std::string words(word_of(verdict));
  if (verdict == v1::VERDICT_UNSPECIFIED) return words;
  // A gangd from before there was such a thing says nothing.
  if (qualification.empty() || qualification == kUnqualified) {
    words += fmt::format(" {}", kUnqualified);
  }
  return words;
}

std::string judged(const v1::Attempt& attempt) {
  return judged(attempt.verdict(), attempt.qualification());
}

std::string_view word_of(v1::SlotState state) {
  switch (state) {
    case v1::SLOT_STATE_EMPTY:
      return "empty";
    case v1::SLOT_STATE_FOREIGN:
      return "foreign";
    case v1::SLOT_STATE_WAITING:
      return "waiting";
    case v1::SLOT_STATE_RUNNING:
      return "running";
    case v1::SLOT_STATE_RECORDING:
      return "recording";
    case v1::SLOT_STATE_ENDED:
      return "ended";
    default:
      return "?";
  }
}

std::string numbers_of(const google::protobuf::RepeatedPtrField<v1::UnitNumber>& numbers) {
  std::string text;
  for (const v1::UnitNumber& number : numbers) {
    text += text.empty() ? "" : ",";
    text += number.value();
  }
  return text;
}

std::string printable(std::string_view text) {
  std::string shown;
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    // U+0080 to U+009F are controls, too.
    const bool is_high_control = byte >= 0x80 && byte <= 0x9f && shown.ends_with('\xc2');
    if (is_high_control) shown.pop_back();
    shown += byte < 0x20 || byte == 0x7f || is_high_control ? '?' : c;
  }
  return shown;
}

void print_table(const std::vector<std::vector<std::string>>& rows) {
  std::vector<std::size_t> widths(rows.front().size());
  for (const auto& row : rows) {
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], row[i].size());
  }
  for (const auto& row : rows) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += fmt::format("{:<{}}  ", row[i].empty() ? "-" : printable(row[i]), widths[i]);
    }
    line.erase(line.find_last_not_of(' ') + 1);
    fmt::print("{}\n", line);
  }
}

}  // namespace gangd
