#include "web/convert.h"

#include <fmt/chrono.h>

#include <chrono>

#include "web/json_text.h"

namespace gangd {
namespace {

std::string to_json(const std::vector<UnitNumber>& numbers) {
  std::vector<std::string> items;
  for (const UnitNumber& number : numbers) {
    items.push_back(JsonObject().text("pool", number.pool).text("value", number.value).end());
  }
  return json_array(items);
}

std::string to_json(const std::vector<Extent>& extents) {
  std::vector<std::string> items;
  for (const Extent& extent : extents) {
    items.push_back(JsonObject()
                        .text("name", extent.name)
                        .number("address", extent.address)
                        .number("size", extent.size)
                        .text("sha256", extent.digest.hex())
                        .end());
  }
  return json_array(items);
}

std::string to_json(const std::vector<std::string>& texts) {
  std::vector<std::string> items;
  for (const std::string& text : texts) items.push_back(json_string(text));
  return json_array(items);
}

std::string rfc3339(UtcTime time) {
  return fmt::format("{:%FT%TZ}", std::chrono::floor<std::chrono::milliseconds>(time));
}

std::string to_json(const BoardKey& key) {
  return JsonObject()
      .text("chip", key.chip)
      .text("board", key.board)
      .json("flashes", to_json(key.flashes))
      .text("loader", key.loader)
      .end();
}

std::string to_json(const AttemptOutcome& outcome) {
  return JsonObject()
      .text("id", outcome.attempt.to_string())
      .text("slot", outcome.slot)
      .text("uid", outcome.uid)
      .json("numbers", to_json(outcome.numbers))
      .text("verdict", verdict_name(outcome.verdict))
      .text("qualification", qualification_word(outcome.qualification))
      .json("key", to_json(outcome.key))
      .text("code", outcome.code)
      .text("reason", outcome.reason)
      .text("step", outcome.step)
      .number("duration_us", outcome.duration_us)
      .json("expected", to_json(outcome.expected))
      .json("measured", to_json(outcome.measured))
      .json("measured_as_booted", to_json(outcome.measured_as_booted))
      .text("proof", outcome.proof)
      .text("ended_event", outcome.event.to_string())
      .end();
}

}  // namespace

std::string to_json(const StationView& view) {
  return JsonObject()
      .text("name", view.name)
      .text("version", view.version)
      .flag("taking_boards", view.taking)
      .text("trouble", view.trouble)
      .json("products", to_json(view.products))
      .end();
}

std::string to_json(const SlotView& view) {
  JsonObject slot;
  slot.text("name", view.name)
      .text("path", view.path)
      .text("state", slot_state_name(view.state))
      .text("hint", view.hint)
      .text("job", view.job ? view.job->to_string() : "")
      .text("attempt", view.attempt ? view.attempt->to_string() : "")
      .text("uid", view.uid)
      .json("numbers", to_json(view.numbers))
      .text("step", view.step)
      .number("bytes_done", view.bytes_done)
      .number("bytes_total", view.bytes_total)
      .text("acknowledgement", acknowledgement_name(view.acknowledgement))
      .number("row", static_cast<std::uint64_t>(view.row))
      .number("column", static_cast<std::uint64_t>(view.column));
  if (view.outcome) slot.json("outcome", to_json(*view.outcome));
  return slot.end();
}

std::string to_json(const JobView& view) {
  return JsonObject()
      .text("id", view.id.to_string())
      .text("product", view.product)
      .json("slots", to_json(view.slots))
      .flag("once", view.once)
      .flag("running", view.running)
      .text("reason", view.reason)
      .number("passed", view.passed)
      .number("passed_unqualified", view.passed_unqualified)
      .number("failed", view.failed)
      .number("unknown", view.unknown)
      .end();
}

std::string to_json(const AttemptRow& row) {
  std::vector<Extent> expected = row.image_extents;
  expected.insert(expected.end(), row.started.unit_extents.begin(), row.started.unit_extents.end());
  JsonObject attempt;
  attempt.text("id", row.id.to_string())
      .text("slot", row.started.slot)
      .text("uid", row.started.uid)
      .json("numbers", to_json(row.started.numbers))
      .text("job", row.started.job.to_string())
      .text("product", row.product)
      .text("started_at", rfc3339(row.started_at))
      .json("expected", to_json(expected));
  if (!row.end) return attempt.end();
  return attempt.text("verdict", verdict_name(row.end->verdict))
      .text("qualification", qualification_word(row.end->qualification))
      .json("key", to_json(row.end->key()))
      .text("code", row.end->code)
      .text("reason", row.end->reason)
      .text("step", row.end->step)
      .number("duration_us", row.end->duration_us)
      .json("measured", to_json(row.end->measured))
      .json("measured_as_booted", to_json(row.end->measured_as_booted))
      .text("proof", row.end->proof)
      .text("loader_sha256", row.end->loader)
      .number("bytes_found_same", row.end->bytes_found_same)
      .number("bytes_found_blank", row.end->bytes_found_blank)
      .text("ended_event", row.end_event->to_string())
      .end();
}

std::string to_json(const UnitRow& row) {
  JsonObject unit;
  unit.text("uid", row.uid)
      .json("numbers", to_json(row.numbers))
      .text("last_attempt", row.last_attempt.to_string())
      .number("attempts", row.attempts);
  if (!row.last_verdict) return unit.end();
  unit.text("last_verdict", verdict_name(*row.last_verdict))
      .text("last_qualification", qualification_word(row.last_qualification));
  return unit.end();
}

}  // namespace gangd
