// X.509 certificates, as PEM files hold them: what they say, and whether they can be used.
// Bytes from anywhere are safe.
#pragma once

#include <chrono>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace gangd {

struct Certificate {
  std::string subject;  // RFC 2253: `CN=anna,O=line-1`
  std::string serial;   // hexadecimal
  std::chrono::sys_seconds begin;
  std::chrono::sys_seconds end;
  std::vector<std::string> uris;   // subject alternative names
  std::vector<std::string> hosts;  // the same: DNS names and addresses
};

// The first one in the file. kInvalid.
Result<Certificate> parse_certificate(std::string_view pem);

// kMismatch, with the day: it is over, or has not begun.
Status check_term(const Certificate& certificate, std::chrono::sys_seconds now);

enum class Purpose { kServer, kClient };
// kMismatch: this certificate is for something else.
Status check_purpose(std::string_view pem, Purpose purpose);
// kMismatch: it is not for this host name or address; says for which.
Status check_host(std::string_view pem, const std::string& host);
// kInvalid: no key, or one that wants a passphrase. kMismatch: the key of another certificate.
Status check_key(std::string_view pem, std::string_view key);

// The serials that the CRLs in a file revoke. kInvalid: no CRL. kMismatch: not signed by a CA of
// the file `ca`, or a newer one was due.
Result<std::set<std::string>> parse_revoked(std::string_view crl, std::string_view ca,
                                            std::chrono::sys_seconds now);

// A day for a person: `2026-11-21 08:15 UTC`.
std::string day_text(std::chrono::sys_seconds time);

}  // namespace gangd
