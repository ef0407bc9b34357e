// Door: a way in, and who comes in by it: a gRPC server of its own behind a gate.
#pragma once

#include <grpcpp/grpcpp.h>

#include <cstdint>
#include <functional>
#include <memory>
#include <string>

#include "api/calls.h"
#include "api/gate.h"
#include "api/services.h"
#include "station/station_config.h"

namespace gangd {

class Door {
 public:
  // What is passed must outlive it. These block.

  // The socket of a role in `folder`, for gangd's own user, and for `group`; if none is named, an
  // operator's is for gangd's own group, and any other for nobody else.
  // kBusy: another gangd answers there. kIo, kInvalid: the folder, or the group.
  static Result<std::unique_ptr<Door>> open_socket(Calls& calls, Denials& denials, Role role,
                                                   const std::string& folder,
                                                   const std::string& group);
  // TLS, for clients with a certificate of the CA. Its files were checked; those that are renewed
  // count without a restart.
  static Result<std::unique_ptr<Door>> open_tcp(Calls& calls, Denials& denials,
                                                const Revoked& revoked, const TcpConfig& tcp);

  // Tells those who watch. From any thread.
  void set_healthy(bool healthy) { server_->GetHealthCheckService()->SetServingStatus(healthy); }
  // Blocks until all calls have ended and all who came in by it have gone.
  void close();
  // Makes those go who do not read. gRPC cannot: while the kernel takes no more bytes for a client,
  // it lets go neither of the connection nor of any call, not even of one that was cancelled
  // (close_transport_locked() of its chttp2 waits for the write to end).
  void cut_connections() const;

 private:
  Door(Calls& calls, std::shared_ptr<Gate> gate);

  Status serve(const std::string& address, std::shared_ptr<grpc::ServerCredentials> credentials,
               grpc::ServerBuilder& builder);

  // Shared with gRPC's credentials, which ask it at each call; the services ask it who calls.
  const std::shared_ptr<Gate> gate_;
  std::string path_;        // of the socket; empty for TCP
  std::uint16_t port_ = 0;  // of TCP
  StationService station_;
  JobsService jobs_;
  UnitsService units_;
  EventsService events_;
  QualificationsService qualifications_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace gangd
