// SignedChainCheck: what `gangctl audit verify` believes. Each event must be as it was written and
// follow the one before; each signed head must be that of the chain, by the key on record; and the
// chain must go through every head that was noted elsewhere.
#pragma once

#include <optional>
#include <vector>

#include "base/ed25519.h"
#include "base/result.h"
#include "ledger/events.h"
#include "ledger/signed_head.h"

namespace gangd {

class SignedChainCheck {
 public:
  struct Witnesses {
    std::vector<SignedHead> heads;    // noted outside the ledger's tables
    std::optional<PublicKey> pinned;  // that must be the station's, or vouched for by it
  };

  explicit SignedChainCheck(Witnesses witnesses) : witnesses_(std::move(witnesses)) {}

  // The next event, and the signature of the head that ends there, if one does. kMismatch says what
  // is wrong and where.
  Result<Entry> next(const StoredEvent& event, const std::optional<Signature>& signature);
  // After the last. kMismatch: the end was cut off, or somebody has added to it.
  Status finish() const;

  const Head& head() const { return chain_.head(); }
  const std::string& station() const { return chain_.station(); }
  // That is in force.
  const PublicKey& key() const { return key_; }
  std::uint64_t heads() const { return heads_; }

 private:
  Status follow_key(const Entry& entry);
  Status check_witnesses() const;

  const Witnesses witnesses_;
  ChainCheck chain_;
  PublicKey key_;
  bool is_vouched_ = false;  // by the pinned key
  bool is_signed_ = true;    // the newest event
  std::uint64_t heads_ = 0;
};

}  // namespace gangd
