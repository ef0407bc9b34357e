#include <fmt/core.h>

#include <algorithm>
#include <cstdio>

#include "ctl/verbs.h"
#include "ledger/canonical_json.h"
#include "ledger/evidence.h"
#include "ledger/export.h"
#include "ledger/recall.h"

namespace gangd {
namespace {

Exit complain(const Error& error) {
  fmt::print(stderr, "gangctl: {}\n", error.message());
  const bool is_answer = error.code() == Code::kMismatch || error.code() == Code::kNotFound;
  return is_answer ? Exit::kNotGood : Exit::kRefused;
}

Result<Sha256Digest> digest_of(const std::string& hex) {
  Sha256Digest digest;
  const auto bytes = from_hex(hex);
  if (!bytes || bytes->size() != digest.bytes.size()) {
    return Error(Code::kInvalid, "--image {}: a SHA-256 has 64 hexadecimal digits", hex);
  }
  std::ranges::copy(*bytes, digest.bytes.begin());
  return digest;
}

Status print_line(std::string_view line) {
  fmt::print("{}", line);
  return {};
}

Status print_unit(const RecalledUnit& unit, bool json) {
  std::string serials;
  Json::Array values;
  for (const UnitNumber& number : unit.numbers) {
    serials += (serials.empty() ? "" : ",") + number.value;
    values.push_back({number.value});
  }
  const std::string word(carries_word(unit.carries));
  const std::string verdict(unit.last_verdict ? verdict_name(*unit.last_verdict) : "-");
  if (json) {
    const Json::Object object = {{"uid", {unit.uid}},
                                 {"serials", {std::move(values)}},
                                 {"image", {word}},
                                 {"attempt", {unit.last_attempt.to_string()}},
                                 {"at", {utc_text(unit.last_at)}},
                                 {"verdict", {verdict}},
                                 {"qualification", {qualification_word(unit.last_qualification)}}};
    fmt::print("{}\n", canonical_json({object}));
  } else {
    const bool is_qualified = unit.last_qualification != EventId();
    fmt::print("{:<10} {:<26} {:<16} attempt {} at {}: {}{}\n", word, unit.uid, serials,
               unit.last_attempt.to_string(), utc_text(unit.last_at), verdict,
               is_qualified ? "" : fmt::format(" {}", kUnqualified));
  }
  return {};
}

}  // namespace

Exit audit_recall(const Arguments& arguments) {
  const auto image = digest_of(arguments.image);
  if (!image) return complain(image.error());
  const Status done = recall(arguments.ledger, *image, [&arguments](const RecalledUnit& unit) {
    return print_unit(unit, arguments.json);
  });
  return done ? Exit::kGood : complain(done.error());
}

Exit audit_evidence(const Arguments& arguments) {
  const bool by_serial = arguments.uid.empty();
  const auto evidence = evidence_of(arguments.ledger, by_serial ? arguments.serial : arguments.uid);
  if (!evidence) return complain(evidence.error());
  const Status printed = print_line(*evidence);
  return printed ? Exit::kGood : complain(printed.error());
}

Exit audit_export(const Arguments& arguments) {
  const Status done = export_ledger(
      arguments.ledger, arguments.all_events ? ExportRows::kEvents : ExportRows::kAttempts,
      arguments.format == "csv" ? ExportFormat::kCsv : ExportFormat::kJsonLines, print_line);
  return done ? Exit::kGood : complain(done.error());
}

}  // namespace gangd
