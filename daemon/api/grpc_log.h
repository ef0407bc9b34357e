// GrpcLog: what gRPC itself has to say, in gangd's log and bounded. It is also the only place where
// a handshake that failed is told of, and that is a refusal for the record.
#pragma once

#include <cstdint>
#include <mutex>
#include <string>

#include "loop/port.h"
#include "station/denials.h"

namespace gangd {

// One in a process: gRPC has one function to tell. What is passed must outlive it.
class GrpcLog {
 public:
  GrpcLog(Port& port, Denials& denials);
  ~GrpcLog();
  GrpcLog(const GrpcLog&) = delete;
  GrpcLog& operator=(const GrpcLog&) = delete;

  // From any thread.
  void tell(std::string_view message);

 private:
  Port& port_;
  Denials& denials_;
  std::mutex mutex_;  // guards what follows
  Instant minute_;    // the one that is being counted
  std::uint64_t lines_ = 0;
};

// Why a handshake failed, if this is a message about that: `the client speaks no TLS (...)`.
std::string failed_handshake(std::string_view message);

}  // namespace gangd
