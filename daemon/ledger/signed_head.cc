#include "ledger/signed_head.h"

#include <fmt/format.h>

#include <algorithm>

#include "ledger/canonical_json.h"

namespace gangd {
namespace {

const std::string* text_in(const Json& json, std::string_view name) {
  const Json* member = json.find(name);
  return member == nullptr ? nullptr : std::get_if<std::string>(&member->value);
}

}  // namespace

std::string head_text(const std::string& station, EventId id, const Sha256Digest& hash) {
  // Its first line keeps it apart from all else that the key signs.
  return fmt::format("gangd head\n{}\n{}\n{}\n", station, id.to_string(), hash.hex());
}

SignedHead sign_head(const SecretKey& key, const std::string& station, EventId id,
                     const Sha256Digest& hash) {
  return {station, id, hash, key.sign(head_text(station, id, hash))};
}

bool is_signed_by(const PublicKey& key, const SignedHead& head) {
  return is_signed_by(key, head_text(head.station, head.id, head.hash), head.signature);
}

void sign_qualification(const SecretKey& key, Entry& entry) {
  auto* qualified = std::get_if<BoardQualified>(&entry.event);
  if (qualified == nullptr) return;
  qualified->signature = key.sign(qualification_text(entry.station, entry.id, *qualified)).hex();
}

bool is_signed_by(const PublicKey& key, const Entry& entry, const BoardQualified& qualified) {
  const auto signature = Signature::parse(qualified.signature);
  return signature &&
         is_signed_by(key, qualification_text(entry.station, entry.id, qualified), *signature);
}

std::string head_line(const SignedHead& head) {
  return canonical_json({Json::Object{{"head", {head.id.to_string()}},
                                      {"sha256", {head.hash.hex()}},
                                      {"signature", {head.signature.hex()}},
                                      {"station", {head.station}}}});
}

Result<SignedHead> parse_head(std::string_view line) {
  TRY(const Json json, parse_json(line));
  const std::string* id = text_in(json, "head");
  const std::string* hash = text_in(json, "sha256");
  const std::string* signature = text_in(json, "signature");
  const std::string* station = text_in(json, "station");
  if (id == nullptr || hash == nullptr || signature == nullptr || station == nullptr) {
    return Error(Code::kInvalid, "no signed head: head, sha256, signature or station is missing");
  }
  SignedHead head;
  head.station = *station;
  TRY(head.id, EventId::parse(*id));
  TRY(head.signature, Signature::parse(*signature));
  const auto digest = from_hex(*hash);
  if (!digest || digest->size() != head.hash.bytes.size()) {
    return Error(Code::kInvalid, "no signed head: its sha256 is not 64 hexadecimal digits");
  }
  std::ranges::copy(*digest, head.hash.bytes.begin());
  return head;
}

}  // namespace gangd
