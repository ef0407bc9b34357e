// Stream<Message>: a server's stream to one client, as a task of the loop sees it. gRPC's threads
// call the On... functions; these only post events.
#pragma once

#include <grpcpp/grpcpp.h>

#include <atomic>
#include <chrono>
#include <utility>

#include "loop/context.h"
#include "loop/loop.h"
#include "loop/port.h"
#include "loop/scope.h"
#include "loop/timers.h"

namespace gangd {

// What a client may take for the message that is on its way, and again for the status, when its
// stream ends. Who reads does it in milliseconds; who does not would hold the stream for ever.
constexpr Duration kFarewellLimit = std::chrono::seconds(3);

template <class Message>
class Stream final : public grpc::ServerWriteReactor<Message>, private Timer {
 public:
  // Made on a thread of gRPC's. `run` is called on the loop with it, and destroys it after its end.
  Stream(Loop& loop, grpc::CallbackServerContext& context)
      : loop_(loop), context_(context), written_(*this), cancelled_(*this), done_(*this) {}

  // --- loop thread

  // Sends one message; waits until gRPC wants the next. kCancelled: the client has gone, or the
  // caller was cancelled, and then the stream is over.
  Task<Status> write(Message message) {
    message_ = std::move(message);
    co_return co_await Write(*this);
  }
  // Runs the work in `scope`; a client that goes away cancels it.
  void cancel_when_gone(Scope* scope) {
    scope_ = scope;
    if (scope_ != nullptr && is_gone_) scope_->cancel();
  }
  // Ends the stream; waits until gRPC has let it go, after which it is to be destroyed.
  Task<> finish(grpc::Status status) {
    this->Finish(std::move(status));
    end_soon();
    while (!is_done_) co_await Done(*this);
  }

  // --- gRPC's threads

  void OnWriteDone(bool ok) override {
    write_ok_ = ok;
    loop_.port().post(written_);
  }
  void OnCancel() override { loop_.port().post(cancelled_); }
  void OnDone() override { loop_.port().post(done_); }

 private:
  template <void (Stream::*kHappened)()>
  class Happening final : public Event {
   public:
    explicit Happening(Stream& stream) : stream_(stream) {}
    void on_loop() override { (stream_.*kHappened)(); }
    std::string_view event_name() const override { return "grpc stream"; }

   private:
    Stream& stream_;
  };

  class Write : public Leaf {
   public:
    explicit Write(Stream& stream) : stream_(stream) {}
    Status await_resume() const {
      if (this->refused() || !stream_.write_ok_) return cancelled();
      return {};
    }
    void end() { this->resolve(); }

   private:
    bool start() override {
      stream_.write_ = this;
      stream_.StartWrite(&stream_.message_);
      return true;
    }
    void abort() override { stream_.end_soon(); }

    Stream& stream_;
  };

  // gRPC always lets go after Finish(), so there is nothing to cut short.
  class Done : public Awaitable {
   public:
    explicit Done(Stream& stream) : stream_(stream) {}
    bool await_ready() const noexcept { return stream_.is_done_; }
    template <class P>
    void await_suspend(std::coroutine_handle<P> task) {
      stream_.finishing_ = &task.promise();
    }
    void await_resume() const noexcept {}

   private:
    Stream& stream_;
  };

  void end_soon() { loop_.timers().arm(*this, loop_.now() + kFarewellLimit); }
  // The call ends as CANCELLED, and OnWriteDone() and OnDone() come.
  void on_time() override { context_.TryCancel(); }

  void on_written() { std::exchange(write_, nullptr)->end(); }
  void on_cancelled() {
    is_gone_ = true;
    if (scope_ != nullptr) scope_->cancel();
  }
  void on_done() {
    is_done_ = true;
    loop_.timers().disarm(*this);
    if (finishing_ != nullptr) loop_.make_ready(*finishing_);
  }

  Loop& loop_;
  grpc::CallbackServerContext& context_;
  Happening<&Stream::on_written> written_;
  Happening<&Stream::on_cancelled> cancelled_;
  Happening<&Stream::on_done> done_;
  Message message_;
  std::atomic<bool> write_ok_ = true;
  Write* write_ = nullptr;
  Scope* scope_ = nullptr;
  TaskFrame* finishing_ = nullptr;
  bool is_gone_ = false;
  bool is_done_ = false;
};

// A stream that ends before it began.
template <class Message>
class RefusedStream final : public grpc::ServerWriteReactor<Message> {
 public:
  explicit RefusedStream(grpc::Status status) { this->Finish(std::move(status)); }
  void OnDone() override { delete this; }
};

}  // namespace gangd
