// The role of a certificate: exactly one, and one that there is.
#include "api/gate.h"

#include <gtest/gtest.h>

#include "api/grpc_log.h"

namespace gangd {
namespace {

std::string fault(const std::vector<std::string>& uris) {
  const auto role = role_of_uris(uris);
  EXPECT_TRUE(role.failed_with(Code::kInvalid));
  return role ? "" : role.error().message();
}

TEST(Gate, TheRoleIsTheOneUriThatNamesOne) {
  EXPECT_EQ(*role_of_uris({"gangd:role:mes"}), Role::kMes);
  EXPECT_EQ(*role_of_uris({"spiffe://plant/line", "gangd:role:admin", "urn:x"}), Role::kAdmin);
}

TEST(Gate, NoneTwoAndUnknownOnesAreNoRole) {
  EXPECT_NE(fault({}).find("names no role"), std::string::npos);
  EXPECT_NE(fault({"urn:gangd:role:admin", "GANGD:ROLE:ADMIN"}).find("no role"), std::string::npos);
  EXPECT_NE(fault({"gangd:role:mes", "gangd:role:admin"}).find("more than one"), std::string::npos);
  EXPECT_NE(fault({"gangd:role:mes", "gangd:role:mes"}).find("more than one"), std::string::npos);
  EXPECT_NE(fault({"gangd:role:"}).find("does not exist"), std::string::npos);
  EXPECT_NE(fault({"gangd:role:operator "}).find("does not exist"), std::string::npos);
  // A name with a NUL in it is another name; the sentence goes to a client as UTF-8.
  EXPECT_NE(fault({std::string("gangd:role:admin\0x", 18)}).find("does not"), std::string::npos);
  EXPECT_NE(fault({"gangd:role:\xff"}).find("\xef\xbf\xbd"), std::string::npos);
  EXPECT_LT(fault({"gangd:role:" + std::string(100'000, 'x')}).size(), 400U);
}

// gRPC tells of a handshake that failed only in its log.
TEST(GrpcLog, AFailedHandshakeIsKnownWithItsReason) {
  EXPECT_EQ(failed_handshake("Handshake failed with fatal error SSL_ERROR_SSL: error:0A0000C7:SSL "
                             "routines::peer did not return a certificate."),
            "the client has shown no certificate (peer did not return a certificate)");
  EXPECT_EQ(failed_handshake("Handshake failed with fatal error SSL_ERROR_SSL: error:0A0000D0:SSL "
                             "routines::something new."),
            "something new");
  EXPECT_EQ(failed_handshake("Handshake failed"), "Handshake failed");
  EXPECT_EQ(failed_handshake("Failed to add port to server"), "");
  EXPECT_EQ(failed_handshake("Handshake failed" + std::string(1000, 'x')).size(), 120U);
}

}  // namespace
}  // namespace gangd
