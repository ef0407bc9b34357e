#include "ledger/export.h"

#include <fmt/format.h>

#include <vector>

#include "ledger/canonical_json.h"
#include "ledger/ledger_file.h"
#include "ledger/ledger_reader.h"

namespace gangd {
namespace {

constexpr std::size_t kPage = 500;

struct Column {
  std::string_view name;
  Json value;
};
using Row = std::vector<Column>;

// What boards and people wrote must not become a formula where the file is opened.
bool looks_like_a_formula(std::string_view text) {
  return !text.empty() && std::string_view("=+-@\t\r").contains(text.front());
}

std::string cell_of(const Json& value) {
  const auto* text = std::get_if<std::string>(&value.value);
  std::string cell = text == nullptr ? canonical_json(value) : *text;
  if (text != nullptr && looks_like_a_formula(cell)) cell.insert(0, 1, '\'');
  if (cell.find_first_of(",\"\r\n") == std::string::npos) return cell;
  std::string quoted = "\"";
  for (const char letter : cell) quoted += letter == '"' ? "\"\"" : std::string(1, letter);
  return quoted + '"';
}

std::string csv_line(const Row& row, bool names) {
  std::string line;
  for (const Column& column : row) {
    if (&column != &row.front()) line += ',';
    line += names ? std::string(column.name) : cell_of(column.value);
  }
  return line + "\r\n";
}

std::string json_line(const Row& row) {
  Json::Object object;
  for (const Column& column : row) object.push_back({std::string(column.name), column.value});
  return canonical_json({std::move(object)}) + '\n';
}

Json extents_json(const std::vector<Extent>& extents) {
  Json::Array array;
  for (const Extent& extent : extents) {
    array.push_back({fmt::format("{}@0x{:08x}+{}={}", extent.name, extent.address, extent.size,
                                 extent.digest.hex())});
  }
  return {std::move(array)};
}

Json texts_json(const std::vector<std::string>& texts) {
  Json::Array array;
  for (const std::string& text : texts) array.push_back({text});
  return {std::move(array)};
}

Row row_of(const AttemptRow& attempt, const Entry& start) {
  Json::Array serials;
  for (const UnitNumber& number : attempt.started.numbers) serials.push_back({number.value});
  std::vector<Extent> expected = attempt.image_extents;
  expected.insert(expected.end(), attempt.started.unit_extents.begin(),
                  attempt.started.unit_extents.end());
  const AttemptEnded end = attempt.end.value_or(AttemptEnded());
  return {{"attempt", {attempt.id.to_string()}},
          {"station", {start.station}},
          {"started_at", {utc_text(start.at)}},
          {"job", {attempt.started.job.to_string()}},
          {"product", {attempt.product}},
          {"slot", {attempt.started.slot}},
          {"uid", {attempt.started.uid}},
          {"serials", {std::move(serials)}},
          {"verdict", {attempt.end ? std::string(verdict_name(end.verdict)) : std::string()}},
          {"qualification", {attempt.end ? qualification_word(end.qualification) : std::string()}},
          {"chip", {end.chip}},
          {"board", {end.board}},
          {"flashes", texts_json(end.flashes)},
          {"loader", {end.loader}},
          {"code", {end.code}},
          {"step", {end.step}},
          {"reason", {end.reason}},
          {"duration_us", {end.duration_us}},
          {"proof", {end.proof}},
          {"expected", extents_json(expected)},
          {"measured", extents_json(end.measured)},
          {"measured_as_booted", extents_json(end.measured_as_booted)}};
}

Result<Row> row_of(const StoredEvent& event, const Entry& entry) {
  TRY(Json record, parse_json(event.bytes));
  return Row{{"id", {event.id.to_string()}},
             {"at", {utc_text(entry.at)}},
             {"type", {std::string(event_type(entry.event))}},
             {"sha256", {event.hash.hex()}},
             {"record", std::move(record)}};
}

class Lines {
 public:
  Lines(ExportFormat format, const std::function<Status(std::string_view)>& visit)
      : format_(format), visit_(visit) {}

  Status add(const Row& row) {
    if (format_ == ExportFormat::kJsonLines) return visit_(json_line(row));
    if (!std::exchange(has_names_, true)) TRY_STATUS(visit_(csv_line(row, true)));
    return visit_(csv_line(row, false));
  }

 private:
  const ExportFormat format_;
  const std::function<Status(std::string_view)>& visit_;
  bool has_names_ = false;
};

}  // namespace

Status export_ledger(const std::string& ledger, ExportRows rows, ExportFormat format,
                     const std::function<Status(std::string_view line)>& visit) {
  TRY(const auto reader, LedgerReader::open(ledger));
  Lines lines(format, visit);
  EventId after;
  while (true) {
    TRY(const std::vector<StoredEvent> page, reader->events(after, kPage));
    if (page.empty()) return {};
    for (const StoredEvent& event : page) {
      after = event.id;
      auto entry = decode_entry(event.bytes);
      if (!entry) {
        return Error(Code::kMismatch, "{}: check the ledger with gangctl audit verify",
                     entry.error().message());
      }
      if (rows == ExportRows::kEvents) {
        TRY(const Row row, row_of(event, *entry));
        TRY_STATUS(lines.add(row));
      } else if (std::holds_alternative<AttemptStarted>(entry->event)) {
        TRY(const AttemptRow attempt, reader->attempt(event.id));
        TRY_STATUS(lines.add(row_of(attempt, *entry)));
      }
    }
  }
}

}  // namespace gangd
