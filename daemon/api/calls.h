// Calls: the way of a call from gRPC's threads to the loop and back. A service converts, and hands
// over a task; that runs on the loop, and its outcome is the answer.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <functional>
#include <memory>
#include <string>

#include "api/status.h"
#include "api/stream.h"
#include "ledger/ledger.h"
#include "ledger/ledger_reader.h"
#include "loop/loop.h"
#include "loop/mailbox.h"
#include "loop/offload.h"
#include "loop/scope.h"
#include "station/station.h"

namespace gangd {

class Calls {
 public:
  // Everything that is passed must outlive it.
  Calls(Loop& loop, Station& station, Ledger& ledger, std::string ledger_file);

  // --- loop thread

  void start();
  // New calls are refused, and those that wait come back. co_await before the servers are shut
  // down.
  Task<> stop();

  Loop& loop() { return loop_; }
  Station& station() { return station_; }
  Ledger& ledger() { return ledger_; }

  // question(reader), in a worker, on a connection of its own.
  template <class Question>
  auto ask(Question question) {
    using Answer = std::invoke_result_t<Question&, LedgerReader&>;
    return offload(*reading_, [file = ledger_file_, question = std::move(question)]() -> Answer {
      TRY(const std::unique_ptr<LedgerReader> reader, LedgerReader::open(file));
      return question(*reader);
    });
  }

  // --- gRPC's threads

  // Runs answer(request, response) on the loop.
  template <class Request, class Response>
  grpc::ServerUnaryReactor* unary(grpc::CallbackServerContext* context, const Request* request,
                                  Response* response,
                                  std::function<Task<Status>(const Request&, Response&)> answer) {
    grpc::ServerUnaryReactor* reactor = context->DefaultReactor();
    const Status taken = hand_over([=, answer = std::move(answer)] {
      return run_unary(reactor, answer(*request, *response));
    });
    if (!taken) reactor->Finish(to_grpc(taken));
    return reactor;
  }

  // Runs send(request, stream) on the loop, until it returns or the client has gone.
  template <class Request, class Message>
  grpc::ServerWriteReactor<Message>* stream(
      grpc::CallbackServerContext* context, const Request* request,
      std::function<Task<Status>(Request, Stream<Message>&)> send) {
    auto stream = std::make_unique<Stream<Message>>(loop_, *context);
    Stream<Message>* const reactor = stream.get();
    const Status taken = hand_over([=, this, send = std::move(send), request = *request] {
      return run_stream(std::unique_ptr<Stream<Message>>(reactor), send(request, *reactor));
    });
    if (!taken) return new RefusedStream<Message>(to_grpc(taken));
    return stream.release();
  }

 private:
  using MakeTask = std::function<Task<>()>;

  Status hand_over(MakeTask make_task);
  Task<> receive();
  Task<> run(MakeTask make_task);
  static Task<> run_unary(grpc::ServerUnaryReactor* reactor, Task<Status> answer);

  template <class Message>
  Task<> run_stream(std::unique_ptr<Stream<Message>> stream, Task<Status> send) {
    Scope scope(loop_, "stream");
    Status outcome;
    scope.spawn("send", keep_outcome(std::move(send), outcome));
    stream->cancel_when_gone(&scope);
    co_await scope.join();
    stream->cancel_when_gone(nullptr);
    co_await stream->finish(to_grpc(outcome));
  }
  static Task<> keep_outcome(Task<Status> task, Status& outcome);

  Loop& loop_;
  Station& station_;
  Ledger& ledger_;
  const std::string ledger_file_;
  const std::unique_ptr<Workers> reading_;
  Mailbox<MakeTask> mailbox_;
  std::atomic<std::size_t> open_ = 0;  // calls that were handed over and have not ended
  Scope receiving_;
  Scope running_;
};

}  // namespace gangd
