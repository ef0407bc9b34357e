// Client: the line to gangd, and what comes back when it fails.
#pragma once

#include <gang/v1/gang.grpc.pb.h>
#include <grpcpp/grpcpp.h>

#include <chrono>
#include <memory>
#include <string>

namespace gangd {

// The exit status tells the truth: scripts decide by it.
enum class Exit {
  kGood = 0,
  kNotGood = 1,  // what was asked about is not as it should be
  kUsage = 2,
  kRefused = 3,  // gangd cannot be reached, or refuses
};

class Client {
 public:
  explicit Client(std::string socket);

  gang::v1::Station::Stub& station() { return *station_; }
  gang::v1::Jobs::Stub& jobs() { return *jobs_; }
  gang::v1::Units::Stub& units() { return *units_; }
  gang::v1::Events::Stub& events() { return *events_; }

  // For a call that answers at once. Streams and stops have none: they take their time.
  static void set_deadline(grpc::ClientContext& context);
  // Says what is wrong and what to do, on standard error.
  Exit complain(const grpc::Status& status) const;
  // Nobody knows whether gangd has heard the order.
  static bool is_lost(const grpc::Status& status);

 private:
  const std::string socket_;
  std::unique_ptr<gang::v1::Station::Stub> station_;
  std::unique_ptr<gang::v1::Jobs::Stub> jobs_;
  std::unique_ptr<gang::v1::Units::Stub> units_;
  std::unique_ptr<gang::v1::Events::Stub> events_;
};

}  // namespace gangd
