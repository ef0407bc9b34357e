// GrpcMes: a MES that implements gang.mes.v1, reached over gRPC. A connection is made when it is
// needed, and again when it is lost.
#pragma once

#include <memory>
#include <string>

#include "base/result.h"
#include "loop/loop.h"
#include "station/mes_link.h"
#include "station/station_config.h"

namespace gangd {

class GrpcMes final : public MesLink {
 public:
  // Reads the certificates, which blocks. kNotFound, kIo, kInvalid: one of them. Whether the MES is
  // there shows when it is asked.
  static Result<std::unique_ptr<GrpcMes>> open(Loop& loop, const MesConfig& config,
                                               std::string station);
  // All calls must have ended.
  ~GrpcMes() override;

  bool is_there() const override { return true; }
  Task<Status> authorize(MesUnit unit) override;
  Task<Result<MesNumbers>> lease(MesLease lease) override;
  Task<Status> report(MesReport report) override;

 private:
  class Connection;
  GrpcMes(Loop& loop, const MesConfig& config, std::string station,
          std::unique_ptr<Connection> connection);

  template <class Request, class Response>
  Task<Result<Response>> call(Request request);

  Loop& loop_;
  const std::string address_;
  const Duration deadline_;
  const std::string station_;
  const std::unique_ptr<Connection> connection_;
};

// As a program of this machine's: the MES that the station's file names, or NoMes.
Result<std::unique_ptr<MesLink>> open_mes(Loop& loop, const StationConfig& config);

}  // namespace gangd
