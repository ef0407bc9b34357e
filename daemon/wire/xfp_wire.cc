#include "wire/xfp_wire.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <limits>

#include "loop/deadline.h"
#include "loop/sleep.h"
#include "wire/dfu.h"
#include "wire/xfp_stream.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

// As with DfuSe: more of them are a bad cable, which a person must see.
constexpr int kFaultsMax = 4;
constexpr Duration kRecoverLimit = 60s;
// Between two looks at a job: by what the device tells, and if it does not tell.
constexpr Duration kPollPause = 1ms;
constexpr Duration kPollPauseMax = 500ms;
constexpr Duration kPollPauseUntold = 20ms;

constexpr std::size_t kUidBytes = 12;
constexpr std::uint32_t kPayloadLeast = 512;  // a device of less would be slower than DFU
constexpr std::uint64_t kDigestsMost = std::uint64_t{XFP_DIGESTS_MAX} * XFP_DIGEST_BLOCK;
// Of what the wire carries at most, it carries so much in practice.
constexpr double kWirePart = 0.9;
const PackedPieces kNothingPacked;
constexpr std::size_t kReadsInFlight = 2;
static_assert(XFP_DIGEST_BLOCK == kDigestBlock);

bool is_fault_of_the_bus(Code code) {
  return code == Code::kStalled || code == Code::kTransfer || code == Code::kTimeout;
}

// What a bus carries in a second at most (USB 2.0, tables 5-9 and 5-10); what nobody knows is no
// limit.
double wire_rate(UsbSpeed speed) {
  switch (speed) {
    case UsbSpeed::kLow:
    case UsbSpeed::kFull:
      return 19 * 64 * 1000.0;
    case UsbSpeed::kHigh:
      return 13 * 512 * 8000.0;
    case UsbSpeed::kSuper:
    case UsbSpeed::kUnknown:
      break;
  }
  return std::numeric_limits<double>::infinity();
}

std::string uid_text(ByteView uid) {
  std::string text = to_hex(uid);
  std::ranges::transform(text, text.begin(), [](char digit) {
    return digit >= 'a' ? static_cast<char>(digit - 'a' + 'A') : digit;
  });
  return text;
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
    begun = co_await wire->recover_in_time();
  }
  if (!begun) co_return std::move(begun).error();
  co_return std::unique_ptr<Wire>(std::move(wire));
}

XfpWire::XfpWire(UsbConnection& connection, XfpEndpoints endpoints)
    : connection_(connection),
      endpoints_(endpoints),
      link_(connection, endpoints),
      packed_(&kNothingPacked),
      trial_(wire_rate(connection.device().speed)),
      faults_left_(kFaultsMax) {}

Task<Status> XfpWire::begin() {
  // Selecting it lets the device forget what a former host has sent.
  CO_TRY_STATUS(co_await with_timeout(kRecoverLimit, connection_.select(endpoints_.interface, 0)));
  CO_TRY(const ByteVector capabilities, co_await link_.hello());
  co_return read_capabilities(capabilities);
}

// A fault while it recovers is one more of those that the attempt survives.
Task<Status> XfpWire::recover() {
  trial_.interrupted();
  while (true) {
    Status status = (co_await connection_.reset()).with_context("reset");
    if (status) status = co_await begin();
    if (status) co_return status;
    if (!may_try_again(status.error())) co_return give_up(std::move(status).error());
  }
}

Task<Status> XfpWire::recover_in_time() {
  co_return (co_await with_timeout(kRecoverLimit, recover())).with_context("beginning anew");
}

Status XfpWire::read_region(ByteReader& field) {
  Region region;
  LayoutSegment segment;
  region.address = segment.address = field.u32_le();
  region.size = field.u32_le();
  segment.page_size = field.u32_le();
  region.erase_min = field.u32_le();
  field.skip(XFP_REGION_AT_RATE - XFP_REGION_AT_WRITE);
  region.rate = field.u32_le();
  const std::uint8_t flags = field.u8();
  if (segment.page_size == 0 || region.erase_min == 0 || region.size % segment.page_size != 0 ||
      segment.page_size % region.erase_min != 0 ||
      region.address + region.size > std::uint64_t{1} << 32) {
    return Error(Code::kDevice, "XFP: the board tells of a memory that cannot be");
  }
  segment.pages = static_cast<std::uint32_t>(region.size / segment.page_size);
  segment.readable = (flags & XFP_REGION_READABLE) != 0;
  segment.erasable = (flags & XFP_REGION_ERASABLE) != 0;
  segment.writable = (flags & XFP_REGION_WRITABLE) != 0;
  const ByteView name = field.bytes(field.left());
  memories_.push_back({std::string(name.begin(), name.end()), {segment}});
  regions_.push_back(region);
  return {};
}

Status XfpWire::read_capabilities(ByteView capabilities) {
  std::string uid;
  std::uint32_t payload_max = 0;
  std::uint32_t buffer = 0;
  memories_.clear();
  regions_.clear();
  codecs_ = 0;
  ByteReader reader(capabilities);
  while (reader.complete() && reader.left() > 0) {
    const std::uint8_t type = reader.u8();
    const std::uint8_t size = reader.u8();
    ByteReader field(reader.bytes(size));
    if (type == XFP_FIELD_UID && size == kUidBytes) {
      uid = uid_text(field.bytes(size));
    } else if (type == XFP_FIELD_BUFFER && size == 4) {
      buffer = field.u32_le();
    } else if (type == XFP_FIELD_FRAME && size == 4) {
      payload_max = field.u32_le();
    } else if (type == XFP_FIELD_CODECS && size == 1) {
      codecs_ = field.u8();
    } else if (type == XFP_FIELD_REGION && size >= XFP_REGION_SIZE) {
      TRY_STATUS(read_region(field));
    }
  }
  if (!reader.complete() || uid.empty() || memories_.empty() || payload_max < kPayloadLeast) {
    return Error(Code::kDevice, "XFP: the board does not say what it is");
  }
  if (!uid_.empty() && uid_ != uid) {
    return Error(Code::kDevice, "XFP: another board answers: {} instead of {}", uid, uid_);
  }
  uid_ = std::move(uid);
  link_.set_limits(payload_max, buffer);
  return {};
}

bool XfpWire::may_try_again(const Error& error) {
  if (!is_fault_of_the_bus(error.code())) return false;
  if (first_fault_.empty()) first_fault_ = error.message();
  if (faults_left_ == 0) return false;
  --faults_left_;
  return true;
}

Error XfpWire::give_up(Error error) {
  if (!is_fault_of_the_bus(error.code()) || std::exchange(has_given_up_, true)) return error;
  return {error.code(),
          fmt::format("{}; {} faults of the line in one attempt, the first was \"{}\": try another "
                      "cable or port",
                      error.message(), kFaultsMax + 1, first_fault_)};
}

Task<Result<XfpWire::Job>> XfpWire::ask_job() {
  CO_TRY(const XfpLink::Answer answer, co_await link_.call({.op = XFP_STATUS}));
  ByteReader reader(answer.payload);
  Job job;
  job.state = reader.u8();
  reader.skip(1);
  job.status = reader.u8();
  reader.skip(1);
  job.done = reader.u32_le();
  job.total = reader.u32_le();
  job.skipped = reader.u32_le();
  job.left = std::chrono::milliseconds(reader.u32_le());
  const ByteView result = reader.bytes(reader.left());
  job.result.assign(result.begin(), result.end());
  if (!reader.complete() || job.done > job.total || job.skipped > job.total) {
    co_return Error(Code::kDevice, "XFP: a status that cannot be");
  }
  co_return job;
}

Task<Result<XfpWire::Job>> XfpWire::run_job(XfpLink::Request request, std::uint64_t& told,
                                            Progress progress) {
  if (auto begun = co_await link_.call(request); !begun) co_return std::move(begun).error();
  Duration pause = kPollPause;
  while (true) {
    CO_TRY(Job job, co_await ask_job());
    // An erase takes whole blocks: more than was asked for.
    const std::uint64_t done =
        job.state == XFP_JOB_DONE ? request.span : std::min<std::uint64_t>(job.done, request.span);
    if (done > told) {
      progress(done - told);
      told = done;
    }
    if (job.state == XFP_JOB_FAILED) {
      co_return Error(Code::kDevice, "0x{:08x}: the device reports {}", request.address + job.done,
                      xfp_status_words(job.status));
    }
    if (job.state == XFP_JOB_DONE) co_return job;
    if (job.state != XFP_JOB_RUNNING)
      co_return Error(Code::kDevice, "XFP: the board forgot its job");
    // What the device cannot tell is asked for less and less often: its answers cost it time.
    pause = std::min(pause + pause / 4, kPollPauseUntold);
    CO_TRY_STATUS(co_await sleep_for(
        job.left > Duration::zero() ? std::clamp(job.left, kPollPause, kPollPauseMax) : pause));
  }
}

Task<Result<XfpWire::Job>> XfpWire::persist_job(XfpLink::Request request, Progress progress) {
  std::uint64_t told = 0;
  while (true) {
    auto job = co_await run_job(request, told, progress);
    if (job) co_return job;
    if (!may_try_again(job.error())) co_return give_up(std::move(job).error());
    CO_TRY_STATUS(co_await recover_in_time());
  }
}

std::uint64_t XfpWire::erase_unit(std::uint32_t address) const {
  for (const Region& region : regions_) {
    if (address >= region.address && address - region.address < region.size) {
      return region.erase_min;
    }
  }
  return 1;
}

Task<Status> XfpWire::erase(std::uint32_t address, std::uint64_t size, Erase how,
                            Progress progress) {
  std::uint64_t told = 0;
  while (true) {
    const std::uint8_t mode = how == Erase::kAll ? XFP_ERASE_ALL : XFP_ERASE_NOT_BLANK;
    auto job = co_await run_job({.op = XFP_ERASE,
                                 .mode = mode,
                                 .address = address,
                                 .span = static_cast<std::uint32_t>(size)},
                                told, progress);
    if (job) {
      bytes_found_blank_ += job->skipped;
      co_return Status();
    }
    if (!may_try_again(job.error())) {
      co_return give_up(std::move(job).error())
          .with_context(fmt::format("erase 0x{:08x}", address));
    }
    CO_TRY_STATUS(co_await recover_in_time());
    // Nobody knows which block an erase was cut in: such cells may read as blank and not hold.
    how = Erase::kAll;
  }
}

// Unpacking costs the device time, which it has where it waits for the wire.
std::size_t XfpWire::packed_max() const {
  const double wire = kWirePart * wire_rate(connection_.device().speed);
  const bool is_faster =
      std::ranges::any_of(regions_, [wire](const Region& region) { return region.rate > wire; });
  return is_faster && (codecs_ >> XFP_LZ4 & 1) != 0 ? std::bit_floor(link_.payload_max()) : 0;
}

Task<Status> XfpWire::write(std::uint32_t address, ByteView bytes, Progress progress) {
  std::size_t done = 0;
  while (true) {
    XfpStream stream(link_, static_cast<std::uint32_t>(address + done), bytes.subspan(done),
                     *packed_, trial_, progress);
    Status status = co_await stream.run();
    done += stream.written();
    while (!status) {
      if (!may_try_again(status.error())) {
        co_return give_up(std::move(status).error()).with_context("write");
      }
      CO_TRY_STATUS(co_await recover_in_time());
      status = co_await check_written(address, bytes.first(done));
    }
    if (done == bytes.size()) co_return Status();
  }
}

Task<Status> XfpWire::check_written(std::uint32_t address, ByteView bytes) {
  if (bytes.empty()) co_return Status();
  CO_TRY(const std::vector<std::uint32_t> held, co_await digests(address, bytes.size()));
  if (held == block_digests(address, bytes)) co_return Status();
  co_return Error(Code::kDevice,
                  "after a fault of the bus the board no longer holds what it "
                  "had written; is its supply steady?");
}

Task<Result<std::vector<std::uint32_t>>> XfpWire::digests(std::uint32_t address,
                                                          std::uint64_t size) {
  std::vector<std::uint32_t> digests;
  for (std::uint64_t done = 0; done < size;) {
    const std::uint64_t at = address + done;
    const std::uint64_t span =
        std::min(kDigestsMost - at % kDigestBlock, size - done);  // whole blocks, but for the last
    CO_TRY(const Job job, co_await persist_job({.op = XFP_DIGESTS,
                                                .address = static_cast<std::uint32_t>(at),
                                                .span = static_cast<std::uint32_t>(span)},
                                               [](std::uint64_t) {}));
    const std::uint64_t blocks = (at + span - 1) / kDigestBlock - at / kDigestBlock + 1;
    ByteReader reader(job.result);
    for (std::uint64_t i = 0; i < blocks; ++i) digests.push_back(reader.u32_le());
    if (!reader.complete()) co_return Error(Code::kDevice, "XFP: digests are missing");
    done += span;
  }
  co_return digests;
}

Task<Result<DeviceProof>> XfpWire::measure(std::uint32_t address, std::uint64_t size, Nonce nonce,
                                           Progress progress) {
  auto job = co_await persist_job({.op = XFP_HASH,
                                   .address = address,
                                   .span = static_cast<std::uint32_t>(size),
                                   .payload = nonce},
                                  progress);
  if (!job) co_return std::move(job).error().with_context(fmt::format("hash 0x{:08x}", address));
  ByteReader reader(job->result);
  DeviceProof proof;
  std::ranges::copy(reader.bytes(proof.digest.bytes.size()), proof.digest.bytes.begin());
  const ByteView uid = reader.bytes(kUidBytes);
  const ByteView echo = reader.bytes(XFP_NONCE_SIZE);
  const ByteView loader = reader.bytes(proof.loader.bytes.size());
  if (!reader.complete()) co_return Error(Code::kDevice, "XFP: a hash that is too short");
  std::ranges::copy(loader, proof.loader.bytes.begin());
  if (!std::ranges::equal(echo, nonce) || uid_text(uid) != uid_) {
    co_return Error(Code::kDevice, "hash 0x{:08x}: it is of another board or of another time",
                    address);
  }
  co_return proof;
}

// Two requests in flight: the device reads its memory while the bus carries what it read before.
Task<Status> XfpWire::read_pieces(std::uint32_t address, std::uint64_t size, Sha256& hash,
                                  std::uint64_t& done, Progress progress) {
  std::uint64_t asked = done;
  std::deque<std::uint64_t> spans;
  while (done < size) {
    while (asked < size && spans.size() < kReadsInFlight && link_.has_room(0)) {
      const std::uint64_t span = std::min<std::uint64_t>(link_.payload_max(), size - asked);
      CO_TRY_STATUS(co_await link_.transmit(
          link_.frame_of({.op = XFP_READ,
                          .address = static_cast<std::uint32_t>(address + asked),
                          .span = static_cast<std::uint32_t>(span)})));
      asked += span;
      spans.push_back(span);
    }
    CO_TRY(const XfpLink::Answer answer, co_await link_.receive());
    if (answer.payload.size() != spans.front()) {
      co_return Error(Code::kDevice, "XFP: {} bytes came instead of {}", answer.payload.size(),
                      spans.front());
    }
    spans.pop_front();
    hash.update(answer.payload);
    done += answer.payload.size();
    progress(answer.payload.size());
  }
  co_return Status();
}

Task<Result<Sha256Digest>> XfpWire::read_back(std::uint32_t address, std::uint64_t size,
                                              Progress progress) {
  Sha256 hash;
  std::uint64_t done = 0;
  while (true) {
    Status status = co_await read_pieces(address, size, hash, done, progress);
    if (status) co_return hash.finish();
    if (!may_try_again(status.error())) {
      co_return give_up(std::move(status).error())
          .with_context(fmt::format("read 0x{:08x}", address));
    }
    CO_TRY_STATUS(co_await recover_in_time());
  }
}

}  // namespace gangd
