#include <fmt/core.h>

#include <cstdio>

#include "ctl/verbs.h"
#include "ledger/canonical_json.h"
#include "ledger/ledger_file.h"
#include "ledger/small_file.h"

namespace gangd {
namespace {

constexpr std::size_t kKeyBytesMax = 4096;

Exit report(const Result<LedgerCheck>& check, const Arguments& arguments, std::string_view done) {
  if (!check) {
    // A file that cannot be looked at says nothing about the ledger.
    const bool is_broken = check.failed_with(Code::kMismatch);
    if (arguments.json && is_broken) fmt::print("{{\"ok\":0}}\n");
    fmt::print(stderr, "gangctl: {}\n", check.error().message());
    return is_broken ? Exit::kNotGood : Exit::kRefused;
  }
  if (arguments.json) {
    const Json::Object facts = {
        {"ok", {std::uint64_t{1}}},      {"station", {check->station}},
        {"events", {check->events}},     {"newest", {check->newest.to_string()}},
        {"sha256", {check->head.hex()}}, {"units", {check->units}},
        {"attempts", {check->attempts}}, {"heads", {check->heads}},
        {"key", {check->key.hex()}}};
    fmt::print("{}\n", canonical_json({facts}));
    return Exit::kGood;
  }
  fmt::print("{}: station {}, {} events, {} units, {} attempts\nnewest {} sha256 {}\n", done,
             check->station, check->events, check->units, check->attempts,
             check->newest.to_string(), check->head.hex());
  fmt::print("{} signed heads, key {}{}\n", check->heads, check->key.hex(),
             arguments.key.empty() ? ": compare it with the station's" : "");
  return Exit::kGood;
}

// What was given as a file, or as it is.
Result<std::optional<PublicKey>> key_of(const std::string& key) {
  if (key.empty()) return std::optional<PublicKey>();
  const auto text = is_there(key) ? read_small_file(key, kKeyBytesMax) : key;
  if (!text) return text.error();
  TRY(const PublicKey parsed, PublicKey::parse(*text).with_context("--key"));
  return std::optional(parsed);
}

Result<LedgerCheck> verify(const Arguments& arguments) {
  LedgerWitness witness;
  witness.head_file = arguments.head;
  witness.without_head = arguments.without_head;
  TRY(witness.key, key_of(arguments.key));
  return verify_ledger(arguments.ledger, witness);
}

}  // namespace

Exit audit_verify(const Arguments& arguments) {
  return report(verify(arguments), arguments, "the ledger is whole");
}

Exit rebuild_ledger(const Arguments& arguments) {
  return report(rebuild_ledger(arguments.ledger), arguments, "the projections were made again");
}

}  // namespace gangd
