#include "api/convert.h"

#include <fmt/chrono.h>

#include "base/utf8.h"

namespace gangd {
namespace {

namespace v1 = gang::v1;

v1::Verdict to_proto(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return v1::VERDICT_PASS;
    case Verdict::kFail:
      return v1::VERDICT_FAIL;
    case Verdict::kUnknown:
      return v1::VERDICT_UNKNOWN;
  }
  return v1::VERDICT_UNKNOWN;
}

v1::SlotState to_proto(SlotState state) {
  switch (state) {
    case SlotState::kEmpty:
      return v1::SLOT_STATE_EMPTY;
    case SlotState::kForeign:
      return v1::SLOT_STATE_FOREIGN;
    case SlotState::kWaiting:
      return v1::SLOT_STATE_WAITING;
    case SlotState::kRunning:
      return v1::SLOT_STATE_RUNNING;
    case SlotState::kRecording:
      return v1::SLOT_STATE_RECORDING;
    case SlotState::kEnded:
      return v1::SLOT_STATE_ENDED;
  }
  return v1::SLOT_STATE_UNSPECIFIED;
}

v1::Acknowledgement to_proto(Acknowledgement acknowledgement) {
  switch (acknowledgement) {
    case Acknowledgement::kNone:
      return v1::ACKNOWLEDGEMENT_UNSPECIFIED;
    case Acknowledgement::kWanted:
      return v1::ACKNOWLEDGEMENT_WANTED;
    case Acknowledgement::kGiven:
      return v1::ACKNOWLEDGEMENT_GIVEN;
  }
  return v1::ACKNOWLEDGEMENT_WANTED;
}

template <class Numbers>
void add_numbers(const std::vector<UnitNumber>& numbers, Numbers* out) {
  for (const UnitNumber& number : numbers) {
    v1::UnitNumber* added = out->Add();
    added->set_pool(number.pool);
    added->set_value(number.value);
  }
}

template <class Extents>
void add_extents(const std::vector<Extent>& extents, Extents* out) {
  for (const Extent& extent : extents) {
    v1::Extent* added = out->Add();
    added->set_name(as_utf8(extent.name));
    added->set_address(extent.address);
    added->set_size(extent.size);
    added->set_sha256(extent.digest.hex());
  }
}

void tell_key(const BoardKey& key, v1::BoardKey& out) {
  out.set_chip(key.chip);
  out.set_board(key.board);
  for (const std::string& flash : key.flashes) out.add_flashes(flash);
  out.set_loader_sha256(key.loader);
}

std::string rfc3339(UtcTime time) {
  return fmt::format("{:%FT%TZ}", std::chrono::floor<std::chrono::milliseconds>(time));
}

}  // namespace

v1::StationState to_proto(const StationView& view) {
  v1::StationState state;
  state.set_name(view.name);
  state.set_version(view.version);
  state.set_ledger(as_utf8(view.ledger));
  state.set_taking_boards(view.taking);
  state.set_trouble(as_utf8(view.trouble));
  state.set_mes_trouble(as_utf8(view.mes_trouble));
  for (const std::string& product : view.products) state.add_products(as_utf8(product));
  return state;
}

v1::Slot to_proto(const SlotView& view) {
  v1::Slot slot;
  slot.set_name(view.name);
  slot.set_path(view.path);
  slot.set_state(to_proto(view.state));
  slot.set_hint(as_utf8(view.hint));
  if (view.job) slot.set_job(view.job->to_string());
  if (view.attempt) slot.set_attempt(view.attempt->to_string());
  slot.set_uid(view.uid);
  add_numbers(view.numbers, slot.mutable_numbers());
  slot.set_step(view.step);
  slot.set_bytes_done(view.bytes_done);
  slot.set_bytes_total(view.bytes_total);
  slot.set_acknowledgement(to_proto(view.acknowledgement));
  slot.set_row(static_cast<std::uint32_t>(view.row));
  slot.set_column(static_cast<std::uint32_t>(view.column));
  if (!view.outcome) return slot;
  const AttemptOutcome& outcome = *view.outcome;
  v1::Attempt* attempt = slot.mutable_outcome();
  attempt->set_id(outcome.attempt.to_string());
  attempt->set_slot(outcome.slot);
  attempt->set_uid(outcome.uid);
  add_numbers(outcome.numbers, attempt->mutable_numbers());
  attempt->set_verdict(to_proto(outcome.verdict));
  attempt->set_reason(as_utf8(outcome.reason));
  attempt->set_step(outcome.step);
  attempt->set_duration_us(outcome.duration_us);
  add_extents(outcome.expected, attempt->mutable_expected());
  add_extents(outcome.measured, attempt->mutable_measured());
  add_extents(outcome.measured_as_booted, attempt->mutable_measured_as_booted());
  attempt->set_proof(outcome.proof);
  attempt->set_loader_sha256(outcome.loader);
  attempt->set_bytes_found_same(outcome.bytes_found_same);
  attempt->set_bytes_found_blank(outcome.bytes_found_blank);
  attempt->set_qualification(qualification_word(outcome.qualification));
  tell_key(outcome.key, *attempt->mutable_key());
  attempt->set_job(slot.job());
  attempt->set_ended_event(outcome.event.to_string());
  return slot;
}

v1::Job to_proto(const JobRow& row) {
  v1::Job job;
  job.set_id(row.id.to_string());
  job.set_product(row.started.product);
  for (const std::string& slot : row.started.slots) job.add_slots(slot);
  job.set_once(row.started.once);
  job.set_running(!row.end);
  if (row.end) job.set_reason(row.end->reason);
  job.set_passed(row.passed);
  job.set_failed(row.failed);
  job.set_unknown(row.unknown);
  job.set_work_order(row.started.work_order);
  job.set_quantity(row.started.quantity);
  job.set_units_passed(row.units_passed);
  job.set_passed_unqualified(row.passed_unqualified);
  return job;
}

v1::Attempt to_proto(const AttemptRow& row) {
  v1::Attempt attempt;
  attempt.set_id(row.id.to_string());
  attempt.set_slot(row.started.slot);
  attempt.set_uid(row.started.uid);
  add_numbers(row.started.numbers, attempt.mutable_numbers());
  add_extents(row.image_extents, attempt.mutable_expected());
  add_extents(row.started.unit_extents, attempt.mutable_expected());
  attempt.set_job(row.started.job.to_string());
  attempt.set_product(row.product);
  attempt.set_started_at(rfc3339(row.started_at));
  if (!row.end) return attempt;
  attempt.set_verdict(to_proto(row.end->verdict));
  attempt.set_reason(row.end->reason);
  attempt.set_step(row.end->step);
  attempt.set_duration_us(row.end->duration_us);
  add_extents(row.end->measured, attempt.mutable_measured());
  add_extents(row.end->measured_as_booted, attempt.mutable_measured_as_booted());
  attempt.set_proof(row.end->proof);
  attempt.set_loader_sha256(row.end->loader);
  attempt.set_bytes_found_same(row.end->bytes_found_same);
  attempt.set_bytes_found_blank(row.end->bytes_found_blank);
  attempt.set_qualification(qualification_word(row.end->qualification));
  tell_key(row.end->key(), *attempt.mutable_key());
  attempt.set_ended_event(row.end_event->to_string());
  return attempt;
}

v1::Unit to_proto(const UnitRow& row) {
  v1::Unit unit;
  unit.set_uid(row.uid);
  add_numbers(row.numbers, unit.mutable_numbers());
  if (row.last_verdict) {
    unit.set_last_verdict(to_proto(*row.last_verdict));
    unit.set_last_qualification(qualification_word(row.last_qualification));
  }
  unit.set_last_attempt(row.last_attempt.to_string());
  unit.set_attempts(row.attempts);
  return unit;
}

v1::Qualification to_proto(const QualificationView& view) {
  v1::Qualification qualification;
  qualification.set_id(view.id.to_string());
  qualification.set_product(as_utf8(view.product));
  qualification.set_slot(view.slot);
  qualification.set_person(as_utf8(view.person));
  qualification.set_step(view.step);
  qualification.set_prompt(view.prompt);
  qualification.set_needs_note(view.needs_note);
  qualification.set_step_number(static_cast<std::uint32_t>(view.step_number));
  qualification.set_steps(static_cast<std::uint32_t>(qualification_steps().size()));
  qualification.set_trouble(as_utf8(view.trouble));
  qualification.set_failures(view.failures);
  tell_key(view.key, *qualification.mutable_key());
  qualification.set_uid(view.uid);
  add_extents(view.dump, qualification.mutable_dump());
  if (view.qualified != EventId()) qualification.set_qualified(view.qualified.to_string());
  return qualification;
}

v1::LedgerEvent to_proto(const StoredEvent& event) {
  v1::LedgerEvent message;
  message.set_token(event.id.to_string());
  message.set_record(event.bytes);
  message.set_sha256(event.hash.bytes.data(), event.hash.bytes.size());
  return message;
}

Result<std::optional<Verdict>> verdict_of(v1::Verdict verdict) {
  switch (verdict) {
    case v1::VERDICT_UNSPECIFIED:
      return std::optional<Verdict>();
    case v1::VERDICT_PASS:
      return Verdict::kPass;
    case v1::VERDICT_FAIL:
      return Verdict::kFail;
    case v1::VERDICT_UNKNOWN:
      return Verdict::kUnknown;
    default:
      return Error(Code::kInvalid, "there is no verdict {}", static_cast<int>(verdict));
  }
}

}  // namespace gangd
