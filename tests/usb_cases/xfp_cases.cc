// What a board must do with XFP frames (target_fw/PROTOCOL.md), whole and broken. Run against the
// firmware's core in virtual time, and by libusb over the rig.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>

#include "base/crc32c.h"
#include "base/sha256.h"
#include "loop/deadline.h"
#include "loop/sleep.h"
#include "target_fw/core/flash_trace.h"
#include "target_fw/core/xfp_frames.h"
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

constexpr Nonce kNonce = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};

struct JobState {
  std::uint8_t state = XFP_JOB_NONE;
  std::uint8_t status = 0;
  std::uint32_t done = 0;
  std::uint32_t skipped = 0;
  ByteVector result;  // of a HASH or DIGESTS
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
        host->link.set_limits(XFP_PAYLOAD_MAX, XFP_BUFFER);
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
    const auto answer = co_await link.call({.op = XFP_STATUS});
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
    const ByteView result = reader.bytes(reader.left());
    job.result.assign(result.begin(), result.end());
    EXPECT_TRUE(reader.complete());
    co_return job;
  }
  Task<JobState> run(XfpLink::Request request) {
    EXPECT_TRUE(co_await link.call(request));
    JobState job = co_await status();
    while (job.state == XFP_JOB_RUNNING) {
      (void)co_await sleep_for(2ms);
      job = co_await status();
    }
    co_return job;
  }
  Task<ByteVector> read(std::uint32_t address, std::uint32_t size) {
    const auto answer = co_await link.call({.op = XFP_READ, .address = address, .span = size});
    EXPECT_TRUE(answer);
    co_return answer ? answer->payload : ByteVector();
  }
  Task<JobState> erase(std::uint32_t address, std::uint32_t size, std::uint8_t mode) {
    return run({.op = XFP_ERASE, .mode = mode, .address = address, .span = size});
  }
  Task<JobState> hash(std::uint32_t address, std::uint32_t size) {
    return run({.op = XFP_HASH, .address = address, .span = size, .payload = kNonce});
  }
  static XfpLink::Request write_of(std::uint32_t address, ByteView bytes) {
    return {.op = XFP_WRITE,
            .address = address,
            .span = static_cast<std::uint32_t>(bytes.size()),
            .payload = bytes};
  }
  Task<Status> write(std::uint32_t address, ByteVector bytes) {
    const auto answer = co_await link.call(write_of(address, bytes));
    if (!answer) co_return answer.error();
    co_return Status();
  }
  // A frame of the test's own making, right but for what it says.
  Task<> send_raw(std::uint32_t session, std::uint32_t sequence, xfp_op op, ByteVector payload,
                  bool damaged = false) {
    const auto size = static_cast<std::uint32_t>(payload.size());
    ByteWriter frame;
    frame.u32_le(XFP_MAGIC).u32_le(0).u32_le(session).u32_le(sequence);
    frame.u8(static_cast<std::uint8_t>(op)).u8(0).u16_le(0);
    frame.u32_le(kFlash).u32_le(size).u32_le(size).bytes(payload);
    frame.patch_u32_le(XFP_AT_CRC, crc32c(frame.view().subspan(XFP_AT_SESSION)) ^ damaged);
    if (frame.size() % XFP_PACKET_UNIT == 0) frame.u8(0);
    co_await send_bytes(std::move(frame).take());
  }
  Task<> send_bytes(ByteVector bytes) {
    EXPECT_TRUE(co_await usb().bulk_out(endpoints_.out, std::move(bytes)));
  }
  // A session of the test's own making.
  Task<> hello_raw(std::uint32_t session) {
    co_await send_raw(session, 0, XFP_HELLO, {});
    EXPECT_EQ(co_await next_status(), XFP_OK);
  }
  // The status of the next frame that comes, whatever session it is of.
  Task<std::uint8_t> next_status() {
    const auto frame = co_await with_timeout(kPatience, usb().bulk_in(endpoints_.in, XFP_ROOM));
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
  EXPECT_EQ((co_await host->erase(kFlash, size, XFP_ERASE_ALL)).state, XFP_JOB_DONE);
  for (std::size_t at = 0; at < bytes.size(); at += kBlock) {
    const ByteView piece = ByteView(bytes).subspan(at, std::min(kBlock, bytes.size() - at));
    EXPECT_TRUE(co_await host->link.transmit(
        host->link.frame_of(XfpHost::write_of(static_cast<std::uint32_t>(kFlash + at), piece))));
  }
  std::uint64_t written = 0;
  while (!host->link.all_answered()) {
    const auto answer = co_await host->link.receive();
    EXPECT_TRUE(answer);
    if (!answer) co_return;
    written += answer->written;
  }
  EXPECT_EQ(written, bytes.size());
  const JobState hash = co_await host->hash(kFlash, size);
  const Sha256Digest expected = sha256(bytes);
  EXPECT_EQ(hash.result.size(), std::size_t{XFP_PROOF_SIZE});
  if (hash.result.size() != XFP_PROOF_SIZE) co_return;
  const ByteView proof = hash.result;
  EXPECT_TRUE(std::ranges::equal(proof.first(32), expected.bytes));
  EXPECT_TRUE(std::ranges::equal(proof.subspan(XFP_PROOF_AT_NONCE, XFP_NONCE_SIZE), kNonce));
  EXPECT_EQ(co_await host->read(kFlash, 100), ByteVector(bytes.begin(), bytes.begin() + 100));
}

Task<> every_size_of_a_frame_arrives(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (!host) co_return;
  // Around whole packets, where an end is easily missed: 32 bytes are the header.
  for (const std::size_t size : {1U, 31U, 32U, 33U, 96U, 479U, 480U, 481U, 1000U, 4095U, 4096U}) {
    EXPECT_EQ((co_await host->erase(kFlash, 4096, XFP_ERASE_NOT_BLANK)).state, XFP_JOB_DONE);
    const ByteVector bytes = pattern(static_cast<std::uint8_t>(size), size);
    EXPECT_TRUE(co_await host->write(kFlash, bytes)) << size;
    EXPECT_EQ(co_await host->read(kFlash, static_cast<std::uint32_t>(size)), bytes) << size;
  }
}

Task<> only_what_is_not_blank_is_erased(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (!host) co_return;
  constexpr std::uint32_t kTwo = 2 * 64 * 1024;
  EXPECT_EQ((co_await host->erase(kFlash, kTwo, XFP_ERASE_ALL)).skipped, 0U);
  EXPECT_EQ((co_await host->erase(kFlash, kTwo, XFP_ERASE_NOT_BLANK)).skipped, kTwo);
  // One bit at the very end of the second half.
  EXPECT_TRUE(co_await host->write(kFlash + kTwo - 1, {0xfe}));
  const JobState job = co_await host->erase(kFlash, kTwo, XFP_ERASE_NOT_BLANK);
  EXPECT_EQ(job.state, XFP_JOB_DONE);
  EXPECT_EQ(job.done, kTwo);
  EXPECT_LT(job.skipped, kTwo);
  EXPECT_GE(job.skipped, kTwo / 2);
  EXPECT_EQ(co_await host->read(kFlash + kTwo - 1, 1), ByteVector{0xff});
  // What lies in the same block and outside of the range counts, too: it would go with it.
  EXPECT_TRUE(co_await host->write(kFlash + 100, {0x00}));
  EXPECT_EQ((co_await host->erase(kFlash, 10, XFP_ERASE_NOT_BLANK)).skipped, 0U);
}

Task<> a_status_is_answered_while_a_job_runs(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (!host) co_return;
  // A host that came too late to see the job twice erases again.
  int running = 0;
  for (int erases = 0; running < 2 && erases < rack.tries(); ++erases) {
    EXPECT_TRUE(co_await host->link.call(
        {.op = XFP_ERASE, .mode = XFP_ERASE_ALL, .address = kFlash, .span = 8 << 16}));
    running = 0;
    JobState job = co_await host->status();
    for (; job.state == XFP_JOB_RUNNING; job = co_await host->status()) {
      ++running;
      (void)co_await sleep_for(1ms);
    }
    EXPECT_EQ(job.state, XFP_JOB_DONE);
  }
  EXPECT_GE(running, 2);
}

Task<> a_damaged_frame_ends_the_session(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (!host) co_return;
  co_await host->hello_raw(1);
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
  EXPECT_EQ((co_await host->erase(kFlash, 4096, XFP_ERASE_ALL)).state, XFP_JOB_DONE);
  co_await host->hello_raw(2);
  // Lost: number 1. Repeated: number 0 of another kind. Both say so, and nothing is written.
  co_await host->send_raw(2, 2, XFP_WRITE, ByteVector(16, 0));
  EXPECT_EQ(co_await host->next_status(), XFP_LOST);
  co_await host->hello_raw(3);
  co_await host->send_raw(3, 0, XFP_WRITE, ByteVector(16, 0));
  EXPECT_EQ(co_await host->next_status(), XFP_LOST);
  EXPECT_TRUE(co_await host->link.hello());
  EXPECT_EQ(co_await host->read(kFlash, 16), ByteVector(16, 0xff));
}

Task<> frames_of_an_old_session_are_not_heard(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (!host) co_return;
  EXPECT_EQ((co_await host->erase(kFlash, 4096, XFP_ERASE_ALL)).state, XFP_JOB_DONE);
  co_await host->hello_raw(1);
  EXPECT_TRUE(co_await host->link.hello());
  co_await host->send_raw(1, 1, XFP_WRITE, ByteVector(16, 0));
  EXPECT_EQ(co_await host->read(kFlash, 16), ByteVector(16, 0xff));
}

Task<> a_new_session_waits_for_what_the_chip_does(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (!host) co_return;
  EXPECT_TRUE(co_await host->link.call(
      {.op = XFP_ERASE, .mode = XFP_ERASE_ALL, .address = kFlash, .span = 1 << 16}));
  EXPECT_TRUE(co_await host->link.hello());
  const ByteVector bytes = pattern(3, 300);
  EXPECT_TRUE(co_await host->write(kFlash, bytes));
  EXPECT_EQ(co_await host->read(kFlash, 300), bytes);
}

Task<> what_cannot_be_is_refused_and_the_next_works(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (!host) co_return;
  const auto refused = [&host](XfpLink::Request request) -> Task<> {
    const auto answer = co_await host->link.call(request);
    EXPECT_TRUE(answer.failed_with(Code::kDevice)) << request.op << " " << request.address;
  };
  for (const xfp_op op : {XFP_HASH, XFP_READ, XFP_DIGESTS, XFP_ERASE}) {
    co_await refused({.op = op, .address = kFlash - 1, .span = 16, .payload = kNonce});
    co_await refused({.op = op, .address = kFlash, .span = 0, .payload = kNonce});
    co_await refused({.op = op, .address = 0xffff'fff0, .span = 64, .payload = kNonce});
  }
  co_await refused({.op = XFP_HASH, .address = kFlash, .span = 16});
  co_await refused({.op = XFP_READ, .address = kFlash, .span = XFP_PAYLOAD_MAX + 1});
  co_await refused({.op = static_cast<xfp_op>(15), .address = kFlash, .span = 16});
  EXPECT_EQ((co_await host->hash(kFlash, 16)).state, XFP_JOB_DONE);
  EXPECT_EQ((co_await host->erase(kFlash, kBlock, XFP_ERASE_ALL)).state, XFP_JOB_DONE);
  // A write that fails takes those behind it with it, until a new session.
  const ByteVector blank(16, 0xff);
  for (const XfpLink::Request& wrong :
       {XfpLink::Request{.op = XFP_WRITE, .address = kFlash - 1, .span = 16, .payload = blank},
        XfpLink::Request{.op = XFP_WRITE, .address = kFlash, .span = 17, .payload = blank},
        XfpLink::Request{
            .op = XFP_WRITE, .mode = 9, .address = kFlash, .span = 16, .payload = blank},
        XfpLink::Request{.op = XFP_WRITE, .mode = XFP_FILL, .address = kFlash, .span = 16},
        XfpLink::Request{
            .op = XFP_WRITE, .mode = XFP_LZ4, .address = kFlash, .span = 99, .payload = blank},
        XfpLink::Request{.op = XFP_WRITE,
                         .mode = XFP_FILL,
                         .address = kFlash,
                         .span = XFP_PAYLOAD_MAX + 1,
                         .payload = blank}}) {
    co_await refused(wrong);
    co_await refused(XfpHost::write_of(kFlash, blank));
    EXPECT_TRUE(co_await host->link.hello());
    EXPECT_TRUE(co_await host->write(kFlash, blank));
  }
}

// As many as the buffer takes, of any size: none is refused, and the bus never waits for the flash.
Task<> the_whole_buffer_can_be_in_flight(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (!host) co_return;
  host->link.set_limits(XFP_PAYLOAD_MAX, XFP_BUFFER);
  EXPECT_TRUE(co_await host->link.call(
      {.op = XFP_ERASE, .mode = XFP_ERASE_ALL, .address = kFlash, .span = 1 << 16}));
  const ByteVector bytes = pattern(4, 1 << 16);
  std::size_t at = 0;
  std::size_t size = 1;
  while (host->link.has_room(size) && at + size <= bytes.size()) {
    const ByteView piece = ByteView(bytes).subspan(at, size);
    EXPECT_TRUE(co_await host->link.transmit(
        host->link.frame_of(XfpHost::write_of(static_cast<std::uint32_t>(kFlash + at), piece))));
    at += size;
    size = std::min<std::size_t>(size * 3 + 1, XFP_PAYLOAD_MAX);
  }
  EXPECT_GT(at, std::size_t{XFP_BUFFER / 2});
  while (!host->link.all_answered()) {
    const auto answer = co_await host->link.receive();
    EXPECT_TRUE(answer) << (answer ? "" : answer.error().message());
    if (!answer) co_return;
  }
  EXPECT_TRUE(co_await host->link.hello());
  host->link.set_limits(XFP_PAYLOAD_MAX, XFP_BUFFER);
  for (std::size_t from = 0; from < at; from += kBlock) {
    const std::size_t some = std::min(kBlock, at - from);
    EXPECT_EQ(co_await host->read(static_cast<std::uint32_t>(kFlash + from),
                                  static_cast<std::uint32_t>(some)),
              ByteVector(bytes.begin() + static_cast<std::ptrdiff_t>(from),
                         bytes.begin() + static_cast<std::ptrdiff_t>(from + some)));
  }
}

// The host says which answers it can do without, and gets those that tell of a failure all the
// same.
Task<> what_is_to_be_quiet_is_answered_if_it_fails(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (!host) co_return;
  EXPECT_EQ((co_await host->erase(kFlash, kBlock, XFP_ERASE_ALL)).state, XFP_JOB_DONE);
  const ByteVector bytes = pattern(6, 100);
  XfpLink::Request write = XfpHost::write_of(kFlash, bytes);
  write.is_quiet = true;
  EXPECT_TRUE(co_await host->link.transmit(host->link.frame_of(write)));
  (void)co_await sleep_for(100ms);  // the chip is done, and nothing waits
  const auto answer = co_await host->link.call({.op = XFP_READ, .address = kFlash, .span = 100});
  EXPECT_TRUE(answer) << (answer ? "" : answer.error().message());
  if (!answer) co_return;
  EXPECT_EQ(answer->op, XFP_READ);
  EXPECT_EQ(answer->written, bytes.size());
  EXPECT_EQ(answer->payload, bytes);
  write.address = kFlash - 1;
  EXPECT_TRUE((co_await host->link.call(write)).failed_with(Code::kDevice));
}

Task<> what_is_packed_arrives_as_it_was(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (!host) co_return;
  EXPECT_EQ((co_await host->erase(kFlash, 1 << 16, XFP_ERASE_ALL)).state, XFP_JOB_DONE);
  // By the LZ4 block format: a run of 5 literals, a match of 4 + 15 + 10 bytes 5 before, 5
  // literals.
  const ByteVector packed = {0x5f, 'a',  'b', 'c', 'd', 'e', 5,  0,
                             10,   0x50, 'v', 'w', 'x', 'y', 'z'};
  std::string text = "abcde";
  for (int i = 0; i < 29; ++i) text += text[text.size() - 5];
  text += "vwxyz";
  const auto size = static_cast<std::uint32_t>(text.size());
  EXPECT_TRUE(co_await host->link.call(
      {.op = XFP_WRITE, .mode = XFP_LZ4, .address = kFlash + 3, .span = size, .payload = packed}));
  EXPECT_EQ(co_await host->read(kFlash + 3, size), ByteVector(text.begin(), text.end()));
  const ByteVector three = {1, 2, 3};
  EXPECT_TRUE(co_await host->link.call({.op = XFP_WRITE,
                                        .mode = XFP_FILL,
                                        .address = kFlash + 256,
                                        .span = 1000,
                                        .payload = three}));
  ByteVector filled(1000);
  for (std::size_t i = 0; i < filled.size(); ++i) filled[i] = three[i % 3];
  EXPECT_EQ(co_await host->read(kFlash + 256, 1000), filled);
}

// As long as a board is open_wire()'s, whatever LZ4 block it was offered goes to the device.
Task<> what_a_wire_was_offered_is_sent_in_place_of_the_bytes(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (!host) co_return;
  const auto wire = co_await open_wire(host->usb());
  EXPECT_TRUE(wire);
  if (!wire) co_return;
  const auto progress = [](std::uint64_t) {};
  EXPECT_TRUE(co_await (*wire)->erase(kFlash, 1 << 16, Erase::kAll, progress));
  // 3 pages, the one in the middle blank. The block is one run of literals, of other bytes than
  // those that it stands for: so it is seen what has come.
  ByteVector bytes = pattern(9, 3 * 256);
  std::fill(bytes.begin() + 256, bytes.begin() + 512, 0xff);
  ByteVector block = {0xf0, 241};
  block.resize(2 + 256, 0x42);
  const PackedPieces offered = {{kFlash + 512, 256, block}};
  std::optional<bool> is_faster_packed;
  (*wire)->offer(offered, is_faster_packed);
  EXPECT_TRUE(co_await (*wire)->write(kFlash, bytes, progress));
  std::fill(bytes.begin() + 512, bytes.end(), 0x42);
  EXPECT_EQ((co_await (*wire)->read_back(kFlash, bytes.size(), progress)).value(), sha256(bytes));
}

Task<> digests_tell_which_block_differs(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (!host) co_return;
  constexpr std::uint32_t kFrom = kFlash + (1 << 16) - 100;
  constexpr std::uint32_t kSpan = 100 + (1 << 16) + 7;
  EXPECT_EQ((co_await host->erase(kFlash, 3 << 16, XFP_ERASE_ALL)).state, XFP_JOB_DONE);
  ByteVector bytes(kSpan, 0xff);
  const auto held = [&]() -> Task<std::vector<std::uint32_t>> {
    const JobState job = co_await host->run({.op = XFP_DIGESTS, .address = kFrom, .span = kSpan});
    ByteReader reader(job.result);
    std::vector<std::uint32_t> digests;
    while (reader.left() > 0) digests.push_back(reader.u32_le());
    co_return digests;
  };
  EXPECT_EQ(co_await held(), block_digests(kFrom, bytes));
  bytes[150] = 0x7f;
  EXPECT_TRUE(co_await host->write(kFrom + 150, {0x7f}));
  EXPECT_EQ(co_await held(), block_digests(kFrom, bytes));
}

// What lies beside the range in the same large block stays, as far as small blocks allow.
Task<> an_erase_takes_no_more_than_the_smallest_blocks(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (!host) co_return;
  EXPECT_EQ((co_await host->erase(kFlash, 1 << 17, XFP_ERASE_ALL)).state, XFP_JOB_DONE);
  for (std::uint32_t at = 0; at < 1 << 17; at += kBlock) {
    EXPECT_TRUE(co_await host->write(kFlash + at, {0x00}));
  }
  const JobState job = co_await host->erase(kFlash + 2 * kBlock + 5, (1 << 16) - 10, XFP_ERASE_ALL);
  EXPECT_EQ(job.state, XFP_JOB_DONE);
  for (std::uint32_t at = 0; at < 1 << 17; at += kBlock) {
    const bool is_inside = at >= 2 * kBlock && at < (1 << 16) + 2 * kBlock;
    EXPECT_EQ(co_await host->read(kFlash + at, 1), ByteVector(1, is_inside ? 0xff : 0x00)) << at;
  }
}

Task<> rubbish_ends_the_session_and_nothing_else(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (!host) co_return;
  for (const std::size_t size : {1U, 31U, 32U, 33U, 63U, 511U, 512U, 1000U, 16000U}) {
    co_await host->send_bytes(pattern(static_cast<std::uint8_t>(size), size));
    if (size % 512 == 0) co_await host->send_bytes({0});  // the end of the transfer
    EXPECT_EQ(co_await host->next_status(), XFP_LOST) << size;
    EXPECT_TRUE(co_await host->link.hello()) << size;
  }
  EXPECT_EQ((co_await host->hash(kFlash, 16)).state, XFP_JOB_DONE);
}

// Why a line has become slow shows in the flash's own times, which stay until they are told to go.
Task<> the_trace_tells_how_long_the_flash_took(Rack& rack) {
  const auto host = co_await XfpHost::open(rack);
  if (host == nullptr) co_return;
  const auto programs = [&host](std::uint8_t mode) -> Task<std::uint32_t> {
    const auto answer =
        co_await host->link.call({.op = XFP_TRACE, .mode = mode, .address = kFlash, .span = 1});
    EXPECT_TRUE(answer && answer->payload.size() == sizeof(flash_trace));
    if (!answer) co_return 0;
    ByteReader reader(answer->payload);
    reader.skip(offsetof(flash_trace, programs));
    std::uint32_t sum = 0;
    for (int i = 0; i < FLASH_TRACE_BUCKETS; ++i) sum += reader.u32_le();
    co_return sum;
  };
  EXPECT_EQ((co_await host->erase(kFlash, kBlock, XFP_ERASE_ALL)).state, XFP_JOB_DONE);
  const std::uint32_t before = co_await programs(XFP_TRACE_KEEP);
  EXPECT_TRUE(co_await host->write(kFlash, pattern(5, kBlock)));
  EXPECT_EQ(co_await programs(XFP_TRACE_KEEP), before + kBlock / 256);
  EXPECT_EQ(co_await programs(XFP_TRACE_FORGET), before + kBlock / 256);
  EXPECT_EQ(co_await programs(XFP_TRACE_KEEP), 0U);
  const auto outside =
      co_await host->link.call({.op = XFP_TRACE, .address = kFlash - 1, .span = 1});
  EXPECT_FALSE(outside);
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
    UsbCase{"TheWholeBufferCanBeInFlight", the_whole_buffer_can_be_in_flight},
    UsbCase{"WhatIsToBeQuietIsAnsweredIfItFails", what_is_to_be_quiet_is_answered_if_it_fails},
    UsbCase{"WhatIsPackedArrivesAsItWas", what_is_packed_arrives_as_it_was},
    UsbCase{"WhatAWireWasOfferedIsSentInPlaceOfTheBytes",
            what_a_wire_was_offered_is_sent_in_place_of_the_bytes},
    UsbCase{"DigestsTellWhichBlockDiffers", digests_tell_which_block_differs},
    UsbCase{"AnEraseTakesNoMoreThanTheSmallestBlocks",
            an_erase_takes_no_more_than_the_smallest_blocks},
    UsbCase{"TheTraceTellsHowLongTheFlashTook", the_trace_tells_how_long_the_flash_took},
    UsbCase{"RubbishEndsTheSessionAndNothingElse", rubbish_ends_the_session_and_nothing_else},
};

}  // namespace

std::span<const UsbCase> xfp_cases() {
  return kCases;
}

}  // namespace gangd
