// WebCalls: the way of a question from the web server's threads to the loop and back. The thread
// waits; the loop never waits for it.
#pragma once

#include <chrono>
#include <functional>
#include <future>
#include <memory>
#include <string>

#include "ledger/evidence.h"
#include "ledger/ledger_reader.h"
#include "loop/deadline.h"
#include "loop/loop.h"
#include "loop/mailbox.h"
#include "loop/offload.h"
#include "loop/scope.h"

namespace gangd {

class WebCalls {
 public:
  // All that is passed must outlive it.
  WebCalls(Loop& loop, std::string ledger_file);

  // --- loop thread

  void start();
  // New questions are refused, and those that wait are cancelled: their threads come back.
  // co_await before destruction, if it was started.
  Task<> stop();

  // question(reader), in a worker, on a connection of its own.
  template <class Question>
  auto read(Question question) {
    using Answer = std::invoke_result_t<Question&, LedgerReader&>;
    return offload(*reading_, [file = ledger_file_, question = std::move(question)]() -> Answer {
      TRY(const std::unique_ptr<LedgerReader> reader, LedgerReader::open(file));
      return question(*reader);
    });
  }

  // What proves a unit's history to a stranger (ledger/evidence.h).
  auto evidence(std::string unit) {
    return offload(*reading_, [file = ledger_file_, unit = std::move(unit)] {
      return evidence_of(file, unit);
    });
  }

  // --- the web server's threads

  // Runs question() on the loop, and blocks until its task has ended. kTimeout, kClosed: gangd is
  // stopping. kExhausted: too many wait.
  template <class T>
  Result<T> ask(std::function<Task<Result<T>>()> question) {
    // Owned by this thread and by the task: whichever lets go last ends it.
    auto answer = std::make_shared<std::promise<Result<T>>>();
    std::future<Result<T>> future = answer->get_future();
    TRY_STATUS(hand_over([answer = std::move(answer), question = std::move(question)] {
      return run<T>(question, answer);
    }));
    return future.get();
  }

 private:
  using MakeTask = std::function<Task<>()>;
  static constexpr Duration kAnswerLimit = std::chrono::seconds(20);

  template <class T>
  static Task<> run(std::function<Task<Result<T>>()> question,
                    std::shared_ptr<std::promise<Result<T>>> answer) {
    answer->set_value(co_await with_timeout(kAnswerLimit, question()));
  }

  Status hand_over(MakeTask make_task);
  Task<> receive();
  static Task<> run_one(MakeTask make_task);

  const std::string ledger_file_;
  const std::unique_ptr<Workers> reading_;
  Mailbox<MakeTask> mailbox_;
  Scope receiving_;
  Scope running_;
};

}  // namespace gangd
