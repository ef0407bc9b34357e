#include "ledger/signed_chain.h"

namespace gangd {

Result<Entry> SignedChainCheck::next(const StoredEvent& event,
                                     const std::optional<Signature>& signature) {
  TRY(Entry entry, chain_.next(event));
  TRY_STATUS(follow_key(entry));
  is_signed_ = signature.has_value();
  if (is_signed_) {
    ++heads_;
    if (!is_signed_by(key_, {station(), event.id, event.hash, *signature})) {
      return Error(Code::kMismatch,
                   "the head at event {} was not signed by this station's key: that event or one "
                   "before it was changed after it was signed",
                   event.id.to_string());
    }
  }
  TRY_STATUS(check_witnesses());
  return entry;
}

Status SignedChainCheck::follow_key(const Entry& entry) {
  if (const auto* began = std::get_if<LedgerBegan>(&entry.event)) {
    key_ = began->public_key;
    is_vouched_ = witnesses_.pinned == key_;
  } else if (entry.id.n == 1) {
    return Error(Code::kMismatch,
                 "event {} does not begin a ledger: what came before it is missing",
                 entry.id.to_string());
  }
  const auto* qualified = std::get_if<BoardQualified>(&entry.event);
  if (qualified != nullptr && !is_signed_by(key_, entry, *qualified)) {
    return Error(Code::kMismatch, "event {} qualifies a board, and the station did not sign that",
                 entry.id.to_string());
  }
  const auto* replaced = std::get_if<KeyReplaced>(&entry.event);
  if (replaced == nullptr) return {};
  bool is_approved = false;
  if (!replaced->signature.empty()) {
    const auto signature = Signature::parse(replaced->signature);
    is_approved =
        signature &&
        is_signed_by(key_, key_text(entry.station, entry.id, replaced->public_key), *signature);
    if (!is_approved) {
      return Error(Code::kMismatch,
                   "event {} replaces the station's key, and the key before did "
                   "not sign that",
                   entry.id.to_string());
    }
  }
  key_ = replaced->public_key;
  is_vouched_ = witnesses_.pinned == key_ || (is_vouched_ && is_approved);
  return {};
}

Status SignedChainCheck::check_witnesses() const {
  for (const SignedHead& noted : witnesses_.heads) {
    if (noted.id.n != head().id.n) continue;
    const bool is_same = noted.station == station() && noted.id == head().id &&
                         noted.hash == head().hash && is_signed_by(key_, noted);
    if (is_same) continue;
    return Error(Code::kMismatch,
                 "the head that was noted at event {} is another than that of this ledger: it or "
                 "an event before it was changed",
                 noted.id.to_string());
  }
  return {};
}

Status SignedChainCheck::finish() const {
  if (head().id.n == 0) return Error(Code::kMismatch, "no event is there: all were taken away");
  if (!is_signed_) {
    return Error(Code::kMismatch,
                 "no signed head covers event {}: events were cut off behind it, or it was added "
                 "by somebody without the station's key",
                 head().id.to_string());
  }
  for (const SignedHead& noted : witnesses_.heads) {
    if (noted.id.n <= head().id.n) continue;
    return Error(Code::kMismatch,
                 "the ledger ends at event {}, and a head was noted at {}: its end was cut off, or "
                 "it is an older copy",
                 head().id.to_string(), noted.id.to_string());
  }
  if (witnesses_.pinned && !is_vouched_) {
    return Error(Code::kMismatch,
                 "the ledger is signed by key {}, which is not the one that you gave, and that one "
                 "did not approve it",
                 key_.hex());
  }
  return {};
}

}  // namespace gangd
