// What a board must do with XFP frames (target_fw/PROTOCOL.md), whole and broken. Run against the
// firmware's core in virtual time, and by libusb over the rig.
#include <gtest/gtest.h>

#include <array>
#include <chrono>

#include "base/crc32c.h"
#include "base/sha256.h"
#include "loop/deadline.h"
#include "loop/sleep.h"
#include "tests/usb_cases/usb_cases.h"
#include "wire/wire.h"
#include "wire/xfp_link.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

constexpr Duration kPatience = 30s;
constexpr std::uint32_t kFlash = 0x9000'0000;
constexpr std::size_t kBlock = 4096;

ByteVector pattern(std::uint8_t salt, std::size_t size) {
  ByteVector bytes(size);
  for (std::size_t i = 0; i < size; ++i) bytes[i] = static_cast<std::uint8_t>(i * 11 + salt);
  return bytes;
}

ByteVector words(std::initializer_list<std::uint32_t> values) {
  ByteWriter writer;
  for (const std::uint32_t value : values) writer.u32_le(value);
  return std::move(writer).take();
}

struct JobState {
  std::uint8_t state = XFP_JOB_NONE;
  std::uint8_t status = 0;
  std::uint32_t done = 0;
  std::uint32_t skipped = 0;
  ByteVector digest;
};

// A host with its session begun on board 0.
class XfpHost {
 public:
  static Task<std::unique_ptr<XfpHost>> open(Rack& rack) {
    while (true) {
      const std::uint64_t seen = rack.usb().revision();
      for (const UsbDevice& device : rack.usb().devices()) {
        if (device.path != rack.place(0)) continue;
        auto connection = co_await rack.usb().open(device.arrival);
        EXPECT_TRUE(connection);
        if (!connection) co_return nullptr;
        auto host = std::make_unique<XfpHost>(*std::move(connection));
        EXPECT_TRUE(co_await host->usb().claim(host->endpoints_.interface));
        EXPECT_TRUE(co_await host->usb().select(host->endpoints_.interface, 0));
        EXPECT_TRUE(co_await host->link.hello());
        co_return host;
      }
      const Status changed = co_await with_timeout(kPatience, rack.usb().changed(seen));
      EXPECT_TRUE(changed) << "the board appears";
      if (!changed) co_return nullptr;
    }
  }
  explicit XfpHost(std::unique_ptr<UsbConnection> connection)
      : connection_(std::move(connection)),
        endpoints_(*find_xfp(connection_->configuration())),
        link(*connection_, endpoints_) {}

  UsbConnection& usb() { return *connection_; }

  Task<JobState> status() {
    JobState job;
    const auto answer = co_await link.call(XFP_STATUS, 0, {});
    EXPECT_TRUE(answer) << (answer ? "" : answer.error().message());
    if (!answer) co_return job;
    ByteReader reader(answer->payload);
    job.state = reader.u8();
    reader.skip(1);
    job.status = reader.u8();
    reader.skip(1);
    job.done = reader.u32_le();
    reader.skip(4);
    job.skipped = reader.u32_le();
    reader.skip(4);
    const ByteView digest = reader.bytes(reader.left());
    job.digest.assign(digest.begin(), digest.end());
    EXPECT_TRUE(reader.complete());
    co_return job;
  }
  Task<JobState> run(xfp_op op, std::uint32_t address, ByteVector payload) {
    EXPECT_TRUE(co_await link.call(op, address, std::move(payload)));
    JobState job = co_await status();
    while (job.state == XFP_JOB_RUNNING) {
      (void)co_await sleep_for(2ms);
      job = co_await status();
    }
    co_return job;
  }
  Task<ByteVector> read(std::uint32_t address, std::uint32_t size) {
    const auto answer = co_await link.call(XFP_READ, address, words({size}));
    EXPECT_TRUE(answer);
    co_return answer ? answer->payload : ByteVector();
  }
  // A frame of the test's own making, right but for what it says.
  Task<> send_raw(std::uint32_t session, std::uint32_t sequence, xfp_op op, ByteVector payload,
                  bool damaged = false) {
    ByteWriter frame;
    frame.u32_le(XFP_MAGIC).u32_le(0).u32_le(session).u32_le(sequence);
    frame.u8(static_cast<std::uint8_t>(op)).u8(0);
    frame.u16_le(static_cast<std::uint16_t>(payload.size())).u32_le(kFlash).bytes(payload);
    frame.patch_u32_le(XFP_AT_CRC, crc32c(frame.view().subspan(XFP_AT_SESSION)) ^ damaged);
    EXPECT_TRUE(co_await usb().bulk_out(endpoints_.out, std::move(frame).take()));
  }
  // The status of the next frame that comes, whatever session it is of.
  Task<std::uint8_t> next_status() {
    const auto frame = co_await with_timeout(kPatience, usb().bulk_in(endpoints_.in, 4608));
    EXPECT_TRUE(frame && frame->size() >= XFP_HEADER_SIZE);
    co_return frame && frame->size() > XFP_AT_STATUS ? (*frame)[XFP_AT_STATUS] : 0xff;
  }

 private:
  std::unique_ptr<UsbConnection> connection_;
  const XfpEndpoints endpoints_;

 public:
  XfpLink link;
};

Task<> a_memory_is_erased_written_hashed_and_read(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (!host) co_return;
  const ByteVector bytes = pattern(1, 3 * kBlock + 100);
  const auto size = static_cast<std::uint32_t>(bytes.size());
  EXPECT_EQ((co_await host->run(XFP_ERASE, kFlash, words({size, XFP_ERASE_FORCE}))).state,
            XFP_JOB_DONE);
  for (std::size_t at = 0; at < bytes.size(); at += kBlock) {
    const ByteView piece = ByteView(bytes).subspan(at, std::min(kBlock, bytes.size() - at));
    EXPECT_TRUE(co_await host->link.send(XFP_WRITE, static_cast<std::uint32_t>(kFlash + at),
                                         ByteVector(piece.begin(), piece.end())));
  }
  while (host->link.unanswered() > 0) EXPECT_TRUE(co_await host->link.receive());
  const JobState hash = co_await host->run(XFP_HASH, kFlash, words({size}));
  const Sha256Digest expected = sha256(bytes);
  EXPECT_EQ(hash.digest, ByteVector(expected.bytes.begin(), expected.bytes.end()));
  EXPECT_EQ(co_await host->read(kFlash, 100), ByteVector(bytes.begin(), bytes.begin() + 100));
}

Task<> every_size_of_a_frame_arrives(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (!host) co_return;
  // Around whole packets, where an end is easily missed: 24 bytes are the header.
  for (const std::size_t size : {1U, 39U, 40U, 41U, 104U, 487U, 488U, 489U, 1000U, 4095U, 4096U}) {
    EXPECT_EQ((co_await host->run(XFP_ERASE, kFlash, words({4096, 0}))).state, XFP_JOB_DONE);
    const ByteVector bytes = pattern(static_cast<std::uint8_t>(size), size);
    EXPECT_TRUE(co_await host->link.call(XFP_WRITE, kFlash, bytes)) << size;
    EXPECT_EQ(co_await host->read(kFlash, static_cast<std::uint32_t>(size)), bytes) << size;
  }
}

Task<> only_what_is_not_blank_is_erased(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (!host) co_return;
  constexpr std::uint32_t kTwo = 2 * 64 * 1024;
  EXPECT_EQ((co_await host->run(XFP_ERASE, kFlash, words({kTwo, XFP_ERASE_FORCE}))).skipped, 0U);
  EXPECT_EQ((co_await host->run(XFP_ERASE, kFlash, words({kTwo, 0}))).skipped, kTwo);
  // One bit at the very end of the second half.
  EXPECT_TRUE(co_await host->link.call(XFP_WRITE, kFlash + kTwo - 1, {0xfe}));
  const JobState job = co_await host->run(XFP_ERASE, kFlash, words({kTwo, 0}));
  EXPECT_EQ(job.state, XFP_JOB_DONE);
  EXPECT_EQ(job.done, kTwo);
  EXPECT_LT(job.skipped, kTwo);
  EXPECT_GE(job.skipped, kTwo / 2);
  EXPECT_EQ(co_await host->read(kFlash + kTwo - 1, 1), ByteVector{0xff});
  // What lies in the same block and outside of the range counts, too: it would go with it.
  EXPECT_TRUE(co_await host->link.call(XFP_WRITE, kFlash + 100, {0x00}));
  EXPECT_EQ((co_await host->run(XFP_ERASE, kFlash, words({10, 0}))).skipped, 0U);
}

Task<> a_status_is_answered_while_a_job_runs(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (!host) co_return;
  EXPECT_TRUE(co_await host->link.call(XFP_ERASE, kFlash, words({8 << 16, XFP_ERASE_FORCE})));
  int running = 0;
  JobState job = co_await host->status();
  for (; job.state == XFP_JOB_RUNNING; job = co_await host->status()) {
    ++running;
    (void)co_await sleep_for(1ms);
  }
  EXPECT_EQ(job.state, XFP_JOB_DONE);
  EXPECT_GT(running, 1);
}

Task<> a_damaged_frame_ends_the_session(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (!host) co_return;
  co_await host->send_raw(1, 1, XFP_WRITE, pattern(2, 64), true);
  EXPECT_EQ(co_await host->next_status(), XFP_LOST);
  // Deaf: what follows is not executed and not answered, until a new session.
  co_await host->send_raw(1, 2, XFP_STATUS, {});
  EXPECT_TRUE(co_await host->link.hello());
  EXPECT_EQ((co_await host->status()).state, XFP_JOB_NONE);
}

Task<> a_frame_out_of_sequence_ends_the_session(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (!host) co_return;
  EXPECT_EQ((co_await host->run(XFP_ERASE, kFlash, words({4096, XFP_ERASE_FORCE}))).state,
            XFP_JOB_DONE);
  EXPECT_TRUE(co_await host->link.hello());
  // Lost: number 1. Repeated: number 0 of another kind. Both say so, and nothing is written.
  co_await host->send_raw(2, 2, XFP_WRITE, ByteVector(16, 0));
  EXPECT_EQ(co_await host->next_status(), XFP_LOST);
  EXPECT_TRUE(co_await host->link.hello());
  co_await host->send_raw(3, 0, XFP_WRITE, ByteVector(16, 0));
  EXPECT_EQ(co_await host->next_status(), XFP_LOST);
  EXPECT_TRUE(co_await host->link.hello());
  EXPECT_EQ(co_await host->read(kFlash, 16), ByteVector(16, 0xff));
}

Task<> frames_of_an_old_session_are_not_heard(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (!host) co_return;
  EXPECT_EQ((co_await host->run(XFP_ERASE, kFlash, words({4096, XFP_ERASE_FORCE}))).state,
            XFP_JOB_DONE);
  EXPECT_TRUE(co_await host->link.hello());
  co_await host->send_raw(1, 1, XFP_WRITE, ByteVector(16, 0));
  EXPECT_EQ(co_await host->read(kFlash, 16), ByteVector(16, 0xff));
}

Task<> a_new_session_waits_for_what_the_chip_does(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (!host) co_return;
  EXPECT_TRUE(co_await host->link.call(XFP_ERASE, kFlash, words({1 << 16, XFP_ERASE_FORCE})));
  EXPECT_TRUE(co_await host->link.hello());
  const ByteVector bytes = pattern(3, 300);
  EXPECT_TRUE(co_await host->link.call(XFP_WRITE, kFlash, bytes));
  EXPECT_EQ(co_await host->read(kFlash, 300), bytes);
}

Task<> what_cannot_be_is_refused_and_the_next_works(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (!host) co_return;
  const auto refused = [&host](xfp_op op, std::uint32_t address, ByteVector payload) -> Task<> {
    const auto answer = co_await host->link.call(op, address, std::move(payload));
    EXPECT_TRUE(answer.failed_with(Code::kDevice)) << op;
  };
  for (const xfp_op op : {XFP_HASH, XFP_READ}) {
    co_await refused(op, kFlash - 1, words({16}));
    co_await refused(op, kFlash, words({0}));
    co_await refused(op, 0xffff'fff0, words({64}));
    co_await refused(op, kFlash, {1, 2, 3});
  }
  co_await refused(XFP_READ, kFlash, words({XFP_PAYLOAD_MAX + 1}));
  co_await refused(XFP_ERASE, kFlash - 1, words({16, 0}));
  co_await refused(XFP_ERASE, kFlash, words({16}));
  co_await refused(static_cast<xfp_op>(7), kFlash, {});
  EXPECT_EQ((co_await host->run(XFP_HASH, kFlash, words({16}))).state, XFP_JOB_DONE);
  // A write that fails takes those behind it with it, until a new session.
  co_await refused(XFP_WRITE, kFlash - 1, ByteVector(16, 0));
  co_await refused(XFP_WRITE, kFlash, ByteVector(16, 0xff));
  EXPECT_TRUE(co_await host->link.hello());
  EXPECT_TRUE(co_await host->link.call(XFP_WRITE, kFlash, ByteVector(16, 0xff)));
}

Task<> more_requests_than_slots_only_wait(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (!host) co_return;
  EXPECT_TRUE(co_await host->link.call(XFP_ERASE, kFlash, words({1 << 16, XFP_ERASE_FORCE})));
  // Four lie in the device behind the erase; it takes the fifth when one is done.
  for (int i = 0; i < 4; ++i) {
    EXPECT_TRUE(co_await host->link.send(XFP_WRITE, kFlash, pattern(4, kBlock)));
  }
  EXPECT_TRUE(co_await host->link.send(XFP_STATUS, 0, {}));
  while (host->link.unanswered() > 0) EXPECT_TRUE(co_await host->link.receive());
  EXPECT_EQ(co_await host->read(kFlash, kBlock), pattern(4, kBlock));
}

constexpr std::array kCases = {
    UsbCase{"AMemoryIsErasedWrittenHashedAndRead", a_memory_is_erased_written_hashed_and_read},
    UsbCase{"EverySizeOfAFrameArrives", every_size_of_a_frame_arrives},
    UsbCase{"OnlyWhatIsNotBlankIsErased", only_what_is_not_blank_is_erased},
    UsbCase{"AStatusIsAnsweredWhileAJobRuns", a_status_is_answered_while_a_job_runs},
    UsbCase{"ADamagedFrameEndsTheSession", a_damaged_frame_ends_the_session},
    UsbCase{"AFrameOutOfSequenceEndsTheSession", a_frame_out_of_sequence_ends_the_session},
    UsbCase{"FramesOfAnOldSessionAreNotHeard", frames_of_an_old_session_are_not_heard},
    UsbCase{"ANewSessionWaitsForWhatTheChipDoes", a_new_session_waits_for_what_the_chip_does},
    UsbCase{"WhatCannotBeIsRefusedAndTheNextWorks", what_cannot_be_is_refused_and_the_next_works},
    UsbCase{"MoreRequestsThanSlotsOnlyWait", more_requests_than_slots_only_wait},
};

}  // namespace

std::span<const UsbCase> xfp_cases() {
  return kCases;
}

}  // namespace gangd
