#include "web/units.h"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>

#include "base/bytes.h"
#include "web/convert.h"
#include "web/json_text.h"

namespace gangd {
namespace {

// A page shows no more; whoever wants all asks gangctl.
constexpr std::size_t kUnitsShown = 200;
constexpr std::size_t kAttemptsShown = 1000;
constexpr std::size_t kQueryBytesMax = 128;

std::optional<Sha256Digest> image_of(const std::string& query) {
  const auto bytes = from_hex(query);
  Sha256Digest digest;
  if (!bytes || bytes->size() != digest.bytes.size()) return std::nullopt;
  std::ranges::copy(*bytes, digest.bytes.begin());
  return digest;
}

// A serial before a UID: it is what is printed on the unit.
Result<std::vector<UnitRow>> find(LedgerReader& reader, const std::string& query) {
  std::vector<UnitRow> units;
  TRY(const auto holder, reader.uid_of_number(query));
  TRY(auto unit, reader.unit(holder.value_or(query)));
  if (unit) units.push_back(*std::move(unit));
  const auto image = image_of(query);
  if (!units.empty() || !image) return units;
  return reader.units({.last_verdict = std::nullopt, .image = image}, "", kUnitsShown + 1);
}

struct UnitHistory {
  UnitRow unit;
  std::vector<AttemptRow> attempts;
};

Result<UnitHistory> read_unit(LedgerReader& reader, const std::string& uid) {
  UnitHistory history;
  TRY(auto unit, reader.unit(uid));
  if (!unit) return Error(Code::kNotFound, "no unit has the UID {}", uid);
  history.unit = *std::move(unit);
  TRY(history.attempts, reader.attempts_of_unit(uid));
  if (history.attempts.size() > kAttemptsShown) {
    history.attempts.erase(history.attempts.begin(), history.attempts.end() - kAttemptsShown);
  }
  return history;
}

}  // namespace

Task<Result<WebAnswer>> find_units(WebCalls& calls, WebRequest request) {
  const std::string query = request.query["q"];
  if (query.empty() || query.size() > kQueryBytesMax) {
    co_return Error(Code::kInvalid, "type a serial, a UID, or the SHA-256 of an image");
  }
  CO_TRY(std::vector<UnitRow> units,
         co_await calls.read([query](LedgerReader& reader) { return find(reader, query); }));
  const bool has_more = units.size() > kUnitsShown;
  if (has_more) units.resize(kUnitsShown);
  std::vector<std::string> items;
  for (const UnitRow& unit : units) items.push_back(to_json(unit));
  co_return WebAnswer{
      "application/json",
      JsonObject().json("units", json_array(items)).flag("has_more", has_more).end()};
}

Task<Result<WebAnswer>> show_unit(WebCalls& calls, WebRequest request) {
  const std::string uid = request.query["uid"];
  if (uid.empty() || uid.size() > kQueryBytesMax) co_return Error(Code::kInvalid, "ask for a uid");
  CO_TRY(const UnitHistory history,
         co_await calls.read([uid](LedgerReader& reader) { return read_unit(reader, uid); }));
  std::vector<std::string> attempts;
  for (const AttemptRow& attempt : history.attempts) attempts.push_back(to_json(attempt));
  co_return WebAnswer{
      "application/json",
      JsonObject().json("unit", to_json(history.unit)).json("history", json_array(attempts)).end()};
}

Task<Result<WebAnswer>> show_evidence(WebCalls& calls, WebRequest request) {
  const std::string uid = request.query["uid"];
  if (uid.empty() || uid.size() > kQueryBytesMax) co_return Error(Code::kInvalid, "ask for a uid");
  CO_TRY(std::string evidence, co_await calls.evidence(uid));
  // A UID is what a chip said: of a file's name it may be all but the end.
  const bool is_plain = std::ranges::all_of(uid, [](unsigned char c) { return std::isalnum(c); });
  co_return WebAnswer{"application/json", std::move(evidence),
                      fmt::format("evidence-{}.json", is_plain ? uid : "unit")};
}

}  // namespace gangd
