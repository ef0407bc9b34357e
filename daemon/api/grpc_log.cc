#include "api/grpc_log.h"

#include <fmt/format.h>
#include <grpc/support/log.h>

#include <chrono>

#include "base/check.h"
#include "base/utf8.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

// In a minute: whoever can connect can make gRPC complain.
constexpr std::uint64_t kLinesMax = 10;
constexpr std::size_t kReasonBytesMax = 120;

// gRPC's function takes no pointer of its own, so that these must be where it can see them.
std::mutex listening;
GrpcLog* listener = nullptr;

void heard(gpr_log_func_args* said) {
  if (said->severity != GPR_LOG_SEVERITY_ERROR) return;
  const std::lock_guard lock(listening);
  if (listener != nullptr) listener->tell(said->message);
}

}  // namespace

GrpcLog::GrpcLog(Port& port, Denials& denials) : port_(port), denials_(denials) {
  gpr_set_log_function(heard);
  const std::lock_guard lock(listening);
  CHECK(listener == nullptr, "gRPC's messages have one listener");
  listener = this;
}

GrpcLog::~GrpcLog() {
  const std::lock_guard lock(listening);
  listener = nullptr;
}

void GrpcLog::tell(std::string_view message) {
  if (const std::string reason = failed_handshake(message); !reason.empty()) {
    AccessDenied denial;
    denial.reason = "no connection over TCP: " + reason;
    denials_.add(std::move(denial));
    return;
  }
  const std::lock_guard lock(mutex_);
  if (port_.now() - minute_ > 1min) {
    minute_ = port_.now();
    lines_ = 0;
  }
  if (++lines_ > kLinesMax) return;
  port_.log(Severity::kWarning,
            fmt::format("gRPC: {}{}", as_utf8(message),
                        lines_ == kLinesMax ? " (more of this minute is not shown)" : ""));
}

std::string failed_handshake(std::string_view message) {
  // `Handshake failed with fatal error SSL_ERROR_SSL: error:0A0000C7:SSL routines::peer did not
  // return a certificate.`
  if (!message.starts_with("Handshake failed")) return {};
  const std::size_t reason = message.rfind("::");
  std::string_view text = reason == std::string_view::npos ? message : message.substr(reason + 2);
  if (text.ends_with('.')) text.remove_suffix(1);
  return as_utf8(text.substr(0, kReasonBytesMax));
}

}  // namespace gangd
