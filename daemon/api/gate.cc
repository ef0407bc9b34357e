#include "api/gate.h"

#include <chrono>
#include <vector>

#include "api/permissions.h"
#include "base/certificate.h"
#include "base/utf8.h"

namespace gangd {
namespace {

constexpr std::string_view kRoleUri = "gangd:role:";
// Into each record of a call; who signs certificates may write more.
constexpr std::size_t kSubjectBytesMax = 256;

std::string text_of(grpc::string_ref text) {
  return {text.data(), text.size()};
}

std::vector<std::string> values_of(const grpc::AuthContext& context, const char* property) {
  std::vector<std::string> values;
  for (const grpc::string_ref& value : context.FindPropertyValues(property)) {
    values.push_back(text_of(value));
  }
  return values;
}

std::string subject_of(const grpc::AuthContext& context) {
  const auto values = values_of(context, GRPC_X509_SUBJECT_PROPERTY_NAME);
  return values.empty() ? "" : as_utf8(values.front().substr(0, kSubjectBytesMax));
}

// gRPC's path, without the slash that it begins with.
std::string method_of(const grpc::AuthMetadataProcessor::InputMetadata& metadata) {
  const auto path = metadata.find(":path");
  if (path == metadata.end() || !path->second.starts_with("/")) return {};
  return text_of(path->second).substr(1);
}

}  // namespace

Result<Role> role_of_uris(const std::vector<std::string>& uris) {
  std::vector<std::string> names;
  for (const std::string& uri : uris) {
    if (uri.starts_with(kRoleUri)) names.push_back(uri.substr(kRoleUri.size()));
  }
  if (names.size() == 1) {
    if (const auto role = role_named(names.front())) return *role;
    return Error(Code::kInvalid, "the certificate is for the role \"{}\", which does not exist",
                 as_utf8(names.front().substr(0, kSubjectBytesMax)));
  }
  return Error(Code::kInvalid,
               names.empty() ? "the certificate names no role: it needs the URI gangd:role:ROLE "
                               "among its subject alternative names"
                             : "the certificate names more than one role: it may have one URI "
                               "gangd:role:ROLE");
}

Result<Caller> Gate::caller(const grpc::AuthContext& context) const {
  if (role_) return Caller{role_name(*role_), ""};
  TRY(const Role role, role_of_uris(values_of(context, GRPC_PEER_URI_PROPERTY_NAME)));
  return Caller{role_name(role), subject_of(context)};
}

// The handshake has checked it; but a connection may live longer than what it began with.
Status Gate::check_certificate(const grpc::AuthContext& context) const {
  const auto pem = values_of(context, GRPC_X509_PEM_CERT_PROPERTY_NAME);
  if (pem.empty()) return Error(Code::kInvalid, "the client has no certificate");
  TRY(const Certificate certificate, parse_certificate(pem.front()));
  TRY_STATUS(check_term(certificate, std::chrono::floor<std::chrono::seconds>(port_->utc_now())));
  if (revoked_->has(certificate.serial)) {
    return Error(Code::kMismatch, "the certificate {} was revoked", certificate.subject);
  }
  return {};
}

grpc::Status Gate::Process(const InputMetadata& metadata, grpc::AuthContext* context,
                           OutputMetadata*, OutputMetadata*) {
  const std::string method = method_of(metadata);
  const Permission* const permission = permission_for(method);
  // What anybody could invent does not go into the record.
  AccessDenied denial;
  denial.subject = role_ ? "" : subject_of(*context);
  denial.method = permission == nullptr ? "" : method;
  const auto refuse = [&](grpc::StatusCode code, std::string sentence) {
    denial.reason = sentence;
    denials_.add(denial);
    return grpc::Status(code, sentence);
  };
  const Status valid = role_ ? Status() : check_certificate(*context);
  if (!valid) return refuse(grpc::StatusCode::UNAUTHENTICATED, as_utf8(valid.error().message()));
  const auto who = caller(*context);
  if (!who) return refuse(grpc::StatusCode::UNAUTHENTICATED, who.error().message());
  denial.role = who->role;
  if (permission == nullptr) {
    return refuse(grpc::StatusCode::PERMISSION_DENIED,
                  "gangd has no such method; gang/v1/gang.proto lists those that it has");
  }
  if (const auto role = role_named(who->role); role && permission->has(*role)) return {};
  return refuse(
      grpc::StatusCode::PERMISSION_DENIED,
      fmt::format("{} is for {}, and not for {}", method, roles_of(*permission), who->role));
}

}  // namespace gangd
