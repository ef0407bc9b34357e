// XFP between its frames: what a chip that is still busy, a bus that begins anew and DFU in the
// next interface do to it. On fake memories, frame by frame.
#include "target_fw/core/xfp.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <deque>

#include "base/bytes.h"
#include "base/sha256.h"
#include "target_fw/core/bytes.h"
#include "target_fw/core/crc32c.h"
#include "tests/unit/core/board.h"

namespace gangd::model {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::uint32_t kFlash = 0x9000'0000;
constexpr std::uint32_t kSize = 8 * 1024 * 1024;
constexpr std::uint32_t kBank = kSize / 2;
const Bytes kNonce(XFP_NONCE_SIZE, 0x4e);

struct Request {
  std::uint8_t op = XFP_STATUS;
  std::uint8_t mode = 0;
  std::uint8_t flags = 0;
  std::uint32_t address = kFlash;
  std::uint32_t span = 0;
  Bytes payload = {};
};

struct Answer {
  std::uint8_t op = 0;
  std::uint8_t status = 0;
  Bytes payload = {};

  std::uint8_t state() const { return payload.at(XFP_JOB_AT_STATE); }
  std::uint8_t job() const { return payload.at(XFP_JOB_AT_OP); }
  std::uint32_t left_ms() const { return load_le32(payload.data() + XFP_JOB_AT_LEFT_MS); }
};

// A host that says what it likes, and fetches an answer when it likes.
class XfpTest : public testing::Test {
 protected:
  XfpTest() { send({.op = XFP_HELLO}), (void)fetch(); }
  ~XfpTest() override {
    for (Transfer& transfer : transfers_) board_.usb.cancel(transfer);
  }

  void send(const Request& request) {
    if (request.op == XFP_HELLO) ++session_, sequence_ = 0;
    Bytes frame(XFP_HEADER_SIZE);
    store_le32(frame.data() + XFP_AT_MAGIC, XFP_MAGIC);
    store_le32(frame.data() + XFP_AT_SESSION, session_);
    store_le32(frame.data() + XFP_AT_SEQUENCE, sequence_++);
    frame[XFP_AT_OP] = request.op;
    frame[XFP_AT_MODE] = request.mode;
    frame[XFP_AT_FLAGS] = request.flags;
    store_le32(frame.data() + XFP_AT_ADDRESS, request.address);
    store_le32(frame.data() + XFP_AT_SPAN, request.span);
    store_le32(frame.data() + XFP_AT_SIZE, static_cast<std::uint32_t>(request.payload.size()));
    frame.insert(frame.end(), request.payload.begin(), request.payload.end());
    const auto size = static_cast<std::uint32_t>(frame.size()) - XFP_AT_SESSION;
    store_le32(frame.data() + XFP_AT_CRC, crc32c_update(0, frame.data() + XFP_AT_SESSION, size));
    if (frame.size() % XFP_PACKET_UNIT == 0) frame.push_back(0);
    submit(XFP_ENDPOINT, std::move(frame));
    board_.run(10);
  }
  // The next answer; one that does not come within the time has op 0.
  Answer fetch(std::uint64_t limit_us = 1000) {
    Transfer& in = submit(XFP_ENDPOINT | USB_IN, Bytes(XFP_ROOM));
    const std::uint64_t until = board_.now_us + limit_us;
    while (in.actual == 0 && board_.now_us < until) board_.run(10);
    if (in.actual == 0) {
      board_.usb.cancel(in);
      return {};
    }
    const std::uint8_t* frame = in.data.data();
    return {
        frame[XFP_AT_OP], frame[XFP_AT_STATUS],
        Bytes(frame + XFP_HEADER_SIZE, frame + XFP_HEADER_SIZE + load_le32(frame + XFP_AT_SIZE))};
  }
  Answer call(const Request& request) {
    send(request);
    return fetch();
  }
  // Until the job has ended.
  Answer settle() {
    Answer answer = call({.op = XFP_STATUS});
    while (answer.op == XFP_STATUS && answer.state() == XFP_JOB_RUNNING) {
      board_.run(10'000);
      answer = call({.op = XFP_STATUS});
    }
    return answer;
  }
  // SET_INTERFACE, as a host does that begins anew.
  void select() { EXPECT_EQ(board_.control(0x01, 11, 0, 1, {}, 0).outcome, Outcome::kDone); }
  FakeMemory& memory() { return board_.memories[0]; }

  static Board::Options options() {
    FakeMemory::Options memory;
    memory.geometry.size = kSize;
    memory.geometry.bank_size = kBank;
    memory.erase_all_ms = 60'000;
    memory.erase_ms = 400;
    return {.memories = {memory}};
  }

  Board board_{options()};

 private:
  Transfer& submit(std::uint8_t endpoint, Bytes data) {
    transfers_.push_back({.endpoint = endpoint, .setup = {}, .data = std::move(data)});
    board_.usb.submit(transfers_.back());
    return transfers_.back();
  }

  std::uint32_t session_ = 0;
  std::uint32_t sequence_ = 0;
  std::deque<Transfer> transfers_;
};

// A chip erase of the session before goes on for a minute; a host that hears nothing so long takes
// the line for broken.
TEST_F(XfpTest, AJobIsAnsweredWhileTheChipEndsWhatNobodyWaitsFor) {
  EXPECT_EQ(call({.op = XFP_ERASE, .mode = XFP_ERASE_ALL, .span = kSize}).status, XFP_OK);
  board_.run(1'000'000);
  ASSERT_EQ(memory().operations, std::vector<std::string>{"erase all"});
  for (const Request& job : {Request{.op = XFP_ERASE, .mode = XFP_ERASE_ALL, .span = 4096},
                             Request{.op = XFP_HASH, .span = 4096, .payload = kNonce},
                             Request{.op = XFP_DIGESTS, .span = 4096}}) {
    EXPECT_EQ(call({.op = XFP_HELLO}).op, XFP_HELLO);
    const Answer before = call({.op = XFP_STATUS});
    EXPECT_EQ(before.state(), XFP_JOB_RUNNING);
    EXPECT_EQ(before.job(), XFP_HELLO);
    EXPECT_GT(before.left_ms(), 0U);
    EXPECT_EQ(call(job).op, job.op);
    const Answer status = call({.op = XFP_STATUS});
    EXPECT_EQ(status.state(), XFP_JOB_RUNNING);
    EXPECT_EQ(status.job(), job.op);
    EXPECT_GT(status.left_ms(), 0U);
  }
  EXPECT_EQ(memory().operations.size(), 1U);
  const Answer done = settle();
  EXPECT_EQ(done.state(), XFP_JOB_DONE);
  EXPECT_EQ(done.left_ms(), 0U);
  EXPECT_GT(board_.now_us, 50'000'000U) << "it has waited for the chip";
}

// Between them STATUS says that the chip is busy, and when it no longer is.
TEST_F(XfpTest, AWriteWaitsUntilStatusSaysThatTheChipIsFree) {
  EXPECT_EQ(call({.op = XFP_ERASE, .mode = XFP_ERASE_ALL, .span = kSize}).status, XFP_OK);
  board_.run(1'000'000);
  EXPECT_EQ(call({.op = XFP_HELLO}).op, XFP_HELLO);
  EXPECT_EQ(settle().state(), XFP_JOB_NONE);
  send({.op = XFP_WRITE, .span = 16, .payload = Bytes(16, 0x41)});
  EXPECT_EQ(fetch(10'000).status, XFP_OK);
  EXPECT_EQ(memory().bytes[15], 0x41);
}

TEST_F(XfpTest, AnErasedBlockOfDfuIsWaitedForByAJobToo) {
  EXPECT_EQ(board_.download(0, command(0x41, kFlash)), Outcome::kDone);
  EXPECT_EQ(board_.status().state, DFU_DNBUSY);
  board_.run(1000);
  ASSERT_TRUE(memory().busy());
  EXPECT_EQ(call({.op = XFP_HASH, .span = 4096, .payload = kNonce}).op, XFP_HASH);
  const Answer status = call({.op = XFP_STATUS});
  EXPECT_EQ(status.state(), XFP_JOB_RUNNING);
  EXPECT_GT(status.left_ms(), 100U);
  EXPECT_EQ(settle().state(), XFP_JOB_DONE);
}

// A hash that says what lies there must be of one moment.
TEST_F(XfpTest, AWriteOfDfuWaitsForTheEndOfAHash) {
  for (std::size_t i = 0; i < kSize; ++i) memory().bytes[i] = static_cast<std::uint8_t>(i * 7);
  const Sha256Digest before = sha256(memory().bytes);
  EXPECT_EQ(call({.op = XFP_HASH, .span = kSize, .payload = kNonce}).status, XFP_OK);
  ASSERT_EQ(call({.op = XFP_STATUS}).state(), XFP_JOB_RUNNING);
  EXPECT_EQ(board_.download(2 + 200, Bytes(4096, 0)), Outcome::kDone);
  EXPECT_EQ(board_.status().state, DFU_DNBUSY);
  const Answer done = settle();
  ASSERT_EQ(done.payload.size(), std::size_t{XFP_JOB_SIZE} + XFP_PROOF_SIZE);
  EXPECT_TRUE(std::ranges::equal(ByteView(done.payload).subspan(XFP_JOB_SIZE, 32), before.bytes));
  EXPECT_EQ(board_.settle().state, DFU_DNLOAD_IDLE);
  EXPECT_EQ(memory().bytes[200 * 4096 + 1], 0);
}

// Found by a reviewer: what the job of the other bank was about to read was taken for what the
// WRITE had written, far outside of its frame.
TEST_F(XfpTest, AWriteBesideAJobThatFailsIsNotCheckedByWhatThatReads) {
  EXPECT_EQ(call({.op = XFP_DIGESTS, .span = kBank}).status, XFP_OK);
  send({.op = XFP_STATUS}); /* its answer stays in the device for now */
  send({.op = XFP_WRITE, .address = kFlash + kBank, .span = 64, .payload = Bytes(64, 0x42)});
  while (!board_.device.xfp.written) board_.run(1);
  ASSERT_EQ(board_.device.xfp.job.state, XFP_JOB_RUNNING);
  memory().read_outcome = DFU_ERR_VENDOR;
  board_.run(1000);
  ASSERT_EQ(board_.device.xfp.job.state, XFP_JOB_FAILED);
  memory().read_outcome = DFU_OK;
  EXPECT_EQ(fetch().op, XFP_STATUS);
  const Answer answer = fetch();
  EXPECT_EQ(answer.op, XFP_WRITE);
  EXPECT_EQ(answer.status, XFP_OK);
}

// Both places to unpack to may be taken: by the write that goes on, and by the one behind it. The
// memory complains of bytes that change while it writes them.
TEST_F(XfpTest, WhatANewHostSendsDoesNotTouchAWriteThatGoesOn) {
  for (const std::uint8_t byte : {std::uint8_t{0x11}, std::uint8_t{0x22}}) {
    send({.op = XFP_WRITE, .mode = XFP_FILL, .flags = XFP_QUIET, .span = 4096, .payload = {byte}});
  }
  board_.run(100);
  ASSERT_TRUE(memory().busy());
  select();
  send({.op = XFP_WRITE, .mode = XFP_FILL, .span = 4096, .payload = {0x33}});
  board_.run(100);
  ASSERT_TRUE(memory().busy());
  board_.run(10'000);
  EXPECT_EQ(memory().bytes[4095], 0x11);
  EXPECT_EQ(call({.op = XFP_HELLO}).op, XFP_HELLO);
  EXPECT_EQ(call({.op = XFP_STATUS}).state(), XFP_JOB_NONE);
}

// Out of a chip that is not in the state that it should be in.
TEST_F(XfpTest, WhatIsReadBackComesOutOfTheCells) {
  const Request read = {.op = XFP_READ, .span = 16};
  const auto read_wrong = [&] {
    memory().reads_wrong = true;
    return call(read).payload;
  };
  send({.op = XFP_WRITE, .span = 16, .payload = Bytes(16, 0x41)});
  EXPECT_EQ(fetch(10'000).status, XFP_OK);
  EXPECT_EQ(read_wrong(), Bytes(16, 0x41));
  EXPECT_EQ(call(read).payload, Bytes(16, 0x41));
  EXPECT_EQ(memory().restarts, 1) << "once is enough";
  EXPECT_EQ(call({.op = XFP_HELLO}).op, XFP_HELLO);
  EXPECT_EQ(read_wrong(), Bytes(16, 0x41)) << "somebody else may have written";
  EXPECT_EQ(call({.op = XFP_ERASE, .mode = XFP_ERASE_ALL, .span = 4096}).status, XFP_OK);
  EXPECT_EQ(settle().state(), XFP_JOB_DONE);
  EXPECT_EQ(read_wrong(), Bytes(16, 0xff));
}

// What a newer host means by them may be less than what an older device would do.
TEST_F(XfpTest, ModesAndFlagsThatNobodyKnowsAreRefused) {
  memory().bytes[0] = 0;
  constexpr std::uint8_t kFlag = 0x80;
  for (const Request& wrong :
       {Request{.op = XFP_ERASE, .mode = 2, .span = kSize},
        Request{.op = XFP_ERASE, .mode = XFP_ERASE_ALL, .flags = kFlag, .span = kSize},
        Request{.op = XFP_HASH, .mode = 2, .span = 16, .payload = kNonce},
        Request{.op = XFP_HASH, .flags = kFlag, .span = 16, .payload = kNonce},
        Request{.op = XFP_DIGESTS, .mode = 1, .span = 16}, Request{.op = XFP_STATUS, .mode = 1},
        Request{.op = XFP_READ, .mode = 1, .span = 16},
        Request{.op = XFP_TRACE, .mode = 2, .span = 1},
        Request{.op = XFP_WRITE, .flags = kFlag, .span = 4, .payload = Bytes(4, 0)}}) {
    EXPECT_EQ(call(wrong).status, DFU_ERR_TARGET) << int{wrong.op} << ' ' << int{wrong.mode};
  }
  EXPECT_EQ(call({.op = XFP_WRITE, .span = 4, .payload = Bytes(4, 0)}).status, DFU_ERR_NOTDONE);
  EXPECT_EQ(memory().operations, std::vector<std::string>());
}

}  // namespace
}  // namespace gangd::model
