#include "mes/convert.h"

#include <fmt/chrono.h>

#include <chrono>

#include "base/utf8.h"

namespace gangd {

namespace v1 = gang::mes::v1;

namespace {

v1::Verdict to_proto(Verdict verdict) {
  switch (verdict) {
    case Verdict::kPass:
      return v1::VERDICT_PASS;
    case Verdict::kFail:
      return v1::VERDICT_FAIL;
    case Verdict::kUnknown:
      break;
  }
  return v1::VERDICT_UNKNOWN;
}

v1::AllowedBy allowed_by(const std::string& who) {
  if (who == "mes") return v1::ALLOWED_BY_MES;
  if (who == "lease") return v1::ALLOWED_BY_LEASE;
  return v1::ALLOWED_BY_UNSPECIFIED;
}

std::string rfc3339(UtcTime time) {
  return fmt::format("{:%FT%TZ}", std::chrono::floor<std::chrono::microseconds>(time));
}

void add_extents(const std::vector<Extent>& extents,
                 google::protobuf::RepeatedPtrField<v1::Extent>* into) {
  for (const Extent& extent : extents) {
    v1::Extent* added = into->Add();
    added->set_name(as_utf8(extent.name));
    added->set_address(extent.address);
    added->set_size(extent.size);
    added->set_sha256(extent.digest.hex());
  }
}

}  // namespace

v1::AuthorizeUnitRequest to_proto(const MesUnit& unit, const std::string& station) {
  v1::AuthorizeUnitRequest request;
  request.set_station(station);
  request.set_uid(as_utf8(unit.uid));
  request.set_product(as_utf8(unit.product));
  request.set_slot(unit.slot);
  request.set_job(unit.job.to_string());
  request.set_work_order(unit.work_order);
  return request;
}

v1::LeaseSerialsRequest to_proto(const MesLease& lease, const std::string& station) {
  v1::LeaseSerialsRequest request;
  request.set_station(station);
  request.set_request_id(as_utf8(lease.request));
  request.set_pool(as_utf8(lease.pool));
  request.set_product(as_utf8(lease.product));
  request.set_count(lease.count);
  return request;
}

v1::ReportUnitRequest to_proto(const MesReport& report, const std::string& station) {
  v1::ReportUnitRequest request;
  request.mutable_key()->set_station(station);
  request.mutable_key()->set_epoch(report.event.epoch);
  request.mutable_key()->set_sequence(report.event.n);
  request.set_uid(as_utf8(report.attempt.uid));
  for (const UnitNumber& number : report.attempt.numbers) {
    v1::SerialNumber* serial = request.add_serials();
    serial->set_pool(as_utf8(number.pool));
    serial->set_number(number.index);
    serial->set_value(as_utf8(number.value));
  }
  request.set_verdict(to_proto(report.end.verdict));
  request.set_reason(as_utf8(report.end.reason));
  request.set_step(report.end.step);
  request.set_product(as_utf8(report.job.product));
  request.set_product_sha256(report.job.product_digest.hex());
  request.set_job(report.attempt.job.to_string());
  request.set_work_order(as_utf8(report.job.work_order));
  request.set_slot(report.attempt.slot);
  request.set_attempt(report.end.attempt.to_string());
  request.set_started_at(rfc3339(report.started_at));
  request.set_ended_at(rfc3339(report.ended_at));
  request.set_duration_us(report.end.duration_us);
  request.set_allowed_by(allowed_by(report.attempt.allowed_by));
  add_extents(report.job.image_extents, request.mutable_expected());
  add_extents(report.attempt.unit_extents, request.mutable_expected());
  add_extents(report.end.measured, request.mutable_measured());
  add_extents(report.end.measured_as_booted, request.mutable_measured_as_booted());
  request.set_proof(report.end.proof);
  request.set_qualification(qualification_word(report.end.qualification));
  request.set_chip(report.end.chip);
  request.set_board(report.end.board);
  for (const std::string& flash : report.end.flashes) request.add_flashes(flash);
  request.set_loader_sha256(report.end.loader);
  return request;
}

}  // namespace gangd
