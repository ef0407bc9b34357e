// Gate: decides for each call of one way in who calls, and whether they may, before any service
// hears of it; gRPC's own services (health, reflection) included. gRPC's threads call it.
#pragma once

#include <grpcpp/grpcpp.h>

#include <mutex>
#include <optional>
#include <set>
#include <string>

#include "base/result.h"
#include "loop/port.h"
#include "station/denials.h"
#include "station/role.h"

namespace gangd {

// The serials of certificates that were taken back. From any thread.
class Revoked {
 public:
  void set(std::set<std::string> serials) {
    const std::lock_guard lock(mutex_);
    serials_ = std::move(serials);
  }
  bool has(const std::string& serial) const {
    const std::lock_guard lock(mutex_);
    return serials_.contains(serial);
  }

 private:
  mutable std::mutex mutex_;
  std::set<std::string> serials_;
};

class Gate final : public grpc::AuthMetadataProcessor {
 public:
  // Of a socket: who may open it has its role. What is passed must outlive it.
  Gate(Denials& denials, Role role) : denials_(denials), role_(role) {}
  // Of TCP: the role is that of the certificate.
  Gate(Denials& denials, Port& port, const Revoked& revoked)
      : denials_(denials), port_(&port), revoked_(&revoked) {}

  // Who calls. kInvalid: their certificate does not say; such a call reaches no service.
  Result<Caller> caller(const grpc::AuthContext& context) const;

  bool IsBlocking() const override { return false; }
  grpc::Status Process(const InputMetadata& metadata, grpc::AuthContext* context,
                       OutputMetadata* consumed, OutputMetadata* response) override;

 private:
  Status check_certificate(const grpc::AuthContext& context) const;

  Denials& denials_;
  const std::optional<Role> role_;
  Port* const port_ = nullptr;
  const Revoked* const revoked_ = nullptr;
};

// The role that a certificate with these URIs has: exactly one of them must be
// `gangd:role:ROLE`. kInvalid.
Result<Role> role_of_uris(const std::vector<std::string>& uris);

}  // namespace gangd
