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

Task<Status> start_job(Calls& calls, Role role, const v1::StartJobRequest& request,
                       v1::StartJobResponse& response) {
  CO_TRY(const EventId job, co_await calls.station().start_job(
                                {request.request_id(), role_name(role), request.product(),
                                 strings_of(request.slots()), request.once()}));
  response.set_job(job.to_string());
  co_return Status();
}

Task<Status> stop_job(Calls& calls, Role role, const v1::StopJobRequest& request) {
  CO_TRY(const EventId job, EventId::parse(request.job()));
  co_return co_await calls.station().stop_job({request.request_id(), role_name(role), job});
}

Task<Status> list_jobs(Calls& calls, v1::ListJobsResponse& response) {
  CO_TRY(const std::vector<JobRow> jobs,
         co_await calls.ask([](LedgerReader& reader) { return reader.jobs(kJobsListed); }));
  for (const JobRow& job : jobs) *response.add_jobs() = to_proto(job);
  co_return Status();
}

// The state of a job in the ledger, and its verdicts behind `cursor`.
struct JobNews {
  JobRow job;
  std::vector<AttemptRow> verdicts;
  EventId cursor;
};

Result<JobNews> read_news(LedgerReader& reader, EventId job, EventId cursor) {
  JobNews news;
  // The job first: if it has ended, all its verdicts are there.
  TRY(news.job, reader.job(job));
  news.cursor = cursor;
  while (true) {
    TRY(const std::vector<StoredEvent> events, reader.events(news.cursor, kEventsAtOnce));
    for (const StoredEvent& event : events) {
      news.cursor = event.id;
      TRY(const Entry entry, decode_entry(event.bytes));
      const auto* end = std::get_if<AttemptEnded>(&entry.event);
      if (end == nullptr) continue;
      TRY(AttemptRow attempt, reader.attempt(end->attempt));
      if (attempt.started.job == job) news.verdicts.push_back(std::move(attempt));
    }
    if (events.size() < kEventsAtOnce) return news;
  }
}

class JobWatch {
 public:
  JobWatch(Calls& calls, Stream<v1::WatchJobResponse>& stream, EventId job)
      : calls_(calls), stream_(stream), job_(job), cursor_(job) {}

  Task<Status> run() {
    while (true) {
      const std::uint64_t revision = calls_.station().revision();
      const EventId newest = calls_.ledger().newest();
      CO_TRY_STATUS(co_await send_slots());
      if (newest != seen_) {
        CO_TRY(const bool has_ended, co_await send_news());
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

  // True: the job has ended, and all was said.
  Task<Result<bool>> send_news() {
    CO_TRY(const JobNews news,
           co_await calls_.ask([job = job_, cursor = cursor_](LedgerReader& reader) {
             return read_news(reader, job, cursor);
           }));
    cursor_ = news.cursor;
    for (const AttemptRow& attempt : news.verdicts) {
      v1::WatchJobResponse update;
      *update.mutable_verdict() = to_proto(attempt);
      CO_TRY_STATUS(co_await stream_.write(std::move(update)));
    }
    v1::WatchJobResponse update;
    *update.mutable_job() = to_proto(news.job);
    const std::string bytes = update.SerializeAsString();
    if (bytes != job_sent_) CO_TRY_STATUS(co_await stream_.write(std::move(update)));
    job_sent_ = bytes;
    co_return news.job.end.has_value();
  }

  Calls& calls_;
  Stream<v1::WatchJobResponse>& stream_;
  const EventId job_;
  EventId cursor_;
  EventId seen_;
  std::string job_sent_;
  std::map<std::string, std::uint64_t> slots_;  // revisions sent
};

Task<Status> watch_job(Calls& calls, v1::WatchJobRequest request,
                       Stream<v1::WatchJobResponse>& stream) {
  CO_TRY(const EventId job, EventId::parse(request.job()));
  JobWatch watch(calls, stream, job);
  co_return co_await watch.run();
}

grpc::Status may_not_order() {
  return {grpc::StatusCode::PERMISSION_DENIED,
          "this socket only reads: orders go to operator.sock"};
}

}  // namespace

grpc::ServerUnaryReactor* JobsService::StartJob(grpc::CallbackServerContext* context,
                                                const v1::StartJobRequest* request,
                                                v1::StartJobResponse* response) {
  if (role_ != Role::kOperator) {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(may_not_order());
    return reactor;
  }
  return calls_.unary<v1::StartJobRequest, v1::StartJobResponse>(
      context, request, response,
      [this](const auto& order, auto& answer) { return start_job(calls_, role_, order, answer); });
}

grpc::ServerUnaryReactor* JobsService::StopJob(grpc::CallbackServerContext* context,
                                               const v1::StopJobRequest* request,
                                               v1::StopJobResponse* response) {
  if (role_ != Role::kOperator) {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    reactor->Finish(may_not_order());
    return reactor;
  }
  return calls_.unary<v1::StopJobRequest, v1::StopJobResponse>(
      context, request, response,
      [this](const auto& order, auto&) { return stop_job(calls_, role_, order); });
}

grpc::ServerUnaryReactor* JobsService::ListJobs(grpc::CallbackServerContext* context,
                                                const v1::ListJobsRequest* request,
                                                v1::ListJobsResponse* response) {
  return calls_.unary<v1::ListJobsRequest, v1::ListJobsResponse>(
      context, request, response,
      [this](const auto&, auto& answer) { return list_jobs(calls_, answer); });
}

grpc::ServerWriteReactor<v1::WatchJobResponse>* JobsService::WatchJob(
    grpc::CallbackServerContext* context, const v1::WatchJobRequest* request) {
  return calls_.stream<v1::WatchJobRequest, v1::WatchJobResponse>(
      context, request, [this](v1::WatchJobRequest order, auto& stream) {
        return watch_job(calls_, std::move(order), stream);
      });
}

}  // namespace gangd
