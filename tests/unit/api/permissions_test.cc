// A method that nobody has thought about must not be open, nor closed unnoticed.
#include "api/permissions.h"

#include <gang/v1/gang.pb.h>
#include <google/protobuf/descriptor.pb.h>
#include <gtest/gtest.h>

#include <set>

namespace gangd {
namespace {

const google::protobuf::FileDescriptor& gang() {
  return *gang::v1::StationState::descriptor()->file();
}

// To stop the build that adds a method without a row: the message says where the row belongs.
TEST(Permissions, EveryMethodOfTheProtoHasARow) {
  for (int i = 0; i < gang().service_count(); ++i) {
    const Status rows = check_rows(*gang().service(i));
    EXPECT_TRUE(rows) << rows.error().message();
  }
}

TEST(Permissions, AMethodWithoutARowIsNamed) {
  google::protobuf::FileDescriptorProto file;
  gang().CopyTo(&file);
  file.set_name("gang/v1/tomorrow.proto");
  file.set_package("tomorrow");
  google::protobuf::DescriptorPool pool;
  // Types that are named in full are of gang.v1.
  google::protobuf::FileDescriptorProto today;
  gang().CopyTo(&today);
  ASSERT_NE(pool.BuildFile(today), nullptr);
  file.clear_message_type();
  file.clear_enum_type();
  file.add_dependency(today.name());
  const auto* const tomorrow = pool.BuildFile(file);
  ASSERT_NE(tomorrow, nullptr);
  const auto* const jobs = tomorrow->FindServiceByName("Jobs");
  const Status rows = check_rows(*jobs);
  ASSERT_TRUE(rows.failed_with(Code::kInvalid));
  EXPECT_NE(rows.error().message().find("tomorrow.Jobs/StartJob, tomorrow.Jobs/StopJob"),
            std::string::npos)
      << rows.error().message();
}

// A row that is left behind is a permission that nobody sees.
TEST(Permissions, EveryRowIsAMethodAndThereOnce) {
  std::set<std::string> known = {"grpc.health.v1.Health/Check", "grpc.health.v1.Health/Watch",
                                 "grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo"};
  for (int i = 0; i < gang().service_count(); ++i) {
    const auto* const service = gang().service(i);
    for (int k = 0; k < service->method_count(); ++k) {
      known.insert(service->full_name() + "/" + service->method(k)->name());
    }
  }
  for (const Permission& permission : permissions()) {
    EXPECT_EQ(known.erase(std::string(permission.method)), 1U) << permission.method;
  }
}

TEST(Permissions, OrdersAreForThoseWhoGiveThem) {
  const auto may = [](std::string_view method, Role role) {
    const Permission* const permission = permission_for(method);
    return permission != nullptr && permission->has(role);
  };
  for (const Role role : kRoles) {
    const bool orders = role != Role::kQuality && role != Role::kAuditor;
    EXPECT_EQ(may("gang.v1.Jobs/StartJob", role), orders) << role_name(role);
    EXPECT_EQ(may("gang.v1.Jobs/StopJob", role), role != Role::kAuditor) << role_name(role);
    EXPECT_TRUE(may("gang.v1.Units/GetUnit", role)) << role_name(role);
    EXPECT_FALSE(may("gang.v1.Jobs/", role));
    EXPECT_FALSE(may("", role));
  }
}

TEST(Permissions, RolesHaveNames) {
  for (const Role role : kRoles) EXPECT_EQ(role_named(role_name(role)), role);
  EXPECT_EQ(role_named("root"), std::nullopt);
  EXPECT_EQ(role_named(""), std::nullopt);
}

}  // namespace
}  // namespace gangd
