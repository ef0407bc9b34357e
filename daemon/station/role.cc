#include "station/role.h"

#include "base/check.h"

namespace gangd {

std::string role_name(Role role) {
  switch (role) {
    case Role::kOperator:
      return "operator";
    case Role::kEngineer:
      return "engineer";
    case Role::kQuality:
      return "quality";
    case Role::kMes:
      return "mes";
    case Role::kAuditor:
      return "auditor";
    case Role::kAdmin:
      return "admin";
  }
  CHECK(false, "a role without a name");
}

std::optional<Role> role_named(std::string_view name) {
  for (const Role role : kRoles) {
    if (role_name(role) == name) return role;
  }
  return std::nullopt;
}

}  // namespace gangd
