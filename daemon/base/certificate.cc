#include "base/certificate.h"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <algorithm>
#include <array>
#include <memory>

#include "base/bytes.h"
#include "base/freed.h"

namespace gangd {
namespace {

using Bio = std::unique_ptr<BIO, Freed<BIO_free>>;
using X509Ptr = std::unique_ptr<X509, Freed<X509_free>>;
using CrlPtr = std::unique_ptr<X509_CRL, Freed<X509_CRL_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using NamesPtr = std::unique_ptr<GENERAL_NAMES, Freed<GENERAL_NAMES_free>>;
using NumberPtr = std::unique_ptr<BIGNUM, Freed<BN_free>>;

constexpr std::size_t kPemBytesMax = 1 << 20;

Bio open_pem(std::string_view pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(std::min(pem.size(), kPemBytesMax))));
}

// OpenSSL keeps what went wrong in a queue of the thread: whoever is done with it empties it.
struct Errors {
  ~Errors() { ERR_clear_error(); }
};

// Instead of OpenSSL's, which asks at the terminal.
int no_passphrase(char*, int, int, void* was_asked) {
  *static_cast<bool*>(was_asked) = true;
  return 0;
}

X509Ptr read_certificate(std::string_view pem) {
  const Bio bio = open_pem(pem);
  return X509Ptr(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
}

std::string text_of(const ASN1_STRING* text) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(text)),
          static_cast<std::size_t>(ASN1_STRING_length(text))};
}

std::string subject_of(const X509* certificate) {
  const Bio out(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(out.get(), X509_get_subject_name(certificate), 0, XN_FLAG_RFC2253);
  char* text = nullptr;
  const long size = BIO_get_mem_data(out.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string serial_text(const ASN1_INTEGER* serial) {
  const NumberPtr number(ASN1_INTEGER_to_BN(serial, nullptr));
  if (!number) return {};
  char* const text = BN_bn2hex(number.get());
  std::string copy = text == nullptr ? "" : text;
  OPENSSL_free(text);
  return copy;
}

std::chrono::sys_seconds time_of(const ASN1_TIME* time) {
  tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  using namespace std::chrono;
  const year_month_day day(year(parts.tm_year + 1900),
                           month(static_cast<unsigned>(parts.tm_mon + 1)),
                           std::chrono::day(static_cast<unsigned>(parts.tm_mday)));
  return sys_days(day) + hours(parts.tm_hour) + minutes(parts.tm_min) + seconds(parts.tm_sec);
}

bool is_signed_by_one_of(X509_CRL* list, std::string_view ca) {
  const Bio bio = open_pem(ca);
  while (const X509Ptr issuer{PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr)}) {
    if (X509_CRL_verify(list, X509_get0_pubkey(issuer.get())) == 1) return true;
  }
  return false;
}

Status add_revoked(X509_CRL* list, std::string_view ca, std::chrono::sys_seconds now,
                   std::set<std::string>& serials) {
  if (!is_signed_by_one_of(list, ca)) {
    return Error(Code::kMismatch, "the CRL is not signed by the CA");
  }
  const ASN1_TIME* const next = X509_CRL_get0_nextUpdate(list);
  if (next != nullptr && now > time_of(next)) {
    return Error(Code::kMismatch, "the CRL was valid until {}: make a new one (pki crl)",
                 day_text(time_of(next)));
  }
  STACK_OF(X509_REVOKED)* const revoked = X509_CRL_get_REVOKED(list);
  for (int i = 0; i < sk_X509_REVOKED_num(revoked); ++i) {
    const X509_REVOKED* const each = sk_X509_REVOKED_value(revoked, i);
    serials.insert(serial_text(X509_REVOKED_get0_serialNumber(each)));
  }
  return {};
}

std::string address_text(const std::string& bytes) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  const int family = bytes.size() == 4 ? AF_INET : AF_INET6;
  if (bytes.size() != 4 && bytes.size() != 16) return {};
  if (inet_ntop(family, bytes.data(), text.data(), text.size()) == nullptr) return {};
  return text.data();
}

void read_names(const X509* from, Certificate& certificate) {
  const NamesPtr names(
      static_cast<GENERAL_NAMES*>(X509_get_ext_d2i(from, NID_subject_alt_name, nullptr, nullptr)));
  for (int i = 0; names && i < sk_GENERAL_NAME_num(names.get()); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names.get(), i);
    if (name->type == GEN_URI) certificate.uris.push_back(text_of(name->d.ia5));
    if (name->type == GEN_DNS) certificate.hosts.push_back(text_of(name->d.ia5));
    if (name->type == GEN_IPADD) {
      certificate.hosts.push_back(address_text(text_of(name->d.ip)));
    }
  }
}

}  // namespace

Result<Certificate> parse_certificate(std::string_view pem) {
  const Errors errors;
  const X509Ptr from = read_certificate(pem);
  if (!from) return Error(Code::kInvalid, "no certificate in PEM is in it");
  Certificate certificate;
  certificate.subject = subject_of(from.get());
  certificate.serial = serial_text(X509_get0_serialNumber(from.get()));
  certificate.begin = time_of(X509_get0_notBefore(from.get()));
  certificate.end = time_of(X509_get0_notAfter(from.get()));
  read_names(from.get(), certificate);
  return certificate;
}

Status check_term(const Certificate& certificate, std::chrono::sys_seconds now) {
  if (now > certificate.end) {
    return Error(Code::kMismatch, "the certificate {} expired on {}", certificate.subject,
                 day_text(certificate.end));
  }
  if (now < certificate.begin) {
    return Error(Code::kMismatch, "the certificate {} is not valid before {}; it is {} now",
                 certificate.subject, day_text(certificate.begin), day_text(now));
  }
  return {};
}

Status check_purpose(std::string_view pem, Purpose purpose) {
  const Errors errors;
  const X509Ptr certificate = read_certificate(pem);
  const bool is_server = purpose == Purpose::kServer;
  const int wanted = is_server ? X509_PURPOSE_SSL_SERVER : X509_PURPOSE_SSL_CLIENT;
  if (certificate && X509_check_purpose(certificate.get(), wanted, 0) == 1) return {};
  return Error(Code::kMismatch, "the certificate is not one for a TLS {} (extendedKeyUsage)",
               is_server ? "server" : "client");
}

Status check_host(std::string_view pem, const std::string& host) {
  const Errors errors;
  const X509Ptr certificate = read_certificate(pem);
  if (certificate && (X509_check_ip_asc(certificate.get(), host.c_str(), 0) == 1 ||
                      X509_check_host(certificate.get(), host.data(), host.size(),
                                      X509_CHECK_FLAG_NEVER_CHECK_SUBJECT, nullptr) == 1)) {
    return {};
  }
  Certificate known;
  if (certificate) read_names(certificate.get(), known);
  return Error(Code::kMismatch, "the certificate is not for {}, but for: {}", host,
               known.hosts.empty() ? "no host" : fmt::format("{}", fmt::join(known.hosts, ", ")));
}

Status check_key(std::string_view pem, std::string_view key) {
  const Errors errors;
  const X509Ptr certificate = read_certificate(pem);
  const Bio bio = open_pem(key);
  bool was_asked = false;
  const KeyPtr secret(PEM_read_bio_PrivateKey(bio.get(), nullptr, no_passphrase, &was_asked));
  if (was_asked) {
    return Error(Code::kInvalid,
                 "the key wants a passphrase, and nobody is there to type it: give it one that "
                 "does not (openssl pkey -in OLD -out NEW)");
  }
  if (!secret) return Error(Code::kInvalid, "no private key in PEM is in it");
  if (certificate && X509_check_private_key(certificate.get(), secret.get()) == 1) return {};
  return Error(Code::kMismatch, "the key belongs to another certificate");
}

Result<std::set<std::string>> parse_revoked(std::string_view crl, std::string_view ca,
                                            std::chrono::sys_seconds now) {
  const Errors errors;
  const Bio bio = open_pem(crl);
  std::set<std::string> serials;
  std::size_t lists = 0;
  while (const CrlPtr list{PEM_read_bio_X509_CRL(bio.get(), nullptr, nullptr, nullptr)}) {
    TRY_STATUS(add_revoked(list.get(), ca, now, serials));
    ++lists;
  }
  if (lists == 0) return Error(Code::kInvalid, "no CRL in PEM is in it");
  return serials;
}

std::string day_text(std::chrono::sys_seconds time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02} {:02}:{:02} UTC", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count());
}

}  // namespace gangd
