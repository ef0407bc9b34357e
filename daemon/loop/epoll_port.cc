#include "loop/epoll_port.h"

#include <pthread.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/random.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <condition_variable>
#include <cstring>
#include <ctime>
#include <deque>
#include <thread>

#include "base/check.h"

namespace gangd {
namespace {

Error kernel_error(std::string_view call) {
  return Error(Code::kIo, "{}: {}", call, std::strerror(errno));
}

class ThreadWorkers final : public Workers {
 public:
  ThreadWorkers(Port& port, const std::string& name, int threads) : port_(port) {
    CHECK(threads > 0);
    for (int i = 0; i < threads; ++i) {
      threads_.emplace_back([this] { serve(); });
      // Seen in top and gdb; the kernel keeps 15 characters.
      pthread_setname_np(threads_.back().native_handle(), name.substr(0, 15).c_str());
    }
  }

  ~ThreadWorkers() override {
    {
      const std::lock_guard lock(mutex_);
      CHECK(queue_.empty(), "workers were stopped with jobs waiting");
      stopping_ = true;
    }
    work_came_.notify_all();
    for (std::thread& thread : threads_) thread.join();
  }

  void submit(Job& job) override {
    {
      const std::lock_guard lock(mutex_);
      queue_.push_back(&job);
    }
    work_came_.notify_one();
  }

  bool withdraw(Job& job) override {
    const std::lock_guard lock(mutex_);
    const auto at = std::find(queue_.begin(), queue_.end(), &job);
    if (at == queue_.end()) return false;
    queue_.erase(at);
    return true;
  }

 private:
  void serve() {
    while (Job* job = next()) {
      job->work();
      port_.post(*job);
    }
  }

  // The next job, or null when the workers are being stopped.
  Job* next() {
    std::unique_lock lock(mutex_);
    work_came_.wait(lock, [this] { return stopping_ || !queue_.empty(); });
    if (queue_.empty()) return nullptr;
    Job* job = queue_.front();
    queue_.pop_front();
    return job;
  }

  Port& port_;
  std::vector<std::thread> threads_;
  std::mutex mutex_;  // guards what follows
  std::condition_variable work_came_;
  // As long as there are tasks waiting in an offload(): each has one job.
  std::deque<Job*> queue_;
  bool stopping_ = false;
};

}  // namespace

Result<std::unique_ptr<EpollPort>> EpollPort::open(AsyncLog& log) {
  const int epoll_fd = epoll_create1(EPOLL_CLOEXEC);
  if (epoll_fd < 0) return kernel_error("epoll_create1");
  const int wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (wake_fd < 0) {
    Error error = kernel_error("eventfd");
    close(epoll_fd);
    return error;
  }
  std::unique_ptr<EpollPort> port(new EpollPort(log, epoll_fd, wake_fd));
  epoll_event interest{.events = EPOLLIN, .data = {.ptr = nullptr}};
  if (epoll_ctl(epoll_fd, EPOLL_CTL_ADD, wake_fd, &interest) != 0) return kernel_error("epoll_ctl");
  return port;
}

EpollPort::EpollPort(AsyncLog& log, int epoll_fd, int wake_fd)
    : log_(log), epoll_fd_(epoll_fd), wake_fd_(wake_fd) {}

EpollPort::~EpollPort() {
  CHECK(arrived_.empty() && posted_.empty(), "the port was closed with events on their way");
  close(wake_fd_);
  close(epoll_fd_);
}

Instant EpollPort::now() {
  return Instant(std::chrono::steady_clock::now().time_since_epoch());
}

UtcTime EpollPort::utc_now() {
  return std::chrono::floor<UtcTime::duration>(std::chrono::system_clock::now());
}

std::uint64_t EpollPort::random() {
  std::uint64_t value;
  // Cannot fail for so few bytes once the machine has booted (getrandom(2)).
  CHECK(getrandom(&value, sizeof value, 0) == sizeof value);
  return value;
}

void EpollPort::nap_until(Instant deadline) {
  const Instant until = std::min(deadline, looked_ + gather_);
  if (gather_ == Duration::zero() || until <= now()) return;
  // The clock of now(). A signal ends it early, which does no harm.
  const auto time = until.time_since_epoch();
  const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(time);
  const timespec end{.tv_sec = seconds.count(), .tv_nsec = (time - seconds).count()};
  (void)clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &end, nullptr);
}

bool EpollPort::wait(Instant deadline) {
  nap_until(deadline);
  timespec timeout{};
  const bool looks_again = gather_ > Duration::zero();
  const bool forever = deadline == Instant::max() && !looks_again;
  const Duration left = looks_again || forever ? Duration::zero() : deadline - now();
  if (left > Duration::zero()) {
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(left);
    timeout.tv_sec = seconds.count();
    timeout.tv_nsec = (left - seconds).count();
  }
  std::array<epoll_event, 64> found;
  // Nanoseconds, not the milliseconds of epoll_wait: a device that asks to be polled in 1 ms would
  // be polled after 2.
  const int count = epoll_pwait2(epoll_fd_, found.data(), static_cast<int>(found.size()),
                                 forever ? nullptr : &timeout, nullptr);
  CHECK(count >= 0 || errno == EINTR, "epoll_pwait2: {}", std::strerror(errno));
  if (looks_again) looked_ = now();
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = found[static_cast<std::size_t>(i)];
    if (event.data.ptr == nullptr) {
      take_posted();
      continue;
    }
    Watch& watch = *static_cast<Watch*>(event.data.ptr);
    watch.ready_ = event.events;
    arrived_.push_back(watch);
  }
  return true;
}

void EpollPort::take_posted() {
  std::uint64_t count;
  // Nothing to read is no error here: somebody's post() and an earlier take met.
  (void)!read(wake_fd_, &count, sizeof count);
  const std::lock_guard lock(mutex_);
  for (Event* event : posted_) arrived_.push_back(*event);
  posted_.clear();
}

Event* EpollPort::next_event() {
  return arrived_.empty() ? nullptr : &arrived_.pop_front();
}

void EpollPort::post(Event& event) {
  const std::lock_guard lock(mutex_);
  posted_.push_back(&event);
  if (posted_.size() > 1) return;
  // Under the lock, so that the port is not closed between the two. Cannot block: the counter is
  // read before the next write.
  const std::uint64_t one = 1;
  CHECK(write(wake_fd_, &one, sizeof one) == sizeof one);
}

void EpollPort::withdraw(Event& event) {
  event.unlink();
  const std::lock_guard lock(mutex_);
  std::erase(posted_, &event);
}

std::unique_ptr<Workers> EpollPort::start_workers(std::string name, int threads) {
  return std::make_unique<ThreadWorkers>(*this, name, threads);
}

void EpollPort::log(Severity severity, std::string_view line) {
  log_.write(severity, line);
}

Status EpollPort::watch(Watch& watch, int fd, std::uint32_t events) {
  CHECK(watch.fd_ < 0, "a watch watches one descriptor");
  epoll_event interest{.events = events, .data = {.ptr = &watch}};
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_ADD, fd, &interest) != 0) return kernel_error("epoll_ctl");
  watch.fd_ = fd;
  return {};
}

Status EpollPort::change(Watch& watch, std::uint32_t events) {
  epoll_event interest{.events = events, .data = {.ptr = &watch}};
  if (epoll_ctl(epoll_fd_, EPOLL_CTL_MOD, watch.fd_, &interest) != 0) {
    return kernel_error("epoll_ctl");
  }
  return {};
}

void EpollPort::unwatch(Watch& watch) {
  watch.unlink();
  // Fails only if the owner has closed the descriptor already, which removed it as well.
  (void)epoll_ctl(epoll_fd_, EPOLL_CTL_DEL, watch.fd_, nullptr);
  watch.fd_ = -1;
}

}  // namespace gangd
