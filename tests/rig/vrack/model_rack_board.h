// ModelRackBoard: a board that is a model of its own (a VirtualBoard, an EmuBoard), as a board of
// the rack. One connector of it: a board that has two is two of these, and one of them has it.
#pragma once

#include <map>
#include <memory>
#include <utility>

#include "base/check.h"
#include "tests/model/transfer.h"
#include "tests/rig/vrack/rack_board.h"

namespace gangd::rig {

template <class Board>
class ModelRackBoard : public RackBoard {
 public:
  ModelRackBoard(std::shared_ptr<Board> board, Host& host)
      : host_(host), is_second_(false), board_(std::move(board)) {
    board_->on_complete = [](model::Transfer& transfer) {
      static_cast<Twin&>(transfer).at->completed(transfer);
    };
    board_->on_attach = [this](bool) {
      host_.attached_changed();
      if (other_ != nullptr) other_->host_.attached_changed();
    };
  }
  // The second connector of `first`.
  ModelRackBoard(ModelRackBoard& first, Host& host)
      : host_(host), is_second_(true), other_(&first), board_(first.board_) {
    first.other_ = this;
  }
  ~ModelRackBoard() override {
    if (other_ != nullptr) other_->other_ = nullptr;
    // The board may live on with the other one, and what it calls would be gone.
    board_->on_attach = nullptr;
  }

  // Fixtures switch the power of both connectors together: who pulls one has pulled the board.
  void plug(BoardTime now) override {
    plugged_ = true;
    board_->plug(now);
  }
  void unplug(BoardTime now) override {
    plugged_ = false;
    board_->unplug(now);
  }
  // Without a second port to be plugged into, whatever it shows is seen at the only one.
  bool attached() const override {
    if (!plugged_ || !board_->attached()) return false;
    return other_ == nullptr || board_->at_second_port() == is_second_;
  }
  bool high_speed() const override { return board_->high_speed(); }
  bool is_second_connector() const override { return is_second_; }
  void bus_reset(BoardTime now) override { board_->bus_reset(now); }
  BoardTime advance(BoardTime now) override { return board_->advance(now); }

  void submit(Transfer& transfer, BoardTime now) override {
    auto twin = std::make_unique<Twin>();
    Twin& theirs = *twin;
    theirs.at = this;
    theirs.ours = &transfer;
    theirs.endpoint = transfer.endpoint;
    theirs.setup = transfer.setup;
    theirs.data = std::move(transfer.data);
    const bool is_free = twins_.emplace(transfer.endpoint, std::move(twin)).second;
    CHECK(is_free, "a second transfer at endpoint {:#x}", transfer.endpoint);
    board_->submit(theirs, now);
  }
  void cancel(Transfer& transfer, BoardTime now) override {
    const auto at = twins_.find(transfer.endpoint);
    if (at != twins_.end() && at->second->ours == &transfer) board_->cancel(*at->second, now);
  }

  Board& board() { return *board_; }

 private:
  // The board's own kind of transfer, which stands for one of ours.
  struct Twin : model::Transfer {
    ModelRackBoard* at = nullptr;
    RackBoard::Transfer* ours = nullptr;
  };

  static Outcome outcome_of(model::Outcome outcome) {
    switch (outcome) {
      case model::Outcome::kDone:
        return Outcome::kDone;
      case model::Outcome::kStalled:
        return Outcome::kStalled;
      case model::Outcome::kUnplugged:
        return Outcome::kUnplugged;
      case model::Outcome::kCancelled:
        return Outcome::kCancelled;
      case model::Outcome::kOverflow:
        return Outcome::kOverflow;
    }
    CHECK(false, "no such outcome");
  }

  void completed(model::Transfer& transfer) {
    // Kept until the end of this function; the host may submit the next one at this endpoint.
    const auto node = twins_.extract(transfer.endpoint);
    CHECK(!node.empty(), "the board completed what it did not have");
    RackBoard::Transfer& ours = *node.mapped()->ours;
    ours.data = std::move(transfer.data);
    ours.outcome = outcome_of(transfer.outcome);
    ours.actual = transfer.actual;
    host_.completed(ours);
  }

  Host& host_;
  const bool is_second_;
  bool plugged_ = false;
  ModelRackBoard* other_ = nullptr;  // connector
  // In flight. Keyed by endpoint: a port has one transfer at a time at each.
  std::map<std::uint8_t, std::unique_ptr<Twin>> twins_;
  // Its two owners are the board's connectors.
  const std::shared_ptr<Board> board_;
};

}  // namespace gangd::rig
