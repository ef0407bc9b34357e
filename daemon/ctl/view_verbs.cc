#include <fmt/core.h>

#include <cstdio>

#include "base/bytes.h"
#include "base/verdict.h"
#include "ctl/text.h"
#include "ctl/verbs.h"

namespace gangd {
namespace {

namespace v1 = gang::v1;

std::string seconds_of(const v1::Attempt& attempt) {
  return fmt::format("{:.1f}", static_cast<double>(attempt.duration_us()) / 1e6);
}

// Of which kind the board is, and who has qualified that.
void print_kind(const v1::Attempt& attempt) {
  const v1::BoardKey& key = attempt.key();
  if (attempt.verdict() == v1::VERDICT_UNSPECIFIED) return;
  std::string flashes;
  for (const std::string& flash : key.flashes()) flashes += " " + printable(flash);
  fmt::print("  board {}, chip {}, flash{}: {}\n",
             key.board().empty() ? "not told" : printable(key.board()),
             key.chip().empty() ? "not told" : printable(key.chip()),
             flashes.empty() ? " not told" : flashes,
             attempt.qualification().empty() || attempt.qualification() == kUnqualified
                 ? fmt::format("{}, nobody has qualified this kind with this loader", kUnqualified)
                 : "qualified by " + printable(attempt.qualification()));
}

// The last one, if it was measured more than once.
const v1::Extent* find_extent(const google::protobuf::RepeatedPtrField<v1::Extent>& measured,
                              const v1::Extent& meant) {
  const v1::Extent* found = nullptr;
  for (const v1::Extent& each : measured) {
    if (each.name() == meant.name() && each.address() == meant.address()) found = &each;
  }
  return found;
}

void print_attempt(const v1::Attempt& attempt) {
  fmt::print("\nattempt {}  {}  {}  slot {}, job {}, {} s\n", attempt.id(), judged(attempt),
             attempt.started_at(), attempt.slot(), attempt.job(), seconds_of(attempt));
  print_kind(attempt);
  if (!attempt.reason().empty()) fmt::print("  {}\n", printable(attempt.reason()));
  if (!attempt.proof().empty()) {
    fmt::print("  measured by {}", attempt.proof() == "device" ? "the device itself"
                                   : attempt.proof() == "readback"
                                       ? "reading it back"
                                       : "the device and by reading it back");
    if (!attempt.loader_sha256().empty()) {
      fmt::print(", which runs {}", attempt.loader_sha256());
    }
    fmt::print("\n");
  }
  for (const v1::Extent& extent : attempt.expected()) {
    const v1::Extent* measured = find_extent(attempt.measured(), extent);
    fmt::print("  {} at 0x{:08x}, {} bytes\n    should be {}\n    measured  {}\n", extent.name(),
               extent.address(), extent.size(), extent.sha256(),
               measured == nullptr ? "not" : measured->sha256());
    if (const v1::Extent* booted = find_extent(attempt.measured_as_booted(), extent)) {
      fmt::print("    as booted {}\n", booted->sha256());
    }
  }
}

grpc::Status get_unit(Client& client, const std::string& name, v1::Unit& unit) {
  v1::GetUnitRequest request;
  request.set_uid(name);
  grpc::ClientContext by_uid;
  Client::set_deadline(by_uid);
  grpc::Status status = client.units().GetUnit(&by_uid, request, &unit);
  if (status.error_code() != grpc::StatusCode::NOT_FOUND) return status;
  request.set_serial(name);
  grpc::ClientContext by_serial;
  Client::set_deadline(by_serial);
  return client.units().GetUnit(&by_serial, request, &unit);
}

}  // namespace

Exit show_station(const Arguments& arguments) {
  Client client(arguments.place);
  grpc::ClientContext context;
  Client::set_deadline(context);
  v1::StationState station;
  const grpc::Status status = client.station().GetStation(&context, {}, &station);
  if (!status.ok()) return client.complain(status);
  const Exit exit = station.taking_boards() ? Exit::kGood : Exit::kNotGood;
  if (arguments.json) {
    fmt::print("{}\n", json_of(station));
    return exit;
  }
  fmt::print("station  {}\ngangd    {}\nledger   {}\nboards   {}\n", station.name(),
             station.version(), station.ledger(),
             station.taking_boards() ? "are taken" : "are not taken: " + station.trouble());
  if (!station.mes_trouble().empty()) fmt::print("mes      {}\n", printable(station.mes_trouble()));
  for (const std::string& product : station.products()) {
    fmt::print("product  {}\n", printable(product));
  }
  return exit;
}

Exit list_slots(const Arguments& arguments) {
  Client client(arguments.place);
  grpc::ClientContext context;
  Client::set_deadline(context);
  v1::ListSlotsResponse response;
  const grpc::Status status = client.station().ListSlots(&context, {}, &response);
  if (!status.ok()) return client.complain(status);
  if (arguments.json) {
    fmt::print("{}\n", json_of(response));
    return Exit::kGood;
  }
  std::vector<std::vector<std::string>> rows = {
      {"SLOT", "PATH", "STATE", "JOB", "UID", "SERIAL", "VERDICT", "NOTE"}};
  for (const v1::Slot& slot : response.slots()) {
    rows.push_back({slot.name(), slot.path(), std::string(word_of(slot.state())), slot.job(),
                    slot.uid(), numbers_of(slot.numbers()), judged(slot.outcome()),
                    slot.has_outcome() ? slot.outcome().reason() : slot.hint()});
  }
  print_table(rows);
  return Exit::kGood;
}

Exit show_unit(const Arguments& arguments) {
  Client client(arguments.place);
  v1::Unit unit;
  const grpc::Status status = get_unit(client, arguments.unit, unit);
  if (status.error_code() == grpc::StatusCode::NOT_FOUND) {
    fmt::print(stderr, "gangctl: no unit has the UID or serial {}: see gangctl unit list\n",
               arguments.unit);
    return Exit::kNotGood;
  }
  if (!status.ok()) return client.complain(status);
  if (arguments.json) {
    fmt::print("{}\n", json_of(unit));
    return Exit::kGood;
  }
  fmt::print("unit     {}\nserial   {}\nverdict  {}\nattempts {}\n", unit.uid(),
             numbers_of(unit.numbers()), judged(unit.last_verdict(), unit.last_qualification()),
             unit.attempts());
  for (const v1::Attempt& attempt : unit.history()) print_attempt(attempt);
  return Exit::kGood;
}

Exit list_units(const Arguments& arguments) {
  Client client(arguments.place);
  v1::ListUnitsRequest request;
  if (arguments.verdict == "pass") request.set_verdict(v1::VERDICT_PASS);
  if (arguments.verdict == "fail") request.set_verdict(v1::VERDICT_FAIL);
  if (arguments.verdict == "unknown") request.set_verdict(v1::VERDICT_UNKNOWN);
  request.set_image_sha256(arguments.image);
  grpc::ClientContext context;
  const auto reader = client.units().ListUnits(&context, request);
  v1::Unit unit;
  std::vector<std::vector<std::string>> rows = {{"UID", "SERIAL", "VERDICT", "ATTEMPTS"}};
  while (reader->Read(&unit)) {
    if (arguments.json) {
      fmt::print("{}\n", json_of(unit));
    } else {
      rows.push_back({unit.uid(), numbers_of(unit.numbers()),
                      judged(unit.last_verdict(), unit.last_qualification()),
                      std::to_string(unit.attempts())});
    }
  }
  const grpc::Status status = reader->Finish();
  if (!status.ok()) return client.complain(status);
  if (!arguments.json) print_table(rows);
  return Exit::kGood;
}

Exit list_events(const Arguments& arguments) {
  Client client(arguments.place);
  v1::StreamEventsRequest request;
  request.set_after(arguments.after);
  request.set_follow(arguments.follow);
  grpc::ClientContext context;
  const auto reader = client.events().StreamEvents(&context, request);
  v1::LedgerEvent event;
  while (reader->Read(&event)) {
    // The record is JSON already.
    const std::string hash = to_hex(as_bytes(event.sha256()));
    if (arguments.json) {
      fmt::print("{{\"token\":\"{}\",\"sha256\":\"{}\",\"record\":{}}}\n", event.token(), hash,
                 event.record());
    } else {
      fmt::print("{} {}\n", event.token(), event.record());
    }
    std::fflush(stdout);
  }
  const grpc::Status status = reader->Finish();
  return status.ok() ? Exit::kGood : client.complain(status);
}

}  // namespace gangd
