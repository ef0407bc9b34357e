// SignedHead: the station's word for how far its ledger went, and for all that is in it up to
// there. Made at the end of each transaction.
#pragma once

#include <string>
#include <string_view>

#include "base/ed25519.h"
#include "base/result.h"
#include "ledger/event.h"

namespace gangd {

struct SignedHead {
  std::string station;
  EventId id;         // of the newest event; n is 0 before the first
  Sha256Digest hash;  // of the chain up to and with it
  Signature signature;

  bool operator==(const SignedHead&) const = default;
};

// What is signed.
std::string head_text(const std::string& station, EventId id, const Sha256Digest& hash);

SignedHead sign_head(const SecretKey& key, const std::string& station, EventId id,
                     const Sha256Digest& hash);
bool is_signed_by(const PublicKey& key, const SignedHead& head);

// A BoardQualified gets the station's signature; any other event stays as it is.
void sign_qualification(const SecretKey& key, Entry& entry);
bool is_signed_by(const PublicKey& key, const Entry& entry, const BoardQualified& qualified);

// One line of JSON, without its end, and back: kInvalid. Bytes from anywhere are safe.
std::string head_line(const SignedHead& head);
Result<SignedHead> parse_head(std::string_view line);

}  // namespace gangd
