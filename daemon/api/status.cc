#include "api/status.h"

#include "base/utf8.h"

namespace gangd {
namespace {

grpc::StatusCode grpc_code(Code code) {
  switch (code) {
    case Code::kInvalid:
      return grpc::StatusCode::INVALID_ARGUMENT;
    case Code::kNotFound:
      return grpc::StatusCode::NOT_FOUND;
    case Code::kBusy:
      return grpc::StatusCode::FAILED_PRECONDITION;
    case Code::kExhausted:
      return grpc::StatusCode::RESOURCE_EXHAUSTED;
    case Code::kConflict:
    case Code::kMismatch:
      return grpc::StatusCode::DATA_LOSS;
    case Code::kCancelled:
    case Code::kClosed:
    case Code::kIo:
      return grpc::StatusCode::UNAVAILABLE;
    case Code::kTimeout:
      return grpc::StatusCode::DEADLINE_EXCEEDED;
    case Code::kUnsupported:
      return grpc::StatusCode::UNIMPLEMENTED;
    case Code::kUnplugged:
    case Code::kStalled:
    case Code::kTransfer:
    case Code::kDevice:
      break;
  }
  // What happens to boards is an outcome of attempts, never of a call.
  return grpc::StatusCode::INTERNAL;
}

}  // namespace

grpc::Status to_grpc(const Error& error) {
  if (error.code() == Code::kCancelled) {
    return {grpc::StatusCode::UNAVAILABLE, "gangd is stopping: ask again when it is back"};
  }
  return {grpc_code(error.code()), as_utf8(error.message())};
}

grpc::Status to_grpc(const Status& status) {
  return status ? grpc::Status::OK : to_grpc(status.error());
}

}  // namespace gangd
