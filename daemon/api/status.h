// Our errors as those of gRPC; proto/README.md has the table.
#pragma once

#include <grpcpp/support/status.h>

#include "base/result.h"

namespace gangd {

grpc::Status to_grpc(const Status& status);
grpc::Status to_grpc(const Error& error);

}  // namespace gangd
