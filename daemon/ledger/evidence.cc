#include "ledger/evidence.h"

#include <fmt/format.h>

#include <set>

#include "ledger/canonical_json.h"
#include "ledger/events.h"
#include "ledger/ledger_file.h"
#include "ledger/ledger_reader.h"
#include "ledger/qualifications.h"

namespace gangd {
namespace {

Result<std::string> uid_of(const std::string& ledger, const std::string& unit) {
  TRY(const auto reader, LedgerReader::open(ledger));
  TRY(const auto by_uid, reader->unit(unit));
  if (by_uid) return unit;
  TRY(const auto by_serial, reader->uid_of_number(unit));
  if (by_serial) return *by_serial;
  return Error(Code::kNotFound,
               "no unit has the UID or serial \"{}\": look it up with gangctl unit list", unit);
}

// The first event, those that replaced the key, those of the unit's attempts and their jobs, and
// what qualified its kind of board.
Result<std::set<std::uint64_t>> numbers_of(Database& ledger, const std::string& uid) {
  std::set<std::uint64_t> numbers;
  TRY(Statement rows, ledger.prepare("SELECT n FROM key_event UNION "
                                     "SELECT job_n FROM attempt WHERE uid = ?1 UNION "
                                     "SELECT n FROM attempt WHERE uid = ?1 UNION "
                                     "SELECT end_n FROM attempt WHERE uid = ?1 "
                                     "AND end_n IS NOT NULL UNION "
                                     "SELECT qualified_n FROM attempt_qualified "
                                     "JOIN attempt ON n = attempt_n WHERE uid = ?1"));
  rows.bind(0, uid);
  while (true) {
    TRY(const bool has_row, rows.step());
    if (!has_row) return numbers;
    numbers.insert(rows.integer(0));
  }
}

// That event `n` is in a chain whose head was signed.
Result<Json> proof_of(Database& ledger, std::uint64_t n) {
  TRY(Statement head, ledger.prepare("SELECT seq, epoch FROM head JOIN event USING(seq) "
                                     "WHERE seq >= ? ORDER BY seq LIMIT 1"));
  TRY(const bool is_covered, head.bind(0, n).step());
  const EventId end = {is_covered ? static_cast<std::uint32_t>(head.integer(1)) : 0,
                       is_covered ? head.integer(0) : 0};
  TRY(const auto signature, signature_at(ledger, end));
  if (!is_covered || !signature) {
    return Error(Code::kMismatch,
                 "no signed head covers event {}: check the ledger with gangctl "
                 "audit verify",
                 n);
  }
  std::string before = Sha256Digest().hex();
  std::string record;
  Json::Array after;
  const std::uint64_t first = n < 2 ? 0 : n - 2;
  TRY_STATUS(
      visit_events(ledger, {0, first}, end.n - first, [&](const StoredEvent& event) -> Status {
        if (event.id.n < n) {
          before = event.hash.hex();
        } else if (event.id.n == n) {
          record = event.bytes;
        } else {
          after.push_back({sha256(as_bytes(event.bytes)).hex()});
        }
        return {};
      }));
  return Json{Json::Object{{"after", {std::move(after)}},
                           {"before", {before}},
                           {"record", {record}},
                           {"signature", {signature->hex()}}}};
}

}  // namespace

Result<std::string> evidence_of(const std::string& ledger, const std::string& unit) {
  TRY(const std::string uid, uid_of(ledger, unit));
  TRY(Database database, open_ledger(ledger, Database::Access::kRead));
  TRY_STATUS(ensure_qualifications_are_readable(database));
  TRY_STATUS(database.execute("BEGIN"));
  TRY(const std::set<std::uint64_t> numbers, numbers_of(database, uid));
  TRY(const auto first, first_entry(database));
  std::string records;
  for (const std::uint64_t n : numbers) {
    TRY(const Json proof, proof_of(database, n).with_context("ledger " + ledger));
    records += (records.empty() ? "" : ",\n") + canonical_json(proof);
  }
  return fmt::format(
      "{{\"format\":\"gangd evidence 1\",\n\"station\":{},\n\"uid\":{},\n"
      "\"records\":[\n{}\n]}}\n",
      canonical_json({first.station}), canonical_json({uid}), records);
}

}  // namespace gangd
