#include "loop/async_log.h"

#include <fmt/core.h>
#include <spdlog/async_logger.h>
#include <spdlog/details/thread_pool.h>
#include <spdlog/pattern_formatter.h>
#include <spdlog/sinks/base_sink.h>

#include <mutex>

namespace gangd {
namespace {

spdlog::level::level_enum level_of(Severity severity) {
  switch (severity) {
    case Severity::kDebug:
      return spdlog::level::debug;
    case Severity::kInfo:
      return spdlog::level::info;
    case Severity::kWarning:
      return spdlog::level::warn;
    case Severity::kError:
      return spdlog::level::err;
  }
  return spdlog::level::err;
}

class StreamSink final : public spdlog::sinks::base_sink<std::mutex> {
 public:
  StreamSink(std::FILE* stream, const spdlog::details::thread_pool& queue)
      : stream_(stream), queue_(const_cast<spdlog::details::thread_pool&>(queue)) {}

 private:
  void sink_it_(const spdlog::details::log_msg& message) override {
    if (const std::size_t lost = queue_.overrun_counter(); lost > lost_said_) {
      fmt::print(stream_, "log: {} lines were lost: more came than could be written\n",
                 lost - lost_said_);
      lost_said_ = lost;
    }
    spdlog::memory_buf_t text;
    formatter_->format(message, text);
    std::fwrite(text.data(), 1, text.size(), stream_);
    std::fflush(stream_);
  }
  void flush_() override { std::fflush(stream_); }

  std::FILE* stream_;
  spdlog::details::thread_pool&
      queue_;  // only its counter is read, which spdlog did not make const
  std::size_t lost_said_ = 0;
};

}  // namespace

// spdlog shares its queue and its logger with its own thread, hence its shared pointers.
class AsyncLog::Spdlog {
 public:
  explicit Spdlog(std::FILE* stream, Severity least)
      : queue_(std::make_shared<spdlog::details::thread_pool>(kLinesMax, 1)),
        logger_(std::make_shared<spdlog::async_logger>(
            "gangd", std::make_shared<StreamSink>(stream, *queue_), queue_,
            spdlog::async_overflow_policy::overrun_oldest)) {
    logger_->set_formatter(std::make_unique<spdlog::pattern_formatter>(
        "%Y-%m-%dT%H:%M:%S.%fZ %l %v", spdlog::pattern_time_type::utc));
    logger_->set_level(level_of(least));
  }

  void write(Severity severity, std::string_view line) { logger_->log(level_of(severity), line); }

 private:
  std::shared_ptr<spdlog::details::thread_pool> queue_;
  std::shared_ptr<spdlog::async_logger> logger_;
};

AsyncLog::AsyncLog(std::FILE* stream, Severity least)
    : spdlog_(std::make_unique<Spdlog>(stream, least)) {}

AsyncLog::~AsyncLog() = default;

void AsyncLog::write(Severity severity, std::string_view line) {
  spdlog_->write(severity, line);
}

}  // namespace gangd
