#include "ledger/recall.h"

#include "ledger/ledger_file.h"
#include "ledger/ledger_reader.h"

namespace gangd {
namespace {

constexpr std::string_view kKnown =
    "SELECT 1 FROM measured WHERE sha256 = ?1 UNION SELECT 1 FROM job_image WHERE sha256 = ?1 "
    "LIMIT 1";
// In the order of the index, and so one row at a time, however many units there are.
constexpr std::string_view kUnits =
    "SELECT uid, event.epoch, last_attempt_n, last_verdict, "
    "EXISTS(SELECT 1 FROM measured WHERE attempt_n = last_attempt_n AND sha256 = ?1) "
    "FROM unit JOIN event ON seq = last_attempt_n WHERE EXISTS("
    "SELECT 1 FROM attempt WHERE attempt.uid = unit.uid AND ("
    "EXISTS(SELECT 1 FROM measured WHERE attempt_n = attempt.n AND sha256 = ?1) OR "
    "EXISTS(SELECT 1 FROM job_image WHERE job_image.job_n = attempt.job_n AND sha256 = ?1))) "
    "ORDER BY uid";

}  // namespace

std::string_view carries_word(Carries carries) {
  switch (carries) {
    case Carries::kYes:
      return "carries";
    case Carries::kMay:
      return "may carry";
    case Carries::kReplaced:
      return "replaced";
  }
  return "";
}

Status recall(const std::string& ledger, const Sha256Digest& image,
              const std::function<Status(const RecalledUnit&)>& visit) {
  TRY(const auto reader, LedgerReader::open(ledger));
  TRY(Database database, open_ledger(ledger, Database::Access::kRead));
  TRY(Statement known, database.prepare(kKnown));
  TRY(const bool is_known, known.bind(0, image.hex()).step());
  if (!is_known) {
    return Error(Code::kNotFound,
                 "no job was to write the image {}, and none was measured: is it "
                 "the SHA-256 of the file, as in gangctl unit show?",
                 image.hex());
  }
  TRY(Statement rows, database.prepare(kUnits));
  rows.bind(0, image.hex());
  while (true) {
    TRY(const bool has_row, rows.step());
    if (!has_row) return {};
    RecalledUnit unit;
    unit.uid = rows.text(0);
    unit.last_attempt = {static_cast<std::uint32_t>(rows.integer(1)), rows.integer(2)};
    const bool passed = rows.text(3) == verdict_name(Verdict::kPass);
    const bool was_measured = rows.integer(4) != 0;
    unit.carries = was_measured ? Carries::kYes : passed ? Carries::kReplaced : Carries::kMay;
    TRY(const Entry attempt, reader->entry(unit.last_attempt));
    unit.last_at = attempt.at;
    TRY(const auto row, reader->unit(unit.uid));
    if (row) {
      unit.numbers = row->numbers;
      unit.last_verdict = row->last_verdict;
      unit.last_qualification = row->last_qualification;
    }
    TRY_STATUS(visit(unit));
  }
}

}  // namespace gangd
