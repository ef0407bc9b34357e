// A device that says it speaks XFP and answers whatever comes to its mind, against the host's end:
// its capabilities, its answers, what it says of jobs, proofs and digests. Whatever it tells, the
// host comes to an end, believes in no memory that cannot be, and counts no byte twice.
//
// Each input is what the device does, one answer after another; when there is no more it is
// unplugged. Most answers are given session, sequence and CRC as they should be, or none would be
// looked into.
#include <fuzzer/FuzzedDataProvider.h>

#include <algorithm>
#include <chrono>
#include <deque>

#include "base/crc32c.h"
#include "loop/deadline.h"
#include "loop/sleep.h"
#include "target_fw/xfp.h"
#include "tests/unit/loop/simulated.h"
#include "tests/unit/wire/bos.h"
#include "wire/wire.h"
#include "wire/xfp_wire.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

constexpr Nonce kNonce = {9, 8, 7};
constexpr std::size_t kImageBytes = 20'000;

// Interface 1: class 0xFF, subclass 0x47, protocol 1, with a bulk endpoint each way.
const ByteVector kConfiguration = {9,    2,    32, 0,    1,    1,    0, 0x80, 50,   9, 4,
                                   1,    0,    2,  0xff, 0x47, 1,    0, 7,    5,    1, 2,
                                   0x00, 0x02, 0,  7,    5,    0x81, 2, 0x00, 0x02, 0};

class HostileDevice final : public UsbConnection {
 public:
  explicit HostileDevice(FuzzedDataProvider& input) : input_(input) {}

  const UsbDevice& device() const override { return device_; }
  const ByteVector& configuration() const override { return kConfiguration; }
  Task<Status> claim(std::uint8_t) override { co_return Status(); }
  Task<Status> select(std::uint8_t, std::uint8_t) override { return refuse_now_and_then(); }
  Task<Result<ByteVector>> control_in(UsbRequest, std::size_t bytes_max) override {
    CO_TRY_STATUS(co_await refuse_now_and_then());
    ByteVector bos = bos_descriptor(XFP_INTERFACE_PROTOCOL, rarely() ? word() : XFP_FEATURES);
    if (rarely()) bos = input_.ConsumeBytes<std::uint8_t>(size_up_to(60));
    co_return first_of(std::move(bos), bytes_max);
  }
  Task<Status> control_out(UsbRequest, ByteVector) override { return refuse_now_and_then(); }
  Task<Status> clear_halt(std::uint8_t) override { return refuse_now_and_then(); }
  Task<Status> reset() override { return refuse_now_and_then(); }
  Task<Status> bulk_out(std::uint8_t, ByteVector bytes) override {
    CHECK(bytes.size() >= XFP_HEADER_SIZE);
    requests_.push_back(std::move(bytes));
    return refuse_now_and_then();
  }
  Task<Result<ByteVector>> bulk_in(std::uint8_t, std::size_t bytes_max) override {
    CO_TRY_STATUS(co_await refuse_now_and_then());
    ByteVector frame;
    switch (input_.ConsumeIntegralInRange(0, 24)) {
      case 0:
        frame = input_.ConsumeBytes<std::uint8_t>(size_up_to(80));
        break;
      case 1:
        frame = last_;
        break;
      case 2:
        CO_TRY_STATUS(co_await sleep_for(1h));
        break;
      default:
        frame = answer();
        break;
    }
    if (frame.size() > bytes_max) co_return Error(Code::kDevice, "more than was asked");
    last_ = frame;
    co_return frame;
  }

 private:
  std::size_t size_up_to(std::size_t most) {
    return input_.ConsumeIntegralInRange<std::size_t>(0, most);
  }
  std::uint32_t word() {
    switch (input_.ConsumeIntegralInRange(0, 3)) {
      case 0:
        return input_.ConsumeIntegral<std::uint32_t>();
      case 1:
        return 1U << input_.ConsumeIntegralInRange(0, 31);
      default:
        return input_.ConsumeIntegralInRange<std::uint32_t>(0, 40'000);
    }
  }
  bool rarely() { return input_.ConsumeIntegral<std::uint8_t>() >= 245; }

  Task<Status> refuse_now_and_then() {
    CO_TRY_STATUS(co_await sleep_for(1ms));
    if (input_.remaining_bytes() == 0) co_return Error(Code::kUnplugged, "unplugged");
    if (rarely()) co_return Error(Code::kStalled, "stalled");
    co_return Status();
  }

  // To the oldest request, or to the newest: what WRITEs are answered by.
  ByteVector answer() {
    if (requests_.empty()) return {};
    if (input_.ConsumeBool()) requests_.erase(requests_.begin(), requests_.end() - 1);
    ByteVector request = std::move(requests_.front());
    requests_.pop_front();
    const ByteVector payload = payload_for(request);
    request.resize(XFP_HEADER_SIZE);
    if (rarely()) request[input_.ConsumeIntegralInRange<std::size_t>(8, 27)] ^= 1;
    if (rarely()) request[XFP_AT_STATUS] = input_.ConsumeIntegral<std::uint8_t>();
    ByteWriter frame;
    frame.bytes(request).bytes(payload);
    frame.patch_u32_le(XFP_AT_SIZE, static_cast<std::uint32_t>(payload.size()));
    if (rarely()) frame.patch_u32_le(XFP_AT_SIZE, word());
    frame.patch_u32_le(XFP_AT_CRC, crc32c(frame.view().subspan(XFP_AT_SESSION)));
    if (frame.size() % XFP_PACKET_UNIT == 0) frame.u8(0);
    return std::move(frame).take();
  }

  ByteVector payload_for(ByteView request) {
    if (rarely()) return input_.ConsumeBytes<std::uint8_t>(size_up_to(600));
    ByteReader header(request);
    header.skip(XFP_AT_OP);
    const std::uint8_t op = header.u8();
    header.skip(XFP_AT_SPAN - XFP_AT_OP - 1);
    const std::uint32_t span = header.u32_le();
    if (op == XFP_HELLO) return capabilities();
    if (op == XFP_STATUS) return job();
    if (op == XFP_READ) return ByteVector(std::min<std::uint32_t>(span, 1 << 20), 0x41);
    job_op_ = op;
    job_span_ = span;
    return {};
  }

  ByteVector capabilities() {
    ByteWriter fields;
    fields.u8(XFP_FIELD_UID).u8(12).fill(rarely() ? 0xac : 0xab, 12);
    fields.u8(XFP_FIELD_BUFFER).u8(4).u32_le(input_.ConsumeBool() ? 65536 : word());
    fields.u8(XFP_FIELD_FRAME).u8(4).u32_le(input_.ConsumeBool() ? 16384 : word());
    for (int i = input_.ConsumeIntegralInRange(1, 3); i > 0; --i) {
      fields.u8(XFP_FIELD_REGION).u8(XFP_REGION_SIZE);
      if (input_.ConsumeBool()) {
        fields.u32_le(0x9000'0000).u32_le(1 << 23).u32_le(65536).u32_le(4096);
      } else {
        fields.u32_le(word()).u32_le(word()).u32_le(word()).u32_le(word());
      }
      fields.u32_le(1).u32_le(1 << 23).u32_le(1 << 20).u8(input_.ConsumeIntegral<std::uint8_t>());
    }
    if (input_.ConsumeBool()) {
      fields.u8(rarely() ? XFP_FIELD_FLASH : XFP_FIELD_BOARD)
          .u8(5)
          .fill(input_.ConsumeBool() ? 'b' : 9, 5);
    }
    if (rarely()) {
      const auto more = input_.ConsumeBytes<std::uint8_t>(size_up_to(40));
      fields.bytes(more);
    }
    return std::move(fields).take();
  }

  ByteVector job() {
    ByteWriter fields;
    const auto state = input_.ConsumeBool() ? std::uint8_t{XFP_JOB_DONE}
                                            : input_.ConsumeIntegralInRange<std::uint8_t>(0, 4);
    fields.u8(state).u8(job_op_).u8(rarely() ? 4 : 0).u8(0);
    const std::uint32_t total = input_.ConsumeBool() ? job_span_ : word();
    const std::uint32_t done = input_.ConsumeBool() ? total : word();
    fields.u32_le(done).u32_le(total).u32_le(rarely() ? word() : 0).u32_le(word());
    if (state == XFP_JOB_DONE && job_op_ == XFP_HASH) {
      fields.fill(0x11, 32).fill(0xab, 12);
      fields.bytes(kNonce).fill(0x22, rarely() ? 31 : 32);
    } else if (state == XFP_JOB_DONE && job_op_ == XFP_DIGESTS) {
      fields.fill(0x33, 4 * (rarely() ? size_up_to(9) : job_span_ / XFP_DIGEST_BLOCK + 2));
    }
    return std::move(fields).take();
  }

  FuzzedDataProvider& input_;
  UsbDevice device_;
  std::deque<ByteVector> requests_;
  ByteVector last_;
  std::uint8_t job_op_ = 0;
  std::uint32_t job_span_ = 0;
};

// Adds up what was told to be done; never more than there is.
class Told {
 public:
  explicit Told(std::uint64_t most) : most_(most) {}
  Progress progress() {
    return [this](std::uint64_t bytes) {
      told_ += bytes;
      CHECK(told_ <= most_, "{} of {} bytes", told_, most_);
    };
  }
  std::uint64_t bytes() const { return told_; }

 private:
  const std::uint64_t most_;
  std::uint64_t told_ = 0;
};

Task<Status> use(UsbConnection& device) {
  CO_TRY(const std::unique_ptr<Wire> wire, co_await XfpWire::open(device));
  CHECK(wire->uid().size() == 24 && !wire->memories().empty());
  for (const Layout& memory : wire->memories()) {
    for (const LayoutSegment& segment : memory.segments) {
      CHECK(segment.page_size > 0 && segment.end() <= std::uint64_t{1} << 32);
      CHECK(wire->erase_unit(segment.address) > 0);
    }
  }
  const LayoutSegment segment = wire->memories().front().segments.front();
  const std::uint32_t at = segment.address;
  const std::uint64_t size = std::min<std::uint64_t>(segment.end() - at, kImageBytes);
  if (size == 0) co_return Status();
  ByteVector bytes(size);
  for (std::size_t i = 0; i < size; ++i) {
    bytes[i] = static_cast<std::uint8_t>(i / 3000 % 2 == 0 ? i * 7 : 0xff);
  }
  Told erased(size);
  CO_TRY_STATUS(co_await wire->erase(at, size, Erase::kNotBlank, erased.progress()));
  CHECK(erased.bytes() == size);
  Told written(size);
  CO_TRY_STATUS(co_await wire->write(at, bytes, written.progress()));
  CHECK(written.bytes() == size);
  if (!wire->compares() || !wire->measures()) co_return Status();
  CO_TRY(const std::vector<std::uint32_t> digests, co_await wire->digests(at, size));
  CHECK(digests.size() == block_digests(at, bytes).size());
  Told measured(size);
  CO_TRY(const DeviceProof proof,
         co_await wire->measure(at, size, ReadAs::kProgrammed, kNonce, measured.progress()));
  CHECK(proof.digest.bytes[0] == 0x11 && proof.loader.bytes[31] == 0x22);
  CHECK(measured.bytes() == size);
  Told read(size);
  CO_TRY(const Sha256Digest digest, co_await wire->read_back(at, size, read.progress()));
  CHECK(read.bytes() == size && digest == sha256(ByteVector(size, 0x41)));
  co_return Status();
}

Task<> meet(FuzzedDataProvider& input) {
  HostileDevice device(input);
  const Status status = co_await with_timeout(24h, use(device));
  CHECK(!status.failed_with(Code::kTimeout) || !status.error().message().starts_with("no end"),
        "it does not come to an end");
  CHECK(status || !status.error().message().empty());
}

}  // namespace
}  // namespace gangd

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  FuzzedDataProvider input(data, size);
  gangd::Simulated world;
  world.loop.run(gangd::meet(input));
  return 0;
}
