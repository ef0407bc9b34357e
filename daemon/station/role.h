// Role: what somebody is to the station. It is known by the socket or by the certificate that they
// come with, and goes into the records; what each may do stands in api/permissions.cc.
#pragma once

#include <array>
#include <optional>
#include <string>
#include <string_view>

namespace gangd {

enum class Role { kOperator, kEngineer, kQuality, kMes, kAuditor, kAdmin };

inline constexpr std::array kRoles = {Role::kOperator, Role::kEngineer, Role::kQuality,
                                      Role::kMes,      Role::kAuditor,  Role::kAdmin};

// As it is written everywhere: `operator`.
std::string role_name(Role role);
std::optional<Role> role_named(std::string_view name);

// Who gives an order.
struct Caller {
  std::string role;
  std::string subject;  // of the certificate: `CN=anna,O=line-1`; empty for a socket
  bool operator==(const Caller&) const = default;
};

}  // namespace gangd
