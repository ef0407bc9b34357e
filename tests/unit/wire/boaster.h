// A board that tells of itself what a test wants, and answers requests as the test says: what no
// firmware of ours would tell.
#pragma once

#include <functional>
#include <optional>
#include <utility>
#include <vector>

#include "base/crc32c.h"
#include "loop/signal.h"
#include "loop/sleep.h"
#include "target_fw/xfp.h"
#include "tests/unit/wire/bos.h"
#include "usb/usb.h"

namespace gangd {

// A field of the header of a frame.
inline std::uint32_t u32_of(ByteView frame, std::size_t at) {
  ByteReader reader(frame);
  reader.skip(at);
  return reader.u32_le();
}

class Boaster final : public UsbConnection {
 public:
  // The payload of the answer to a request; nothing: it is not answered. Without any, HELLO is, and
  // to STATUS there is no job.
  using Answers = std::function<std::optional<ByteVector>(ByteView request)>;

  // At full speed.
  explicit Boaster(ByteVector capabilities, Answers answers = {})
      : capabilities_(std::move(capabilities)), answers_(std::move(answers)) {
    device_.speed = UsbSpeed::kFull;
  }

  const UsbDevice& device() const override { return device_; }
  const ByteVector& configuration() const override { return configuration_; }
  Task<Status> claim(std::uint8_t) override {
    ++claims;
    co_return Status();
  }
  Task<Status> select(std::uint8_t, std::uint8_t) override { co_return Status(); }
  Task<Result<ByteVector>> control_in(UsbRequest request, std::size_t bytes_max) override {
    if (asks_for_bos(request) && !bos.empty()) co_return first_of(bos, bytes_max);
    co_return Error(Code::kStalled, "stalled");
  }
  Task<Status> control_out(UsbRequest, ByteVector) override { co_return Status(); }
  Task<Status> clear_halt(std::uint8_t) override { co_return Status(); }
  Task<Status> reset() override { co_return Error(Code::kUnplugged, "unplugged"); }
  Task<Status> bulk_out(std::uint8_t, ByteVector bytes) override {
    requests.push_back(std::move(bytes));
    const ByteView request = requests.back();
    if (request[XFP_AT_OP] == XFP_HELLO) {
      answer(request, capabilities_);
    } else if (request[XFP_AT_OP] == XFP_STATUS && !answers_) {
      answer(request, ByteVector(XFP_JOB_SIZE));
    } else if (answers_) {
      if (const auto payload = answers_(request)) answer(request, *payload);
    }
    co_return Status();
  }
  std::vector<ByteVector> writes() const {
    std::vector<ByteVector> some;
    for (const ByteVector& request : requests) {
      if (request[XFP_AT_OP] == XFP_WRITE) some.push_back(request);
    }
    return some;
  }
  // Who is not answered waits until that is too long.
  Task<Result<ByteVector>> bulk_in(std::uint8_t, std::size_t) override {
    while (frames_.empty()) CO_TRY_STATUS(co_await frames_came_.wait());
    const bool is_of_write = frames_.front()[XFP_AT_OP] == XFP_WRITE;
    CO_TRY_STATUS(co_await sleep_for(is_of_write ? write_time : Duration::zero()));
    ByteVector frame = std::move(frames_.front());
    frames_.erase(frames_.begin());
    co_return frame;
  }

  std::vector<ByteVector> requests;   // all that were sent
  Duration write_time{};              // of each, until it is answered
  ByteVector bos = bos_descriptor();  // empty: it has none
  int claims = 0;

 private:
  void answer(ByteView request, ByteView payload) {
    ByteWriter frame;
    frame.bytes(request.first(XFP_HEADER_SIZE)).bytes(payload);
    frame.patch_u32_le(XFP_AT_SIZE, static_cast<std::uint32_t>(payload.size()));
    frame.patch_u32_le(XFP_AT_CRC, crc32c(frame.view().subspan(XFP_AT_SESSION)));
    frames_.push_back(std::move(frame).take());
    frames_came_.notify();
  }

  const ByteVector capabilities_;
  const Answers answers_;
  std::vector<ByteVector> frames_;
  Signal frames_came_;
  UsbDevice device_;
  const ByteVector configuration_ = {9, 4, 1, 0, 2, 0xff, 0x47, 1, 0, 7, 5, 1,
                                     2, 0, 2, 0, 7, 5,    0x81, 2, 0, 2, 0};
};

// The fields that each board has, but for its regions.
inline ByteWriter good_capabilities() {
  ByteWriter fields;
  fields.u8(XFP_FIELD_UID).u8(12).fill(0xab, 12);
  fields.u8(XFP_FIELD_BUFFER).u8(4).u32_le(65536);
  fields.u8(XFP_FIELD_FRAME).u8(4).u32_le(16384);
  return fields;
}

// `bank`: 0: it has none of its own.
inline void put_region(ByteWriter& fields, std::uint32_t address, std::uint32_t size,
                       std::uint32_t erase, std::uint32_t erase_min, std::uint32_t bank = 0,
                       std::uint32_t rate = 8 << 20) {
  fields.u8(XFP_FIELD_REGION).u8(XFP_REGION_SIZE);
  fields.u32_le(address).u32_le(size).u32_le(erase).u32_le(erase_min);
  fields.u32_le(1).u32_le(bank == 0 ? size : bank).u32_le(rate).u8(7);
}

}  // namespace gangd
