#include "wire/xfp_wire.h"

#include <algorithm>
#include <chrono>

#include "loop/deadline.h"
#include "loop/sleep.h"
#include "wire/dfu.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

// As with DfuSe: more of them are a bad cable, which a person must see.
constexpr int kFaultsMax = 4;
constexpr Duration kRecoverLimit = 60s;
// A job that the device does not put a time to.
constexpr Duration kPollPause = 2ms;
constexpr Duration kPollPauseMax = 500ms;

bool is_fault_of_the_bus(Code code) {
  return code == Code::kStalled || code == Code::kTransfer || code == Code::kTimeout;
}

ByteVector words(std::uint64_t first) {
  ByteWriter writer;
  return std::move(writer.u32_le(static_cast<std::uint32_t>(first))).take();
}

}  // namespace

bool XfpWire::is_spoken(ByteView configuration) {
  return find_xfp(configuration).has_value();
}

Task<Result<std::unique_ptr<Wire>>> XfpWire::open(UsbConnection& connection) {
  CO_TRY(const XfpEndpoints endpoints, find_xfp(connection.configuration()));
  CO_TRY_STATUS(co_await connection.claim(endpoints.interface));
  std::unique_ptr<XfpWire> wire(new XfpWire(connection, endpoints));
  Status begun = co_await wire->begin();
  if (!begun && wire->may_try_again(begun.error())) {
    begun = co_await with_timeout(kRecoverLimit, wire->recover());
  }
  if (!begun) co_return std::move(begun).error();
  co_return std::unique_ptr<Wire>(std::move(wire));
}

XfpWire::XfpWire(UsbConnection& connection, XfpEndpoints endpoints)
    : connection_(connection),
      endpoints_(endpoints),
      link_(connection, endpoints),
      faults_left_(kFaultsMax) {}

Task<Status> XfpWire::begin() {
  // Selecting it lets the device forget what a former host has sent.
  CO_TRY_STATUS(co_await with_timeout(kRecoverLimit, connection_.select(endpoints_.interface, 0)));
  CO_TRY(const ByteVector capabilities, co_await link_.hello());
  co_return read_capabilities(capabilities);
}

// A fault while it recovers is one more of those that the attempt survives.
Task<Status> XfpWire::recover() {
  while (true) {
    Status status = (co_await connection_.reset()).with_context("reset");
    if (status) status = co_await begin();
    if (status || !may_try_again(status.error())) co_return status;
  }
}

Status XfpWire::read_capabilities(ByteView capabilities) {
  std::string uid;
  std::vector<Layout> memories;
  ByteReader reader(capabilities);
  while (reader.left() > 0) {
    const std::uint8_t type = reader.u8();
    const std::uint8_t size = reader.u8();
    ByteReader field(reader.bytes(size));
    if (type == XFP_FIELD_UID && size == 12) {
      uid = to_hex(field.bytes(size));
      std::ranges::transform(uid, uid.begin(), [](char digit) {
        return digit >= 'a' ? static_cast<char>(digit - 'a' + 'A') : digit;
      });
    } else if (type == XFP_FIELD_SLOTS && size == 1) {
      slots_ = std::max<std::size_t>(field.u8(), 1);
    } else if (type == XFP_FIELD_REGION && size >= XFP_REGION_SIZE) {
      LayoutSegment segment;
      segment.address = field.u32_le();
      const std::uint32_t bytes = field.u32_le();
      segment.page_size = field.u32_le();
      const std::uint8_t flags = field.u8();
      if (segment.page_size == 0 || bytes % segment.page_size != 0 ||
          segment.address + std::uint64_t{bytes} > std::uint64_t{1} << 32) {
        return Error(Code::kDevice, "XFP: the board tells of a memory that cannot be");
      }
      segment.pages = bytes / segment.page_size;
      segment.readable = (flags & XFP_REGION_READABLE) != 0;
      segment.erasable = (flags & XFP_REGION_ERASABLE) != 0;
      segment.writable = (flags & XFP_REGION_WRITABLE) != 0;
      const ByteView name = field.bytes(field.left());
      memories.push_back({std::string(name.begin(), name.end()), {segment}});
    }
  }
  if (!reader.complete() || uid.empty() || memories.empty()) {
    return Error(Code::kDevice, "XFP: the board does not say what it is");
  }
  if (!uid_.empty() && uid_ != uid) {
    return Error(Code::kDevice, "XFP: another board answers: {} instead of {}", uid, uid_);
  }
  uid_ = std::move(uid);
  memories_ = std::move(memories);
  return {};
}

bool XfpWire::may_try_again(const Error& error) {
  if (!is_fault_of_the_bus(error.code()) || faults_left_ == 0) return false;
  --faults_left_;
  return true;
}

Task<Result<XfpWire::Job>> XfpWire::run_job(xfp_op op, std::uint32_t address, std::uint64_t size,
                                            ByteVector payload, std::uint64_t& told,
                                            Progress progress) {
  if (auto begun = co_await link_.call(op, address, std::move(payload)); !begun) {
    co_return std::move(begun).error();
  }
  while (true) {
    CO_TRY(const XfpLink::Answer answer, co_await link_.call(XFP_STATUS, 0, {}));
    ByteReader reader(answer.payload);
    const std::uint8_t state = reader.u8();  // enum xfp_job_state, or anything
    reader.skip(1);
    const std::uint8_t status = reader.u8();
    reader.skip(1);
    Job job;
    job.done = reader.u32_le();
    reader.skip(4);
    job.skipped = reader.u32_le();
    const Duration poll = std::chrono::milliseconds(reader.u32_le());
    if (!reader.complete() || job.done > size || job.skipped > job.done) {
      co_return Error(Code::kDevice, "XFP: a status that cannot be");
    }
    if (job.done > told) {
      progress(job.done - told);
      told = job.done;
    }
    if (state == XFP_JOB_FAILED) {
      co_return Error(Code::kDevice, "0x{:08x}: the device reports {}", address + job.done,
                      dfu_status_name(status));
    }
    if (state == XFP_JOB_DONE) {
      if (op != XFP_HASH) co_return job;
      const ByteView digest = reader.bytes(job.digest.bytes.size());
      if (!reader.complete()) co_return Error(Code::kDevice, "XFP: a hash that is too short");
      std::ranges::copy(digest, job.digest.bytes.begin());
      co_return job;
    }
    if (state != XFP_JOB_RUNNING) co_return Error(Code::kDevice, "XFP: the board forgot its job");
    CO_TRY_STATUS(co_await sleep_for(std::clamp(poll, kPollPause, kPollPauseMax)));
  }
}

Task<Status> XfpWire::erase(std::uint32_t address, std::uint64_t size, Erase how,
                            Progress progress) {
  std::uint64_t told = 0;
  while (true) {
    ByteWriter payload;
    payload.u32_le(static_cast<std::uint32_t>(size));
    payload.u32_le(how == Erase::kAll ? XFP_ERASE_FORCE : 0);
    auto job =
        co_await run_job(XFP_ERASE, address, size, std::move(payload).take(), told, progress);
    if (job) {
      bytes_found_blank_ += job->skipped;
      co_return Status();
    }
    if (!may_try_again(job.error())) {
      co_return std::move(job).error().with_context(fmt::format("erase 0x{:08x}", address));
    }
    CO_TRY_STATUS(co_await with_timeout(kRecoverLimit, recover()));
    // Nobody knows which block an erase was cut in: such cells may read as blank and not hold.
    how = Erase::kAll;
  }
}

Task<Status> XfpWire::write(std::uint32_t address, ByteView bytes, Progress progress) {
  std::size_t answered = 0;
  while (true) {
    Status status = co_await write_from(address, bytes, answered, progress);
    if (status) co_return Status();
    if (!may_try_again(status.error())) {
      co_return std::move(status).error().with_context("write");
    }
    CO_TRY_STATUS(co_await with_timeout(kRecoverLimit, recover()));
  }
}

// As many blocks on their way as the device has room for: it receives while its chip programs.
Task<Status> XfpWire::write_from(std::uint32_t address, ByteView bytes, std::size_t& answered,
                                 Progress progress) {
  std::size_t sent = answered;
  std::deque<std::size_t> sizes;
  while (answered < bytes.size()) {
    while (sent < bytes.size() && sizes.size() < slots_) {
      const ByteView piece =
          bytes.subspan(sent, std::min<std::size_t>(XFP_PAYLOAD_MAX, bytes.size() - sent));
      CO_TRY_STATUS(co_await link_.send(XFP_WRITE, static_cast<std::uint32_t>(address + sent),
                                        ByteVector(piece.begin(), piece.end())));
      sent += piece.size();
      sizes.push_back(piece.size());
    }
    if (auto written = co_await link_.receive(); !written) co_return std::move(written).error();
    answered += sizes.front();
    progress(sizes.front());
    sizes.pop_front();
  }
  co_return Status();
}

Task<Result<Sha256Digest>> XfpWire::measure(std::uint32_t address, std::uint64_t size,
                                            Progress progress) {
  std::uint64_t told = 0;
  while (true) {
    auto job = co_await run_job(XFP_HASH, address, size, words(size), told, progress);
    if (job) co_return job->digest;
    if (!may_try_again(job.error())) {
      co_return std::move(job).error().with_context(fmt::format("hash 0x{:08x}", address));
    }
    CO_TRY_STATUS(co_await with_timeout(kRecoverLimit, recover()));
  }
}

}  // namespace gangd
