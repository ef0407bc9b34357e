#include <fmt/core.h>
#include <signal.h>
#include <sys/random.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>

#include "ctl/job_display.h"
#include "ctl/text.h"
#include "ctl/verbs.h"

namespace gangd {
namespace {

namespace v1 = gang::v1;

// A name for this order that no other has.
std::string new_request() {
  std::uint64_t number = 0;
  if (getrandom(&number, sizeof number, 0) != sizeof number) {
    number = static_cast<std::uint64_t>(getpid());
  }
  return fmt::format("gangctl-{:016x}", number);
}

// For the signal's handler, which can format nothing.
char farewell[256];

void say_farewell(int) {
  (void)!write(STDERR_FILENO, farewell, std::strlen(farewell));
  _exit(128 + SIGINT);
}

void prepare_farewell(const std::string& job) {
  const std::string text =
      fmt::format("\njob {} goes on; to stop it, type: gangctl job stop {}\n", job, job);
  std::strncpy(farewell, text.c_str(), sizeof farewell - 1);
  signal(SIGINT, say_farewell);
}

// Waits for what the call is asked for; false: it has no more. What was too fast for the eye is
// drawn meanwhile: the last verdict before a pause must not wait for the next.
bool wait_for(grpc::CompletionQueue& queue, JobDisplay& display) {
  void* tag = nullptr;
  bool ok = false;
  while (true) {
    const auto due = display.draw_due();
    const auto next = due ? queue.AsyncNext(&tag, &ok, *due)
                          : queue.AsyncNext(&tag, &ok, gpr_inf_future(GPR_CLOCK_REALTIME));
    if (next != grpc::CompletionQueue::TIMEOUT) return ok;
    display.draw();
  }
}

Exit watch(Client& client, const std::string& job, bool json) {
  prepare_farewell(job);
  grpc::ClientContext context;
  v1::WatchJobRequest request;
  request.set_job(job);
  grpc::CompletionQueue queue;
  const auto reader = client.jobs().AsyncWatchJob(&context, request, &queue, nullptr);
  JobDisplay display(JobDisplay::form_for(json));
  v1::WatchJobResponse update;
  bool is_open = wait_for(queue, display);
  while (is_open) {
    reader->Read(&update, nullptr);
    is_open = wait_for(queue, display);
    if (is_open) display.show(update);
  }
  grpc::Status status;
  reader->Finish(&status, nullptr);
  wait_for(queue, display);
  if (!display.job().id().empty()) display.finish(status.ok());
  if (!status.ok()) {
    const Exit exit = client.complain(status);
    if (Client::is_lost(status)) {
      fmt::print(stderr, "gangctl: when it is back, type: gangctl job watch {}\n", job);
    }
    return exit;
  }
  const v1::Job& ended = display.job();
  const bool all_passed = ended.passed() > 0 && ended.failed() == 0 && ended.unknown() == 0;
  return all_passed ? Exit::kGood : Exit::kNotGood;
}

}  // namespace

Exit start_job(const Arguments& arguments) {
  Client client(arguments.place);
  grpc::ClientContext context;
  Client::set_deadline(context);
  v1::StartJobRequest request;
  request.set_request_id(arguments.request.empty() ? new_request() : arguments.request);
  request.set_product(arguments.product);
  for (const std::string& slot : arguments.slots) request.add_slots(slot);
  request.set_once(arguments.once);
  request.set_work_order(arguments.work_order);
  request.set_quantity(arguments.quantity);
  v1::StartJobResponse response;
  const grpc::Status status = client.jobs().StartJob(&context, request, &response);
  if (!status.ok()) {
    const Exit exit = client.complain(status);
    if (Client::is_lost(status)) {
      fmt::print(stderr, "gangctl: to give this order again, and not twice, add: --request {}\n",
                 request.request_id());
    }
    return exit;
  }
  if (arguments.watch) return watch(client, response.job(), arguments.json);
  if (arguments.json) {
    fmt::print("{}\n", json_of(response));
  } else {
    fmt::print("job {} runs; to watch it, type: gangctl job watch {}\n", response.job(),
               response.job());
  }
  return Exit::kGood;
}

Exit stop_job(const Arguments& arguments) {
  Client client(arguments.place);
  grpc::ClientContext context;
  v1::StopJobRequest request;
  request.set_request_id(arguments.request.empty() ? new_request() : arguments.request);
  request.set_job(arguments.job);
  v1::StopJobResponse response;
  const grpc::Status status = client.jobs().StopJob(&context, request, &response);
  if (!status.ok()) return client.complain(status);
  fmt::print("{}\n",
             arguments.json ? json_of(response) : fmt::format("job {} has ended", arguments.job));
  return Exit::kGood;
}

Exit acknowledge_slot(const Arguments& arguments) {
  Client client(arguments.place);
  grpc::ClientContext asking;
  Client::set_deadline(asking);
  v1::ListSlotsResponse slots;
  grpc::Status status = client.station().ListSlots(&asking, {}, &slots);
  if (!status.ok()) return client.complain(status);
  v1::AcknowledgeSlotRequest request;
  request.set_request_id(arguments.request.empty() ? new_request() : arguments.request);
  request.set_slot(arguments.slot);
  for (const v1::Slot& slot : slots.slots()) {
    if (slot.name() == arguments.slot) request.set_attempt(slot.attempt());
  }
  if (request.attempt().empty()) {
    fmt::print(stderr, "gangctl: slot {} shows no verdict: see gangctl slots\n",
               printable(arguments.slot));
    return Exit::kRefused;
  }
  grpc::ClientContext ordering;
  Client::set_deadline(ordering);
  v1::AcknowledgeSlotResponse response;
  status = client.jobs().AcknowledgeSlot(&ordering, request, &response);
  if (!status.ok()) return client.complain(status);
  fmt::print("{}\n", arguments.json ? json_of(response)
                                    : fmt::format("attempt {} of slot {} is acknowledged",
                                                  request.attempt(), arguments.slot));
  return Exit::kGood;
}

Exit watch_job(const Arguments& arguments) {
  Client client(arguments.place);
  return watch(client, arguments.job, arguments.json);
}

Exit list_jobs(const Arguments& arguments) {
  Client client(arguments.place);
  grpc::ClientContext context;
  Client::set_deadline(context);
  v1::ListJobsResponse response;
  const grpc::Status status = client.jobs().ListJobs(&context, {}, &response);
  if (!status.ok()) return client.complain(status);
  if (arguments.json) {
    fmt::print("{}\n", json_of(response));
    return Exit::kGood;
  }
  std::vector<std::vector<std::string>> rows = {
      {"JOB", "PRODUCT", "STATE", "PASSED", "UNQUALIFIED", "FAILED", "UNKNOWN", "SLOTS"}};
  for (const v1::Job& job : response.jobs()) {
    rows.push_back({job.id(), job.product(), job.running() ? "runs" : job.reason(),
                    std::to_string(job.passed()), std::to_string(job.passed_unqualified()),
                    std::to_string(job.failed()), std::to_string(job.unknown()),
                    std::to_string(job.slots_size())});
  }
  print_table(rows);
  return Exit::kGood;
}

}  // namespace gangd
