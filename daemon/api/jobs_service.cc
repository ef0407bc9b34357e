#include <chrono>
#include <map>
#include <optional>

#include "api/convert.h"
#include "api/services.h"
#include "loop/sleep.h"

namespace gangd {

namespace v1 = gang::v1;
using namespace std::chrono_literals;

namespace {

// `gangctl job list` of a station that has worked for years.
constexpr std::size_t kJobsListed = 100;
constexpr std::size_t kEventsAtOnce = 200;
// A person sees no more; progress in between is skipped.
constexpr Duration kWatchPause = 50ms;

std::vector<std::string> strings_of(const google::protobuf::RepeatedPtrField<std::string>& field) {
  return {field.begin(), field.end()};
}

Task<Status> start_job(Calls& calls, Result<Caller> caller, const v1::StartJobRequest& request,
                       v1::StartJobResponse& response) {
  CO_TRY(const Caller who, std::move(caller));
  CO_TRY(const EventId job, co_await calls.station().start_job(
                                {request.request_id(), who.role, request.product(),
                                 strings_of(request.slots()), request.once(), who.subject}));
  response.set_job(job.to_string());
  co_return Status();
}

Task<Status> stop_job(Calls& calls, Result<Caller> caller, const v1::StopJobRequest& request) {
  CO_TRY(const Caller who, std::move(caller));
  CO_TRY(const EventId job, EventId::parse(request.job()));
  co_return co_await calls.station().stop_job({request.request_id(), who.role, job, who.subject});
}

Task<Status> acknowledge_slot(Calls& calls, Result<Caller> caller,
                              const v1::AcknowledgeSlotRequest& request) {
  CO_TRY(const Caller who, std::move(caller));
  CO_TRY(const EventId attempt, EventId::parse(request.attempt()));
  co_return co_await calls.station().acknowledge(
      {request.request_id(), who.role, request.slot(), attempt});
}

Task<Status> list_jobs(Calls& calls, v1::ListJobsResponse& response) {
  CO_TRY(const std::vector<JobRow> jobs,
         co_await calls.ask([](LedgerReader& reader) { return reader.jobs(kJobsListed); }));
  for (const JobRow& job : jobs) *response.add_jobs() = to_proto(job);
  co_return Status();
}

// What the ledger says of a job behind `cursor`, up to the job's end.
struct VerdictPage {
  std::vector<AttemptRow> verdicts;
  EventId cursor;
  bool is_last = false;    // no event follows yet
  bool has_ended = false;  // no verdict of this job can follow
};

Result<VerdictPage> read_verdicts(LedgerReader& reader, EventId job, EventId cursor) {
  VerdictPage page;
  page.cursor = cursor;
  TRY(const std::vector<StoredEvent> events, reader.events(cursor, kEventsAtOnce));
  page.is_last = events.size() < kEventsAtOnce;
  for (const StoredEvent& event : events) {
    page.cursor = event.id;
    TRY(const Entry entry, decode_entry(event.bytes));
    if (const auto* attempt_end = std::get_if<AttemptEnded>(&entry.event)) {
      TRY(AttemptRow attempt, reader.attempt(attempt_end->attempt));
      if (attempt.started.job == job) page.verdicts.push_back(std::move(attempt));
    } else if (const auto* job_end = std::get_if<JobEnded>(&entry.event)) {
      page.has_ended = job_end->job == job;
      if (page.has_ended) break;
    }
  }
  return page;
}

class JobWatch {
 public:
  JobWatch(Calls& calls, Stream<v1::WatchJobResponse>& stream, EventId job)
      : calls_(calls), stream_(stream), job_(job), cursor_(job) {}

  Task<Status> run() {
    CO_TRY_STATUS(co_await send_job());
    while (true) {
      const std::uint64_t revision = calls_.station().revision();
      const EventId newest = calls_.ledger().newest();
      CO_TRY_STATUS(co_await send_slots());
      if (newest != seen_) {
        CO_TRY(const bool has_ended, co_await send_verdicts());
        CO_TRY_STATUS(co_await send_job());
        if (has_ended) co_return Status();
        seen_ = newest;
      }
      CO_TRY_STATUS(co_await sleep_for(kWatchPause));
      CO_TRY_STATUS(co_await calls_.station().changed(revision));
    }
  }

 private:
  Task<Status> send_slots() {
    for (const SlotView& slot : calls_.station().slots()) {
      if (slot.job != job_) continue;
      std::uint64_t& sent = slots_[slot.name];
      if (sent == slot.revision) continue;
      sent = slot.revision;
      v1::WatchJobResponse update;
      *update.mutable_slot() = to_proto(slot);
      CO_TRY_STATUS(co_await stream_.write(std::move(update)));
    }
    co_return Status();
  }

  // True: the job has ended, and has no more of them.
  Task<Result<bool>> send_verdicts() {
    while (true) {
      CO_TRY(const VerdictPage page,
             co_await calls_.ask([job = job_, cursor = cursor_](LedgerReader& reader) {
               return read_verdicts(reader, job, cursor);
             }));
      cursor_ = page.cursor;
      for (const AttemptRow& attempt : page.verdicts) {
        v1::WatchJobResponse update;
        *update.mutable_verdict() = to_proto(attempt);
        CO_TRY_STATUS(co_await stream_.write(std::move(update)));
        has_news_ = true;
      }
      if (page.has_ended) has_news_ = true;
      if (page.has_ended || page.is_last) co_return page.has_ended;
    }
  }

  // At the beginning, after verdicts, and at the end.
  Task<Status> send_job() {
    if (!has_news_) co_return Status();
    CO_TRY(const JobRow job,
           co_await calls_.ask([id = job_](LedgerReader& reader) { return reader.job(id); }));
    v1::WatchJobResponse update;
    *update.mutable_job() = to_proto(job);
    has_news_ = false;
    co_return co_await stream_.write(std::move(update));
  }

  Calls& calls_;
  Stream<v1::WatchJobResponse>& stream_;
  const EventId job_;
  EventId cursor_;
  EventId seen_;
  bool has_news_ = true;                        // that the job's message counts
  std::map<std::string, std::uint64_t> slots_;  // revisions sent
};

Task<Status> watch_job(Calls& calls, v1::WatchJobRequest request,
                       Stream<v1::WatchJobResponse>& stream) {
  CO_TRY(const EventId job, EventId::parse(request.job()));
  JobWatch watch(calls, stream, job);
  co_return co_await watch.run();
}

}  // namespace

grpc::ServerUnaryReactor* JobsService::StartJob(grpc::CallbackServerContext* context,
                                                const v1::StartJobRequest* request,
                                                v1::StartJobResponse* response) {
  return calls_.unary<v1::StartJobRequest, v1::StartJobResponse>(
      context, request, response,
      [this, caller = gate_.caller(*context->auth_context())](const auto& order, auto& answer) {
        return start_job(calls_, caller, order, answer);
      });
}

grpc::ServerUnaryReactor* JobsService::StopJob(grpc::CallbackServerContext* context,
                                               const v1::StopJobRequest* request,
                                               v1::StopJobResponse* response) {
  return calls_.unary<v1::StopJobRequest, v1::StopJobResponse>(
      context, request, response,
      [this, caller = gate_.caller(*context->auth_context())](const auto& order, auto&) {
        return stop_job(calls_, caller, order);
      });
}

grpc::ServerUnaryReactor* JobsService::AcknowledgeSlot(grpc::CallbackServerContext* context,
                                                       const v1::AcknowledgeSlotRequest* request,
                                                       v1::AcknowledgeSlotResponse* response) {
  return calls_.unary<v1::AcknowledgeSlotRequest, v1::AcknowledgeSlotResponse>(
      context, request, response,
      [this, caller = gate_.caller(*context->auth_context())](const auto& order, auto&) {
        return acknowledge_slot(calls_, caller, order);
      });
}

grpc::ServerUnaryReactor* JobsService::ListJobs(grpc::CallbackServerContext* context,
                                                const v1::ListJobsRequest* request,
                                                v1::ListJobsResponse* response) {
  return calls_.unary<v1::ListJobsRequest, v1::ListJobsResponse>(
      context, request, response,
      [this](const auto&, auto& answer) { return list_jobs(calls_, answer); });
}

grpc::ServerWriteReactor<v1::WatchJobResponse>* JobsService::WatchJob(
    grpc::CallbackServerContext*, const v1::WatchJobRequest* request) {
  return calls_.stream<v1::WatchJobRequest, v1::WatchJobResponse>(
      request, [this](v1::WatchJobRequest order, auto& stream) {
        return watch_job(calls_, std::move(order), stream);
      });
}

}  // namespace gangd
