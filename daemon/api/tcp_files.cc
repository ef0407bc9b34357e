#include "api/tcp_files.h"

#include <netdb.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "image/image.h"

namespace gangd {
namespace {

constexpr std::size_t kFileBytesMax = 1 << 20;
// Nobody outside the key's group may read it, and of the group nobody may write: such a group is
// Debian's ssl-cert.
constexpr mode_t kTooOpen = S_IRWXO | S_IWGRP;

Result<std::string> read_text(const std::string& path) {
  TRY(const ByteVector bytes, read_file(path, kFileBytesMax));
  return std::string(bytes.begin(), bytes.end());
}

Status check_mode(const std::string& path) {
  struct stat found{};
  if (stat(path.c_str(), &found) == 0 && (found.st_mode & kTooOpen) == 0) return {};
  return Error(Code::kInvalid,
               "others may read or write this file: type chmod 600 {}, and have a new key made if "
               "they may have done so",
               path);
}

// The host of HOST:PORT, without the brackets of [::1].
std::string host_of(const std::string& address) {
  const std::string host = address.substr(0, address.rfind(':'));
  return host.starts_with('[') ? host.substr(1, host.size() - 2) : host;
}

bool is_any_host(const std::string& host) {
  return host == "0.0.0.0" || host == "::";
}

Status check_name(const TcpConfig& tcp, const std::string& pem, const Certificate& certificate) {
  const std::string name = tcp.name.empty() ? host_of(tcp.listen) : tcp.name;
  if (!is_any_host(name)) return check_host(pem, name);
  if (!certificate.hosts.empty()) return {};
  return Error(Code::kMismatch,
               "the certificate is for no host: clients look for the name that they call among "
               "its subject alternative names");
}

Status check_own_term(const Certificate& certificate, std::chrono::sys_seconds now) {
  const Status in_term = check_term(certificate, now);
  if (in_term) return {};
  return Error(Code::kMismatch, "{}: renew it (deploy/pki/pki renew), or look at the clock",
               in_term.error().message());
}

Result<Certificate> check_certificate(const TcpConfig& tcp, const std::string& pem,
                                      std::chrono::sys_seconds now) {
  TRY(Certificate certificate, parse_certificate(pem));
  TRY_STATUS(check_own_term(certificate, now));
  TRY_STATUS(check_purpose(pem, Purpose::kServer));
  TRY_STATUS(check_name(tcp, pem, certificate));
  return certificate;
}

using Addresses = std::unique_ptr<addrinfo, decltype(&freeaddrinfo)>;

// Whether this address is free: nothing but gangd may be where clients expect it.
int try_to_bind(const addrinfo& address) {
  const int fd = socket(address.ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) return errno;
  // As gRPC does it: connections of a gangd that has just ended do not count.
  const int yes = 1;
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
  const bool is_free = bind(fd, address.ai_addr, address.ai_addrlen) == 0 && listen(fd, 1) == 0;
  const int reason = is_free ? 0 : errno;
  close(fd);
  return reason;
}

Error listen_error(const std::string& address, int reason) {
  const char* const advice = reason == EADDRINUSE
                                 ? "another program listens there; give another port"
                             : reason == EACCES ? "give a port above 1023"
                                                : "give an address of this machine, or 0.0.0.0 "
                                                  "for all that it has";
  return {reason == EADDRINUSE ? Code::kBusy : Code::kIo, "[tcp] listen {}: {}: {}", address,
          std::strerror(reason), advice};
}

}  // namespace

Result<Certificate> check_tcp_files(const TcpConfig& tcp, std::chrono::sys_seconds now) {
  const auto ca_place = fmt::format("[tcp] ca {}", tcp.ca);
  const auto place = fmt::format("[tcp] cert {}", tcp.certificate);
  const auto key_place = fmt::format("[tcp] key {}", tcp.key);
  TRY(const std::string ca, read_text(tcp.ca).with_context("[tcp] ca"));
  TRY(const Certificate authority, parse_certificate(ca).with_context(ca_place));
  TRY_STATUS(check_term(authority, now).with_context(ca_place));
  TRY(const std::string pem, read_text(tcp.certificate).with_context("[tcp] cert"));
  TRY(Certificate certificate, check_certificate(tcp, pem, now).with_context(place));
  TRY(const std::string key, read_text(tcp.key).with_context("[tcp] key"));
  TRY_STATUS(check_mode(tcp.key).with_context(key_place));
  TRY_STATUS(check_key(pem, key).with_context(key_place));
  return certificate;
}

Result<std::set<std::string>> read_revoked(const TcpConfig& tcp, std::chrono::sys_seconds now) {
  if (tcp.revoked.empty()) return std::set<std::string>();
  TRY(const std::string ca, read_text(tcp.ca).with_context("[tcp] ca"));
  TRY(const std::string crl, read_text(tcp.revoked).with_context("[tcp] crl"));
  return parse_revoked(crl, ca, now).with_context(fmt::format("[tcp] crl {}", tcp.revoked));
}

Status check_listen(const std::string& address) {
  const std::string port = address.substr(address.rfind(':') + 1);
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  wanted.ai_flags = AI_PASSIVE;
  addrinfo* found = nullptr;
  const int fault = getaddrinfo(host_of(address).c_str(), port.c_str(), &wanted, &found);
  const Addresses addresses(found, freeaddrinfo);
  if (fault != 0) {
    return Error(Code::kNotFound, "[tcp] listen {}: {}; give an address of this machine", address,
                 gai_strerror(fault));
  }
  // A name may have an address of a kind that this machine does not use, such as ::1.
  int absent = 0;
  bool is_free = false;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    const int reason = try_to_bind(*each);
    if (reason == EADDRNOTAVAIL || reason == EAFNOSUPPORT) {
      absent = reason;
    } else if (reason != 0) {
      return listen_error(address, reason);
    } else {
      is_free = true;
    }
  }
  return is_free ? Status() : listen_error(address, absent);
}

}  // namespace gangd
