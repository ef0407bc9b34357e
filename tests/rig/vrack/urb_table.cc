#include "tests/rig/vrack/urb_table.h"

#include <algorithm>
#include <cerrno>
#include <span>
#include <vector>

#include "base/check.h"

namespace gangd::rig {
namespace {

int to_errno(RackBoard::Outcome outcome) {
  switch (outcome) {
    case RackBoard::Outcome::kDone:
      return 0;
    case RackBoard::Outcome::kStalled:
      return -EPIPE;
    case RackBoard::Outcome::kUnplugged:
      return -ESHUTDOWN;
    case RackBoard::Outcome::kCancelled:
      return -ENOENT;
    case RackBoard::Outcome::kOverflow:
      return -EOVERFLOW;
  }
  return -EIO;
}

ByteView bytes_of(const Header& header) {
  return {reinterpret_cast<const std::uint8_t*>(&header), sizeof header};
}

}  // namespace

class UrbTable::Pending final : public Urb {
 public:
  Pending(UrbTable& owner, std::uint32_t number, std::uint32_t urb_flags)
      : table(owner), sequence(number), flags(urb_flags) {}

  void ended() override { table.finish(*this); }

  UrbTable& table;
  const std::uint32_t sequence;
  const std::uint32_t flags;
  // Of the request that unlinked it; 0: none has.
  std::uint32_t unlinked_by = 0;
};

UrbTable::UrbTable(UsbDevice& device, SocketStream& stream, Unlinked answer)
    : device_(device), stream_(stream), answer_(answer) {}

UrbTable::~UrbTable() {
  CHECK(pending_.empty(), "URBs were left in flight");
}

Task<Status> UrbTable::submit(const Header& header) {
  const std::uint32_t sequence = header.sequence;
  const std::uint32_t length = header.submit.length;
  if (length > kUsbfsMemory) co_return Error(Code::kInvalid, "a URB of {} bytes", length);
  auto pending = std::make_unique<Pending>(*this, sequence, header.submit.flags);
  Pending& urb = *pending;
  const bool in = header.direction == kDirectionIn;
  const auto endpoint = static_cast<std::uint8_t>(header.endpoint & 0x0f);
  urb.endpoint = static_cast<std::uint8_t>(endpoint | (in && endpoint != 0 ? 0x80 : 0));
  urb.setup = header.submit.setup;
  urb.data.resize(length);
  if (!in) CO_TRY_STATUS(co_await stream_.read(urb.data));
  const std::uint16_t packet_size = device_.packet_size(urb.endpoint);
  urb.zero_packet = !in && (urb.flags & kZeroPacket) != 0 && packet_size != 0 && length != 0 &&
                    length % packet_size == 0;
  if (!pending_.emplace(sequence, std::move(pending)).second) {
    co_return Error(Code::kInvalid, "URB {} is in flight already", sequence);
  }
  device_.port().submit(urb);
  co_return Status();
}

void UrbTable::unlink(const Header& header) {
  const auto at = pending_.find(header.unlink.sequence);
  if (at != pending_.end()) {
    at->second->unlinked_by = header.sequence;
    device_.port().cancel(*at->second);
    return;
  }
  // It has ended, and its answer is on the way.
  if (answer_ == Unlinked::kRetSubmit) return;
  Header answer;
  answer.command = kRetUnlink;
  answer.sequence = header.sequence;
  answer.ret_unlink = {};
  stream_.write(bytes_of(answer));
}

void UrbTable::unlink_all(const std::function<bool(std::uint8_t endpoint)>& which) {
  std::vector<std::uint32_t> found;
  for (const auto& [sequence, pending] : pending_) {
    if (which(pending->endpoint)) found.push_back(sequence);
  }
  for (const std::uint32_t sequence : found) {
    // One that ends may take others along.
    const auto at = pending_.find(sequence);
    if (at != pending_.end()) device_.port().cancel(*at->second);
  }
}

Task<void> UrbTable::wait_empty() {
  while (!pending_.empty()) {
    if (!co_await finished_.wait()) break;
  }
}

void UrbTable::finish(Pending& pending) {
  Header answer;
  answer.sequence = pending.sequence;
  int status = to_errno(pending.outcome);
  ByteView data;
  const bool cancelled = pending.outcome == RackBoard::Outcome::kCancelled;
  if (cancelled && pending.unlinked_by != 0 && answer_ == Unlinked::kRetUnlink) {
    answer.command = kRetUnlink;
    answer.sequence = pending.unlinked_by;
    answer.ret_unlink = {};
    answer.ret_unlink.status = static_cast<std::uint32_t>(-ECONNRESET);
  } else {
    const auto size = static_cast<std::uint32_t>(pending.data.size());
    const bool is_short = pending.is_in() && pending.actual < size;
    if (status == 0 && is_short && (pending.flags & kShortNotOk) != 0) status = -EREMOTEIO;
    answer.command = kRetSubmit;
    answer.ret_submit = {};
    answer.ret_submit.status = static_cast<std::uint32_t>(status);
    answer.ret_submit.actual = pending.actual;
    if (pending.is_in()) data = ByteView(pending.data).first(std::min(pending.actual, size));
  }
  stream_.write(bytes_of(answer), data);
  pending_.erase(pending.sequence);
  finished_.notify();
}

}  // namespace gangd::rig
