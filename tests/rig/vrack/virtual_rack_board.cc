#include "tests/rig/vrack/virtual_rack_board.h"

#include <utility>

#include "base/check.h"
#include "tests/rig/vrack/chip_commands.h"

namespace gangd::rig {
namespace {

model::VirtualBoard::Options options_for(const std::string& part, std::size_t index) {
  model::VirtualBoard::Options options;
  options.part = part;
  options.seed = index + 1;
  options.enumerate = false;  // usb_device.cc does
  for (std::size_t i = 0; i < sizeof(std::uint32_t); ++i) {
    options.uid[i] = static_cast<std::uint8_t>((index + 1) >> 8 * i);
  }
  return options;
}

RackBoard::Outcome outcome_of(model::VirtualBoard::Outcome outcome) {
  switch (outcome) {
    case model::VirtualBoard::Outcome::kDone:
      return RackBoard::Outcome::kDone;
    case model::VirtualBoard::Outcome::kStalled:
      return RackBoard::Outcome::kStalled;
    case model::VirtualBoard::Outcome::kUnplugged:
      return RackBoard::Outcome::kUnplugged;
    case model::VirtualBoard::Outcome::kCancelled:
      return RackBoard::Outcome::kCancelled;
    case model::VirtualBoard::Outcome::kOverflow:
      return RackBoard::Outcome::kOverflow;
  }
  CHECK(false, "no such outcome");
}

}  // namespace

VirtualRackBoard::VirtualRackBoard(const std::string& part, std::size_t index, Host& host)
    : host_(host), board_(options_for(part, index)) {
  board_.on_complete = [this](model::VirtualBoard::Transfer& transfer) { completed(transfer); };
  board_.on_attach = [this](bool) { host_.attached_changed(); };
}

void VirtualRackBoard::submit(Transfer& transfer, BoardTime now) {
  auto twin = std::make_unique<Twin>();
  Twin& theirs = *twin;
  theirs.ours = &transfer;
  theirs.endpoint = transfer.endpoint;
  theirs.setup = transfer.setup;
  theirs.data = std::move(transfer.data);
  const bool is_free = twins_.emplace(transfer.endpoint, std::move(twin)).second;
  CHECK(is_free, "a second transfer at endpoint {:#x}", transfer.endpoint);
  board_.submit(theirs, now);
}

void VirtualRackBoard::cancel(Transfer& transfer, BoardTime now) {
  const auto at = twins_.find(transfer.endpoint);
  if (at != twins_.end() && at->second->ours == &transfer) board_.cancel(*at->second, now);
}

void VirtualRackBoard::completed(model::VirtualBoard::Transfer& transfer) {
  // Kept until the end of this function; the host may submit the next one at this endpoint.
  const auto node = twins_.extract(transfer.endpoint);
  CHECK(!node.empty(), "the board completed what it did not have");
  RackBoard::Transfer& ours = *node.mapped()->ours;
  ours.data = std::move(transfer.data);
  ours.outcome = outcome_of(transfer.outcome);
  ours.actual = transfer.actual;
  host_.completed(ours);
}

Result<std::string> VirtualRackBoard::chip_command(const std::vector<std::string>& words,
                                                   BoardTime) {
  return run_chip_command(board_.chip(), words);
}

}  // namespace gangd::rig
