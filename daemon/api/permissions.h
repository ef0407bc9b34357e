// Who may call what: one table for all methods of all services that gangd has. What is not in it,
// nobody may.
#pragma once

#include <google/protobuf/descriptor.h>

#include <span>
#include <string>
#include <string_view>

#include "base/result.h"
#include "station/role.h"

namespace gangd {

struct Permission {
  std::string_view method;  // as in gRPC's path, without the slash at its begin
  unsigned roles = 0;       // a bit for each Role

  bool has(Role role) const { return (roles >> static_cast<unsigned>(role) & 1U) != 0; }
};

std::span<const Permission> permissions();
// Null: there is no such method.
const Permission* permission_for(std::string_view method);
// `operator, engineer`.
std::string roles_of(const Permission& permission);

// kInvalid, with their names: methods of the service that have no row.
Status check_rows(const google::protobuf::ServiceDescriptor& service);

}  // namespace gangd
