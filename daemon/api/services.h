// The services of gang.v1, one object for each door. They convert, and hand over; what they promise
// stands in proto/README.md. Whoever reaches them may call them: the door's Gate has decided.
#pragma once

#include <gang/v1/gang.grpc.pb.h>

#include "api/calls.h"
#include "api/gate.h"

namespace gangd {

class StationService final : public gang::v1::Station::CallbackService {
 public:
  explicit StationService(Calls& calls) : calls_(calls) {}

  grpc::ServerUnaryReactor* GetStation(grpc::CallbackServerContext* context,
                                       const gang::v1::GetStationRequest* request,
                                       gang::v1::StationState* response) override;
  grpc::ServerUnaryReactor* ListSlots(grpc::CallbackServerContext* context,
                                      const gang::v1::ListSlotsRequest* request,
                                      gang::v1::ListSlotsResponse* response) override;

 private:
  Calls& calls_;
};

class JobsService final : public gang::v1::Jobs::CallbackService {
 public:
  JobsService(Calls& calls, const Gate& gate) : calls_(calls), gate_(gate) {}

  grpc::ServerUnaryReactor* StartJob(grpc::CallbackServerContext* context,
                                     const gang::v1::StartJobRequest* request,
                                     gang::v1::StartJobResponse* response) override;
  grpc::ServerUnaryReactor* StopJob(grpc::CallbackServerContext* context,
                                    const gang::v1::StopJobRequest* request,
                                    gang::v1::StopJobResponse* response) override;
  grpc::ServerUnaryReactor* AcknowledgeSlot(grpc::CallbackServerContext* context,
                                            const gang::v1::AcknowledgeSlotRequest* request,
                                            gang::v1::AcknowledgeSlotResponse* response) override;
  grpc::ServerUnaryReactor* ListJobs(grpc::CallbackServerContext* context,
                                     const gang::v1::ListJobsRequest* request,
                                     gang::v1::ListJobsResponse* response) override;
  grpc::ServerWriteReactor<gang::v1::WatchJobResponse>* WatchJob(
      grpc::CallbackServerContext* context, const gang::v1::WatchJobRequest* request) override;

 private:
  Calls& calls_;
  const Gate& gate_;
};

class UnitsService final : public gang::v1::Units::CallbackService {
 public:
  explicit UnitsService(Calls& calls) : calls_(calls) {}

  grpc::ServerUnaryReactor* GetUnit(grpc::CallbackServerContext* context,
                                    const gang::v1::GetUnitRequest* request,
                                    gang::v1::Unit* response) override;
  grpc::ServerWriteReactor<gang::v1::Unit>* ListUnits(
      grpc::CallbackServerContext* context, const gang::v1::ListUnitsRequest* request) override;

 private:
  Calls& calls_;
};

class QualificationsService final : public gang::v1::Qualifications::CallbackService {
 public:
  QualificationsService(Calls& calls, const Gate& gate) : calls_(calls), gate_(gate) {}

  grpc::ServerUnaryReactor* StartQualification(grpc::CallbackServerContext* context,
                                               const gang::v1::StartQualificationRequest* request,
                                               gang::v1::Qualification* response) override;
  grpc::ServerUnaryReactor* GetQualification(grpc::CallbackServerContext* context,
                                             const gang::v1::GetQualificationRequest* request,
                                             gang::v1::Qualification* response) override;
  grpc::ServerUnaryReactor* DoStep(grpc::CallbackServerContext* context,
                                   const gang::v1::DoStepRequest* request,
                                   gang::v1::Qualification* response) override;
  grpc::ServerUnaryReactor* CompareDump(grpc::CallbackServerContext* context,
                                        const gang::v1::CompareDumpRequest* request,
                                        gang::v1::Qualification* response) override;
  grpc::ServerUnaryReactor* ListQualifications(
      grpc::CallbackServerContext* context, const gang::v1::ListQualificationsRequest* request,
      gang::v1::ListQualificationsResponse* response) override;

 private:
  Calls& calls_;
  const Gate& gate_;
};

class EventsService final : public gang::v1::Events::CallbackService {
 public:
  explicit EventsService(Calls& calls) : calls_(calls) {}

  grpc::ServerWriteReactor<gang::v1::LedgerEvent>* StreamEvents(
      grpc::CallbackServerContext* context, const gang::v1::StreamEventsRequest* request) override;

 private:
  Calls& calls_;
};

}  // namespace gangd
