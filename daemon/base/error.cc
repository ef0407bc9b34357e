#include "base/error.h"

namespace gangd {

std::string_view name(Code code) {
  switch (code) {
    case Code::kCancelled:
      return "cancelled";
    case Code::kTimeout:
      return "timeout";
    case Code::kUnplugged:
      return "unplugged";
    case Code::kStalled:
      return "stalled";
    case Code::kTransfer:
      return "transfer";
    case Code::kDevice:
      return "device";
    case Code::kBusy:
      return "busy";
    case Code::kMismatch:
      return "mismatch";
    case Code::kConflict:
      return "conflict";
    case Code::kInvalid:
      return "invalid";
    case Code::kNotFound:
      return "not-found";
    case Code::kExhausted:
      return "exhausted";
    case Code::kClosed:
      return "closed";
    case Code::kUnsupported:
      return "unsupported";
    case Code::kIo:
      return "io";
  }
  return "unknown";
}

Error Error::with_context(std::string_view where) && {
  return Error(code_, fmt::format("{}: {}", where, message_));
}

}  // namespace gangd
