// A certificate that is taken for another one lets a stranger in, or locks a line out.
#include "base/certificate.h"

#include <gtest/gtest.h>

#include "tests/unit/base/certificates.h"

namespace gangd {
namespace {

using namespace std::chrono;

constexpr sys_seconds kToday = sys_days(year(2026) / 11 / 21);

std::string fault(const Status& status, Code code) {
  EXPECT_TRUE(status.failed_with(code)) << (status ? "it is fine" : status.error().message());
  return status ? "" : status.error().message();
}

Status revoked(std::string_view crl, std::string_view ca, sys_seconds now) {
  const auto serials = parse_revoked(crl, ca, now);
  return serials ? Status() : Status(serials.error());
}

TEST(Certificate, SaysWhoseItIsAndForHowLong) {
  const auto anna = parse_certificate(kAnna);
  ASSERT_TRUE(anna) << anna.error().message();
  EXPECT_EQ(anna->subject, "CN=anna,O=line-1");
  EXPECT_EQ(anna->serial, "1C315D6B85D567042D56720DE8DA79DC40C344D0");
  EXPECT_EQ(day_text(anna->begin), "2026-01-01 00:00 UTC");
  EXPECT_EQ(day_text(anna->end), "2027-01-01 00:00 UTC");
  EXPECT_EQ(anna->uris, (std::vector<std::string>{"gangd:role:quality", "urn:x"}));
  EXPECT_TRUE(anna->hosts.empty());
  EXPECT_EQ(parse_certificate(kLine)->hosts,
            (std::vector<std::string>{"line-1.example", "*.plant.example", "10.0.0.7", "::1"}));
}

TEST(Certificate, RubbishIsNone) {
  for (std::size_t size = 0; size + 1 < kAnna.size(); size += 7) {
    if (size > kAnna.find("-----END")) break;
    EXPECT_TRUE(parse_certificate(kAnna.substr(0, size)).failed_with(Code::kInvalid)) << size;
  }
  std::string other = kAnna;
  for (std::size_t at = 30; at < 60; ++at) other[at] = 'A';
  EXPECT_TRUE(parse_certificate(other).failed_with(Code::kInvalid));
  EXPECT_TRUE(parse_certificate(kAnnaKey).failed_with(Code::kInvalid));
}

TEST(Certificate, HasATerm) {
  const Certificate anna = *parse_certificate(kAnna);
  EXPECT_TRUE(check_term(anna, kToday));
  EXPECT_TRUE(check_term(anna, anna.begin));
  EXPECT_TRUE(check_term(anna, anna.end));
  EXPECT_EQ(fault(check_term(anna, anna.end + 1s), Code::kMismatch),
            "the certificate CN=anna,O=line-1 expired on 2027-01-01 00:00 UTC");
  EXPECT_NE(fault(check_term(anna, anna.begin - 1s), Code::kMismatch).find("not valid before"),
            std::string::npos);
}

TEST(Certificate, IsForAPurposeAndForHosts) {
  EXPECT_TRUE(check_purpose(kAnna, Purpose::kClient));
  EXPECT_TRUE(check_purpose(kLine, Purpose::kServer));
  fault(check_purpose(kAnna, Purpose::kServer), Code::kMismatch);
  fault(check_purpose(kLine, Purpose::kClient), Code::kMismatch);
  for (const char* host : {"line-1.example", "LINE-1.example", "a.plant.example", "10.0.0.7", "::1",
                           "0:0:0:0:0:0:0:1"}) {
    EXPECT_TRUE(check_host(kLine, host)) << host;
  }
  // Its common name is `line`, and that counts for nothing.
  for (const char* host : {"line", "a.b.plant.example", "10.0.0.8", "::2", "xline-1.example"}) {
    EXPECT_EQ(fault(check_host(kLine, host), Code::kMismatch),
              std::string("the certificate is not for ") + host +
                  ", but for: line-1.example, *.plant.example, 10.0.0.7, ::1");
  }
}

TEST(Certificate, HasOneKey) {
  EXPECT_TRUE(check_key(kAnna, kAnnaKey));
  fault(check_key(kLine, kAnnaKey), Code::kMismatch);
  fault(check_key(kAnna, kAnna), Code::kInvalid);
  fault(check_key(kAnna, ""), Code::kInvalid);
  // Without a terminal that would wait for an answer.
  EXPECT_NE(fault(check_key(kAnna, kLockedKey), Code::kInvalid).find("passphrase"),
            std::string::npos);
}

TEST(Certificate, IsRevokedByItsCaAlone) {
  const auto serials = parse_revoked(kCrl, kCa, kToday);
  ASSERT_TRUE(serials) << serials.error().message();
  EXPECT_EQ(*serials, std::set<std::string>{parse_certificate(kAnna)->serial});
  EXPECT_TRUE(revoked(kCrl + kCrl, kOtherCa + kCa, kToday));
  fault(revoked(kCrl, kOtherCa, kToday), Code::kMismatch);
  fault(revoked(kCrl, "", kToday), Code::kMismatch);
  fault(revoked(kCa, kCa, kToday), Code::kInvalid);
  EXPECT_NE(fault(revoked(kCrl, kCa, sys_days(year(2027) / 1 / 2)), Code::kMismatch)
                .find("valid until 2027-01-01"),
            std::string::npos);
}

}  // namespace
}  // namespace gangd
