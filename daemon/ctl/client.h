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

// Where gangd is: a socket, or over the network.
struct Place {
  std::string socket;
  std::string address;  // HOST:PORT; then the socket does not count
  // Files, with an address: who signed gangd's certificate, and the caller's own with its key.
  std::string ca;
  std::string certificate;
  std::string key;

  const std::string& name() const { return address.empty() ? socket : address; }
};

class Client {
 public:
  explicit Client(Place place);

  gang::v1::Station::Stub& station() { return *station_; }
  gang::v1::Jobs::Stub& jobs() { return *jobs_; }
  gang::v1::Units::Stub& units() { return *units_; }
  gang::v1::Events::Stub& events() { return *events_; }
  gang::v1::Qualifications::Stub& qualifications() { return *qualifications_; }

  // For a call that answers at once. Streams and stops have none: they take their time.
  static void set_deadline(grpc::ClientContext& context);
  // Says what is wrong and what to do, on standard error.
  Exit complain(const grpc::Status& status) const;
  // Nobody knows whether gangd has heard the order.
  static bool is_lost(const grpc::Status& status);

 private:
  const Place place_;
  std::string mistake_;  // in the files; then there is no line
  std::unique_ptr<gang::v1::Station::Stub> station_;
  std::unique_ptr<gang::v1::Jobs::Stub> jobs_;
  std::unique_ptr<gang::v1::Units::Stub> units_;
  std::unique_ptr<gang::v1::Events::Stub> events_;
  std::unique_ptr<gang::v1::Qualifications::Stub> qualifications_;
};

}  // namespace gangd
