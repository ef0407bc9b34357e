#include "api/grpc_log.h"

#include <fmt/format.h>
#include <grpc/support/log.h>

#include <algorithm>
#include <array>
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

namespace {

struct Known {
  std::string_view reason;  // OpenSSL's
  std::string_view sentence;
};
constexpr std::array<Known, 6> kKnown = {{
    {"peer did not return a certificate", "the client has shown no certificate"},
    {"certificate verify failed",
     "the client's certificate is not of the CA, has expired, or is not for a client"},
    {"wrong version number", "the client speaks no TLS"},
    {"http request", "the client speaks no TLS"},
    {"unsupported protocol", "the client wants a TLS older than 1.2"},
    {"no shared cipher", "the client has no cipher that is good enough"},
}};

}  // namespace

std::string failed_handshake(std::string_view message) {
  // `Handshake failed with fatal error SSL_ERROR_SSL: error:0A0000C7:SSL routines::peer did not
  // return a certificate.`
  if (!message.starts_with("Handshake failed")) return {};
  const std::size_t reason = message.rfind("::");
  std::string_view text = reason == std::string_view::npos ? message : message.substr(reason + 2);
  if (text.ends_with('.')) text.remove_suffix(1);
  const auto known = std::ranges::find(kKnown, text, &Known::reason);
  if (known != kKnown.end()) return fmt::format("{} ({})", known->sentence, text);
  return as_utf8(text.substr(0, kReasonBytesMax));
}

}  // namespace gangd
