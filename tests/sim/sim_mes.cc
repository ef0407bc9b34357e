#include "tests/sim/sim_mes.h"

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "loop/sleep.h"

namespace gangd::sim {
namespace {

using namespace std::chrono_literals;

// What the station waits for an answer.
constexpr Duration kDeadline = 5s;

}  // namespace

Task<Status> SimMesServer::ask(std::function<void()> hear) {
  CO_TRY_STATUS(co_await sleep_for(dice_.between(1ms, 500ms)));
  if (!late_.empty() && dice_.chance(500)) {
    for (const auto& again : std::exchange(late_, {})) again();
  }
  const bool hears = !down_ && !dice_.chance(faults_.lost_questions);
  if (hears) hear();
  if (hears && dice_.chance(faults_.twice)) late_.push_back(hear);
  if (hears && !dice_.chance(faults_.lost_answers)) co_return Status();
  CO_TRY_STATUS(co_await sleep_for(kDeadline));
  co_return Error(Code::kTimeout, "the MES gave no answer");
}

MesNumbers SimMesServer::lease(const MesLease& lease) {
  const auto [given, is_new] = leases_.try_emplace(lease.request, MesNumbers{next_, lease.count});
  repeats_ += is_new ? 0 : 1;
  // Another station takes some now and then.
  if (is_new) next_ += lease.count + dice_.below(3);
  return given->second;
}

void SimMesServer::report(const MesReport& report) {
  const Told told = {report.attempt.uid, report.end.verdict};
  const auto known = std::ranges::find(told_, report.event, &std::pair<EventId, Told>::first);
  if (known == told_.end()) {
    told_.emplace_back(report.event, told);
    return;
  }
  ++repeats_;
  was_contradicted_ |= known->second != told;
}

Task<Status> SimMes::ask(std::function<void()> hear) {
  if (is_dead_) co_return Error(Code::kClosed, "the process was killed");
  co_return co_await server_.ask(std::move(hear));
}

Task<Status> SimMes::authorize(MesUnit unit) {
  // Owned by the caller and by the question, which may be heard again when the caller has gone.
  const auto refused = std::make_shared<bool>(false);
  SimMesServer& server = server_;
  CO_TRY_STATUS(co_await ask([&server, refused] { *refused = server.refuses(); }));
  if (!*refused) co_return Status();
  co_return Error(Code::kInvalid, "unit {} is not due here: ask the line's lead", unit.uid);
}

Task<Result<MesNumbers>> SimMes::lease(MesLease lease) {
  const auto answer = std::make_shared<MesNumbers>();  // owned as above
  SimMesServer& server = server_;
  CO_TRY_STATUS(co_await ask([&server, answer, lease] { *answer = server.lease(lease); }));
  co_return *answer;
}

Task<Status> SimMes::report(MesReport report) {
  SimMesServer& server = server_;
  co_return co_await ask([&server, report] { server.report(report); });
}

}  // namespace gangd::sim
