#include "api/permissions.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <vector>

namespace gangd {
namespace {

constexpr unsigned bit(Role role) {
  return 1U << static_cast<unsigned>(role);
}

constexpr unsigned kOperator = bit(Role::kOperator);
constexpr unsigned kEngineer = bit(Role::kEngineer);
constexpr unsigned kQuality = bit(Role::kQuality);
constexpr unsigned kMes = bit(Role::kMes);
constexpr unsigned kAuditor = bit(Role::kAuditor);
constexpr unsigned kAdmin = bit(Role::kAdmin);
constexpr unsigned kAll = kOperator | kEngineer | kQuality | kMes | kAuditor | kAdmin;
// Who gives orders to the line.
constexpr unsigned kOrders = kOperator | kEngineer | kMes | kAdmin;

// A row for each method; proto/README.md has the same table, and tests/line/security_test.py
// asks a running gangd for every method in every role.
constexpr std::array kTable = {
    Permission{"gang.v1.Station/GetStation", kAll},
    Permission{"gang.v1.Station/ListSlots", kAll},
    Permission{"gang.v1.Jobs/StartJob", kOrders},
    // To stop a line that does harm is never wrong: quality may, too.
    Permission{"gang.v1.Jobs/StopJob", kOrders | kQuality},
    // It takes somebody who has seen the board.
    Permission{"gang.v1.Jobs/AcknowledgeSlot", kOperator | kEngineer | kQuality | kAdmin},
    Permission{"gang.v1.Jobs/ListJobs", kAll},
    Permission{"gang.v1.Jobs/WatchJob", kAll},
    Permission{"gang.v1.Units/GetUnit", kAll},
    Permission{"gang.v1.Units/ListUnits", kAll},
    Permission{"gang.v1.Events/StreamEvents", kAll},
    // Who answers for the product, and not who must get boards through: quality.
    Permission{"gang.v1.Qualifications/StartQualification", kQuality | kAdmin},
    Permission{"gang.v1.Qualifications/DoStep", kQuality | kAdmin},
    Permission{"gang.v1.Qualifications/CompareDump", kQuality | kAdmin},
    Permission{"gang.v1.Qualifications/GetQualification", kAll},
    Permission{"gang.v1.Qualifications/ListQualifications", kAll},
    Permission{"grpc.health.v1.Health/Check", kAll},
    Permission{"grpc.health.v1.Health/Watch", kAll},
    Permission{"grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo", kAll},
};

}  // namespace

std::span<const Permission> permissions() {
  return kTable;
}

const Permission* permission_for(std::string_view method) {
  const auto row = std::ranges::find(kTable, method, &Permission::method);
  return row == kTable.end() ? nullptr : &*row;
}

std::string roles_of(const Permission& permission) {
  std::vector<std::string> names;
  for (const Role role : kRoles) {
    if (permission.has(role)) names.push_back(role_name(role));
  }
  return fmt::format("{}", fmt::join(names, ", "));
}

Status check_rows(const google::protobuf::ServiceDescriptor& service) {
  std::vector<std::string> missing;
  for (int i = 0; i < service.method_count(); ++i) {
    const std::string method = service.full_name() + "/" + service.method(i)->name();
    if (permission_for(method) == nullptr) missing.push_back(method);
  }
  if (missing.empty()) return {};
  return Error(Code::kInvalid, "without a row in daemon/api/permissions.cc: {}",
               fmt::join(missing, ", "));
}

}  // namespace gangd
