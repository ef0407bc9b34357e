// What gangctl prints: words and tables for people, JSON for programs.
#pragma once

#include <gang/v1/gang.pb.h>

#include <string>
#include <string_view>
#include <vector>

namespace gangd {

// One line, by the JSON mapping of Protobuf, with the names of gang.proto.
std::string json_of(const google::protobuf::Message& message);

// PASS, FAIL, UNKNOWN; `-` when there is none yet.
std::string_view word_of(gang::v1::Verdict verdict);
std::string_view word_of(gang::v1::SlotState state);
// `PASS`, or `PASS UNQUALIFIED`: people see no verdict without it.
std::string judged(gang::v1::Verdict verdict, const std::string& qualification);
std::string judged(const gang::v1::Attempt& attempt);

// `T000001`, or several with commas between.
std::string numbers_of(const google::protobuf::RepeatedPtrField<gang::v1::UnitNumber>& numbers);

// What a board said may hold anything; what would move a terminal's cursor is shown as `?`.
std::string printable(std::string_view text);

// Columns as wide as they must be; the first row is the head.
void print_table(const std::vector<std::vector<std::string>>& rows);

}  // namespace gangd
