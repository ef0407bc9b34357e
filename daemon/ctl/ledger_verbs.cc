#include <fmt/core.h>

#include <cstdio>

#include "ctl/verbs.h"
#include "ledger/canonical_json.h"
#include "ledger/ledger_file.h"

namespace gangd {
namespace {

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
        {"attempts", {check->attempts}}};
    fmt::print("{}\n", canonical_json({facts}));
    return Exit::kGood;
  }
  fmt::print("{}: station {}, {} events, {} units, {} attempts\nnewest {} sha256 {}\n", done,
             check->station, check->events, check->units, check->attempts,
             check->newest.to_string(), check->head.hex());
  return Exit::kGood;
}

}  // namespace

Exit verify_ledger(const Arguments& arguments) {
  return report(verify_ledger(arguments.file), arguments, "the ledger is whole");
}

Exit rebuild_ledger(const Arguments& arguments) {
  return report(rebuild_ledger(arguments.file), arguments, "the projections were made again");
}

}  // namespace gangd
