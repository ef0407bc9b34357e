#include "ctl/tls_line.h"

#include <fmt/format.h>
#include <netdb.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <memory>

#include "base/certificate.h"
#include "base/freed.h"
#include "image/image.h"

namespace gangd {
namespace {

constexpr std::size_t kFileBytesMax = 1 << 20;
// To connect, and then for each answer.
constexpr int kAnswerLimitMs = 10'000;

Result<std::string> read_text(const char* option, const std::string& path) {
  TRY(const ByteVector bytes, read_file(path, kFileBytesMax).with_context(option));
  return std::string(bytes.begin(), bytes.end());
}

Status check_mode(const std::string& path) {
  struct stat found{};
  if (stat(path.c_str(), &found) == 0 && (found.st_mode & S_IRWXO) == 0) return {};
  return Error(Code::kInvalid,
               "--key {}: others may read this file: type chmod 600 {}, and have a new key made if "
               "they may have done so",
               path, path);
}

Status check_certificate(const std::string& pem) {
  TRY(const Certificate certificate, parse_certificate(pem));
  const auto now = std::chrono::floor<std::chrono::seconds>(std::chrono::system_clock::now());
  const Status in_term = check_term(certificate, now);
  if (in_term) return {};
  return Error(Code::kMismatch, "{}: have it renewed (pki renew)", in_term.error().message());
}

// --- looking closely

using Addresses = std::unique_ptr<addrinfo, Freed<freeaddrinfo>>;
using Context = std::unique_ptr<SSL_CTX, Freed<SSL_CTX_free>>;
using Session = std::unique_ptr<SSL, Freed<SSL_free>>;
using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;

Bio open_pem(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

class Socket {
 public:
  explicit Socket(int fd) : fd_(fd) {}
  ~Socket() {
    if (fd_ >= 0) close(fd_);
  }
  Socket(const Socket&) = delete;
  Socket& operator=(const Socket&) = delete;
  int fd() const { return fd_; }

 private:
  const int fd_;
};

// 0, or the reason.
int try_to_connect(int fd, const addrinfo& address) {
  const timeval limit{kAnswerLimitMs / 1000, 0};
  // Both directions: connect(2) obeys the limit of sending.
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  if (connect(fd, address.ai_addr, address.ai_addrlen) == 0) return 0;
  return errno == EINPROGRESS ? ETIMEDOUT : errno;
}

Context make_context(const TlsFiles& files) {
  Context context(SSL_CTX_new(TLS_client_method()));
  SSL_CTX_set_min_proto_version(context.get(), TLS1_2_VERSION);
  const Bio roots = open_pem(files.ca);
  while (const X509Ptr root{PEM_read_bio_X509(roots.get(), nullptr, nullptr, nullptr)}) {
    X509_STORE_add_cert(SSL_CTX_get_cert_store(context.get()), root.get());
  }
  const Bio own = open_pem(files.certificate);
  const X509Ptr certificate(PEM_read_bio_X509(own.get(), nullptr, nullptr, nullptr));
  const Bio secret = open_pem(files.key);
  const KeyPtr key(PEM_read_bio_PrivateKey(secret.get(), nullptr, nullptr, nullptr));
  SSL_CTX_use_certificate(context.get(), certificate.get());
  SSL_CTX_use_PrivateKey(context.get(), key.get());
  SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  ERR_clear_error();
  return context;
}

std::string name_text(const X509_NAME* name) {
  const Bio out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), name, 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

// Whether a certificate of the file (it may hold a chain) is of a CA that the other side named.
bool is_of_one(const STACK_OF(X509_NAME) * known, const std::string& chain) {
  const Bio bio = open_pem(chain);
  while (const X509Ptr each{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    for (int i = 0; i < sk_X509_NAME_num(known); ++i) {
      const X509_NAME* const issuer = X509_get_issuer_name(each.get());
      if (X509_NAME_cmp(issuer, sk_X509_NAME_value(known, i)) == 0) return true;
    }
  }
  return false;
}

// gRPC closes the connection without a word; but it has named the CAs that it knows.
std::string refusal_text(SSL* session, const TlsFiles& files) {
  const unsigned long fault = ERR_get_error();
  if (ERR_GET_REASON(fault) == SSL_R_WRONG_VERSION_NUMBER) {
    return "who answers there speaks no TLS: is this gangd's port?";
  }
  const STACK_OF(X509_NAME)* const known = SSL_get0_peer_CA_list(session);
  if (known == nullptr || sk_X509_NAME_num(known) == 0) {
    const char* const reason = ERR_reason_error_string(fault);
    return fmt::format("the connection was closed ({}): is this gangd's port?",
                       reason == nullptr ? "without a reason" : reason);
  }
  if (!is_of_one(known, files.certificate)) {
    return fmt::format("gangd does not know the CA that signed your certificate: it must be {}",
                       name_text(sk_X509_NAME_value(known, 0)));
  }
  const Status fits = check_purpose(files.certificate, Purpose::kClient);
  if (!fits) return fmt::format("gangd does not take it: {}", fits.error().message());
  return "gangd does not take your certificate: look at its log, and at the clocks";
}

std::string doubt_text(SSL* session, const std::string& host) {
  switch (const long doubt = SSL_get_verify_result(session)) {
    case X509_V_OK:
      return {};
    case X509_V_ERR_HOSTNAME_MISMATCH:
    case X509_V_ERR_IP_ADDRESS_MISMATCH:
      return fmt::format(
          "who answers there has a certificate that is not for {}: use the name "
          "that it is for",
          host);
    case X509_V_ERR_CERT_HAS_EXPIRED:
      return "the certificate of gangd has expired: have it renewed";
    case X509_V_ERR_CERT_NOT_YET_VALID:
      return "the certificate of gangd is not yet valid: look at the clocks";
    default:
      return fmt::format(
          "who answers there has no certificate of the CA in --ca ({}): is this "
          "gangd, and the right file?",
          X509_verify_cert_error_string(doubt));
  }
}

std::string shake_hands(int fd, const std::string& host, const TlsFiles& files) {
  const Context context = make_context(files);
  const Session session(SSL_new(context.get()));
  SSL_set_fd(session.get(), fd);
  SSL_set_tlsext_host_name(session.get(), host.c_str());
  static constexpr unsigned char kHttp2[] = {2, 'h', '2'};
  SSL_set_alpn_protos(session.get(), kHttp2, sizeof kHttp2);
  X509_VERIFY_PARAM* const wanted = SSL_get0_param(session.get());
  if (X509_VERIFY_PARAM_set1_ip_asc(wanted, host.c_str()) != 1) {
    X509_VERIFY_PARAM_set1_host(wanted, host.data(), host.size());
  }
  ERR_clear_error();
  const bool is_done = SSL_connect(session.get()) == 1;
  if (std::string doubt = doubt_text(session.get(), host); !doubt.empty()) return doubt;
  if (!is_done) return refusal_text(session.get(), files);
  // With TLS 1.3 the other side looks at our certificate when we are done; if it takes it, it
  // begins with HTTP/2.
  char first = 0;
  const int count = SSL_read(session.get(), &first, 1);
  const bool is_slow = SSL_get_error(session.get(), count) == SSL_ERROR_WANT_READ;
  return count == 1 || is_slow ? "" : refusal_text(session.get(), files);
}

}  // namespace

Result<TlsFiles> read_tls_files(const Place& place) {
  TlsFiles files;
  TRY(files.ca, read_text("--ca", place.ca));
  TRY_STATUS(check_certificate(files.ca).with_context("--ca " + place.ca));
  TRY(files.certificate, read_text("--cert", place.certificate));
  TRY_STATUS(check_certificate(files.certificate).with_context("--cert " + place.certificate));
  TRY(files.key, read_text("--key", place.key));
  TRY_STATUS(check_mode(place.key));
  TRY_STATUS(check_key(files.certificate, files.key).with_context("--key " + place.key));
  return files;
}

std::string why_unreachable(const Place& place, const TlsFiles& files) {
  const std::size_t colon = place.address.rfind(':');
  std::string host = place.address.substr(0, colon);
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int fault = getaddrinfo(host.c_str(), place.address.c_str() + colon + 1, &wanted, &found);
  const Addresses addresses(found);
  if (fault != 0) {
    return fmt::format("{} is no address: {}", host, gai_strerror(fault));
  }
  std::string reason;
  for (const addrinfo* each = found; each != nullptr; each = each->ai_next) {
    const Socket socket_of_it(socket(each->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const int refused = try_to_connect(socket_of_it.fd(), *each);
    if (refused == 0) return shake_hands(socket_of_it.fd(), host, files);
    reason = fmt::format(
        "nobody answers there ({}): start gangd with a [tcp] in its "
        "station.toml, or look at the address and the firewall",
        std::strerror(refused));
  }
  return reason;
}

}  // namespace gangd
