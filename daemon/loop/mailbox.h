// Mailbox<T>: how other threads (gRPC, web) hand messages to a task of the loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <mutex>
#include <utility>

#include "base/check.h"
#include "loop/context.h"
#include "loop/port.h"

namespace gangd {

// What a full mailbox does with one more message.
enum class Overflow {
  kRefuse,      // push() fails and the sender decides: for commands and verdicts, none is lost
  kKeepLatest,  // the oldest is dropped and counted: for progress, only the newest matters
};

// Bounded. Any number of senders on any thread; one receiver, on the loop. Messages of one sender
// arrive in its order. Senders must have ended before the mailbox is destroyed.
template <class T>
class Mailbox {
 public:
  class Pop;

  Mailbox(Port& port, std::size_t capacity, Overflow overflow)
      : port_(port), capacity_(capacity), overflow_(overflow), arrival_(*this) {
    CHECK(capacity > 0);
  }
  ~Mailbox() {
    CHECK(receiver_ == nullptr, "a mailbox was destroyed with a task waiting at it");
    port_.withdraw(arrival_);
  }
  Mailbox(const Mailbox&) = delete;
  Mailbox& operator=(const Mailbox&) = delete;

  // Any thread. kExhausted when full (Overflow::kRefuse), kClosed after close(); the message is
  // then not taken.
  Status push(T message);

  // Any thread. What is inside can still be received.
  void close();

  // co_await mailbox.pop(): the next message; kClosed when closed and empty; kCancelled.
  [[nodiscard]] Pop pop() { return Pop(*this); }

  std::size_t size() const {
    const std::lock_guard lock(mutex_);
    return messages_.size();
  }
  // How many messages kKeepLatest has dropped.
  std::uint64_t dropped() const {
    const std::lock_guard lock(mutex_);
    return dropped_;
  }

 private:
  class Arrival final : public Event {
   public:
    explicit Arrival(Mailbox& mailbox) : mailbox_(mailbox) {}
    void on_loop() override { mailbox_.arrived(); }
    std::string_view event_name() const override { return "mailbox"; }

   private:
    Mailbox& mailbox_;
  };

  // With the mutex held: whether the caller must post the arrival. It is posted once until it is
  // there, however many messages come meanwhile.
  bool must_post() { return !std::exchange(arrival_posted_, true); }
  void arrived();
  bool has_outcome() const {
    const std::lock_guard lock(mutex_);
    return !messages_.empty() || closed_;
  }

  Port& port_;
  const std::size_t capacity_;
  const Overflow overflow_;
  Arrival arrival_;
  Pop* receiver_ = nullptr;  // loop thread only

  mutable std::mutex mutex_;  // guards what follows
  std::deque<T> messages_;
  std::uint64_t dropped_ = 0;
  bool arrival_posted_ = false;
  bool closed_ = false;
};

template <class T>
class Mailbox<T>::Pop : public Leaf {
 public:
  explicit Pop(Mailbox& mailbox) : mailbox_(mailbox) {}

  Result<T> await_resume() {
    if (refused() || aborted_) return cancelled();
    const std::lock_guard lock(mailbox_.mutex_);
    if (mailbox_.messages_.empty()) return Error(Code::kClosed, "the mailbox is closed");
    T message = std::move(mailbox_.messages_.front());
    mailbox_.messages_.pop_front();
    return message;
  }

 private:
  friend class Mailbox;

  bool start() override {
    CHECK(mailbox_.receiver_ == nullptr, "a mailbox has one receiver");
    if (mailbox_.has_outcome()) return false;
    mailbox_.receiver_ = this;
    return true;
  }
  void abort() override {
    mailbox_.receiver_ = nullptr;
    aborted_ = true;
    resolve();
  }
  void deliver() { resolve(); }

  Mailbox& mailbox_;
  bool aborted_ = false;
};

template <class T>
Status Mailbox<T>::push(T message) {
  bool post;
  {
    const std::lock_guard lock(mutex_);
    if (closed_) return Error(Code::kClosed, "the mailbox is closed");
    if (messages_.size() == capacity_) {
      if (overflow_ == Overflow::kRefuse) {
        return Error(Code::kExhausted, "{} messages are waiting already", capacity_);
      }
      messages_.pop_front();
      ++dropped_;
    }
    messages_.push_back(std::move(message));
    post = must_post();
  }
  if (post) port_.post(arrival_);
  return {};
}

template <class T>
void Mailbox<T>::close() {
  bool post;
  {
    const std::lock_guard lock(mutex_);
    closed_ = true;
    post = must_post();
  }
  if (post) port_.post(arrival_);
}

template <class T>
void Mailbox<T>::arrived() {
  {
    const std::lock_guard lock(mutex_);
    arrival_posted_ = false;
    // What this arrival announced may have been received without waiting for it.
    if (messages_.empty() && !closed_) return;
  }
  if (receiver_ != nullptr) std::exchange(receiver_, nullptr)->deliver();
}

}  // namespace gangd
