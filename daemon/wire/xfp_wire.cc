#include "wire/xfp_wire.h"

#include <algorithm>
#include <bit>
#include <chrono>
#include <limits>

#include "loop/deadline.h"
#include "loop/sleep.h"
#include "loop/this_loop.h"
#include "wire/dfu.h"
#include "wire/flash_times.h"
#include "wire/xfp_stream.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

// As with DfuSe: more of them are a bad cable, which a person must see.
constexpr int kFaultsMax = 4;
constexpr Duration kRecoverLimit = 60s;
// The limits of pauses between two looks at a job; the last one if the device does not tell.
constexpr Duration kPollPause = 1ms;
constexpr Duration kPollPauseMax = 500ms;
constexpr Duration kPollPauseUntold = 20ms;
// Who waits so long for an earlier session's work is told.
constexpr Duration kWorthTelling = 2s;

constexpr std::size_t kUidBytes = 12;
constexpr std::size_t kFlashesMax = 16;       // of one board
constexpr std::uint32_t kPayloadLeast = 512;  // a device of less would be slower than DFU
constexpr std::uint64_t kDigestsMost = std::uint64_t{XFP_DIGESTS_MAX} * XFP_DIGEST_BLOCK;
// Of what the wire carries at most, it carries so much in practice.
constexpr double kWirePart = 0.9;
const PackedPieces kNothingPacked;
const KnownSums kNothingKnown;
// For what else a station does.
constexpr Duration kPatienceMax = 8ms;
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

// Between two looks at a job that came `came` bytes further since the last pause. If the device
// does not tell what is left, it is asked less and less often, for its answers cost it time; but
// also when it should be done by how fast it came.
Duration next_pause(Duration pause, Duration left, std::uint64_t came, std::uint64_t missing) {
  if (left > Duration::zero()) return std::clamp(left, kPollPause, kPollPauseMax);
  const Duration longer = std::min(pause + pause / 4, kPollPauseUntold);
  if (came == 0) return longer;
  const std::uint64_t to_end_ns = static_cast<std::uint64_t>(pause.count()) * missing / came;
  return std::clamp(Duration(static_cast<Duration::rep>(to_end_ns)), kPollPause, longer);
}

}  // namespace

bool XfpWire::is_spoken(ByteView configuration) {
  return !find_xfp(configuration).failed_with(Code::kNotFound);
}

Task<Result<std::unique_ptr<Wire>>> XfpWire::open(UsbConnection& connection) {
  CO_TRY(const XfpEndpoints endpoints, find_xfp(connection.configuration()));
  CO_TRY(const XfpPlatform platform, co_await read_xfp_platform(connection));
  CO_TRY_STATUS(co_await connection.claim(endpoints.interface));
  std::unique_ptr<XfpWire> wire(new XfpWire(connection, endpoints, platform));
  Status begun = co_await wire->begin();
  if (!begun && wire->may_try_again(begun.error())) {
    begun = co_await wire->recover_in_time();
  }
  if (!begun) co_return std::move(begun).error();
  co_return std::unique_ptr<Wire>(std::move(wire));
}

XfpWire::XfpWire(UsbConnection& connection, XfpEndpoints endpoints, XfpPlatform platform)
    : connection_(connection),
      endpoints_(endpoints),
      platform_(platform),
      link_(connection, endpoints),
      packed_(&kNothingPacked),
      sums_(&kNothingKnown),
      trial_(wire_rate(connection.device().speed)),
      faults_left_(kFaultsMax) {}

Task<Status> XfpWire::begin() {
  // Selecting it lets the device forget what a former host has sent.
  CO_TRY_STATUS(co_await with_timeout(kRecoverLimit, connection_.select(endpoints_.interface, 0)));
  is_chip_free_ = false;
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
  region.write_unit = field.u32_le();
  const std::uint32_t bank = field.u32_le();
  if (bank > 0 && bank < region.size && bank % kDigestBlock == 0) region.bank = bank;
  region.rate = field.u32_le();
  const std::uint8_t flags = field.u8();
  if (segment.page_size == 0 || region.erase_min == 0 || region.write_unit == 0 ||
      region.erase_min % region.write_unit != 0 || region.size % segment.page_size != 0 ||
      segment.page_size % region.erase_min != 0 ||
      region.address + region.size > std::uint64_t{1} << 32) {
    return Error(Code::kDevice, "XFP: the board tells of a memory that cannot be");
  }
  segment.pages = static_cast<std::uint32_t>(region.size / segment.page_size);
  segment.readable = (flags & XFP_REGION_READABLE) != 0;
  segment.erasable = (flags & XFP_REGION_ERASABLE) != 0;
  segment.writable = (flags & XFP_REGION_WRITABLE) != 0;
  region.boots = (flags & XFP_REGION_BOOTS) != 0;
  const ByteView name = field.bytes(field.left());
  memories_.push_back({std::string(name.begin(), name.end()), {segment}});
  regions_.push_back(region);
  return {};
}

Status XfpWire::read_kind(std::uint8_t type, ByteView field, BoardKind& kind) {
  ByteReader reader(field);
  const std::size_t size = field.size();
  if (type == XFP_FIELD_CHIP && size >= 4) {
    kind.chip = reader.u32_le();
  } else if (type == XFP_FIELD_BOARD) {
    kind.board.assign(field.begin(), field.end());
    const bool is_printable =
        std::ranges::all_of(field, [](std::uint8_t byte) { return byte >= ' ' && byte <= '~'; });
    if (size == 0 || size > XFP_BOARD_MAX || !is_printable) {
      return Error(Code::kDevice, "XFP: the board tells of a name that cannot be");
    }
  } else if (type == XFP_FIELD_FLASH) {
    BoardKind::Flash flash;
    flash.address = reader.u32_le();
    const ByteView id = reader.bytes(reader.left());
    flash.jedec_id.assign(id.begin(), id.end());
    if (!reader.complete() || id.empty() || id.size() > XFP_JEDEC_MAX ||
        kind.flashes.size() == kFlashesMax) {
      return Error(Code::kDevice, "XFP: the board tells of a flash chip that cannot be");
    }
    kind.flashes.push_back(std::move(flash));
  }
  return {};
}

Status XfpWire::read_capabilities(ByteView capabilities) {
  std::string uid;
  std::uint32_t payload_max = 0;
  std::uint32_t buffer = 0;
  memories_.clear();
  regions_.clear();
  std::uint8_t codecs = 0;
  std::uint8_t flags = 0;
  BoardKind kind;
  start_nonce_.reset();
  ByteReader reader(capabilities);
  while (reader.complete() && reader.left() > 0) {
    const std::uint8_t type = reader.u8();
    const std::uint8_t size = reader.u8();
    const ByteView bytes = reader.bytes(size);
    ByteReader field(bytes);
    TRY_STATUS(read_kind(type, bytes, kind));
    if (type == XFP_FIELD_UID) {
      if (size != kUidBytes) {
        return Error(Code::kDevice, "XFP: the board has a UID of {} bytes; we know those of {}",
                     size, kUidBytes);
      }
      uid = uid_text(field.bytes(size));
    } else if (type == XFP_FIELD_BUFFER && size >= 4) {
      buffer = field.u32_le();
    } else if (type == XFP_FIELD_FRAME && size >= 4) {
      payload_max = field.u32_le();
    } else if (type == XFP_FIELD_CODECS && size >= 1) {
      codecs = field.u8();
    } else if (type == XFP_FIELD_FLAGS && size >= 1) {
      flags = field.u8();
    } else if (type == XFP_FIELD_START && size >= XFP_START_NONCE_SIZE) {
      std::ranges::copy(field.bytes(XFP_START_NONCE_SIZE), start_nonce_.emplace().begin());
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
  kind_ = std::move(kind);
  link_.set_limits(payload_max, buffer);
  link_.set_rate(std::ranges::min(regions_, {}, &Region::rate).rate);
  link_.set_flags(flags);
  if (!platform_.has(XFP_FEATURE_LZ4)) codecs &= static_cast<std::uint8_t>(~(1u << XFP_LZ4));
  if (!platform_.has(XFP_FEATURE_FILL)) codecs &= static_cast<std::uint8_t>(~(1u << XFP_FILL));
  link_.set_codecs(codecs);
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

// What the session before has begun in the chip goes on: an erase of all of it for minutes.
Task<Status> XfpWire::wait_until_chip_is_free() {
  bool is_logged = false;
  while (!is_chip_free_) {
    CO_TRY(const Job job, co_await ask_job());
    is_chip_free_ = job.state != XFP_JOB_RUNNING;
    if (is_chip_free_) break;
    if (job.left >= kWorthTelling && !std::exchange(is_logged, true)) {
      (co_await ThisLoop())
          .log(Severity::kWarning,
               "{}: the chip still finishes an erase that was cut short: it is waited for, about "
               "{} s",
               connection_.device().path.to_string(),
               std::chrono::ceil<std::chrono::seconds>(job.left).count());
    }
    CO_TRY_STATUS(co_await sleep_for(next_pause(kPollPauseUntold, job.left, 0, 0)));
  }
  co_return Status();
}

Task<Result<XfpWire::Job>> XfpWire::run_job(XfpLink::Request request, std::uint64_t& told,
                                            Progress progress) {
  CO_TRY_STATUS(co_await wait_until_chip_is_free());
  if (auto begun = co_await link_.call(request); !begun) co_return std::move(begun).error();
  Duration pause = kPollPause;
  std::uint64_t done_before = 0;
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
    const std::uint64_t came = job.done - std::min(done_before, job.done);
    done_before = job.done;
    pause = next_pause(pause, job.left, came, job.total - job.done);
    CO_TRY_STATUS(co_await sleep_for(pause));
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

const XfpWire::Region* XfpWire::region_at(std::uint32_t address) const {
  for (const Region& region : regions_) {
    if (address >= region.address && address - region.address < region.size) return &region;
  }
  return nullptr;
}

std::uint64_t XfpWire::erase_unit(std::uint32_t address) const {
  const Region* region = region_at(address);
  return region == nullptr ? 1 : region->erase_min;
}

std::uint32_t XfpWire::write_unit(std::uint32_t address) const {
  const Region* region = region_at(address);
  return region == nullptr ? 1 : region->write_unit;
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
  return is_faster && link_.knows(XFP_LZ4) ? std::bit_floor(link_.payload_max()) : 0;
}

void XfpWire::offer(const PackedPieces& pieces, std::optional<bool>& is_faster_packed) {
  packed_ = &pieces;
  trial_.share(is_faster_packed);
}

BankCheck XfpWire::bank_check(std::uint32_t address, ByteView bytes) const {
  const Region* region = region_at(address);
  const bool looks = compares() && platform_.has(XFP_FEATURE_READ_WHILE_WRITE);
  if (region == nullptr || !looks) return {0, 0, address, bytes, *sums_};
  return {region->address, region->bank, address, bytes, *sums_};
}

// When an answer comes, the device has a frame left. Half of its time is for the bus.
Duration XfpWire::patience(std::uint32_t address) const {
  const Region* region = region_at(address);
  if (region == nullptr || region->rate == 0) return {};
  const auto frame_ns = std::uint64_t{link_.payload_max()} * std::nano::den / region->rate;
  return std::min(Duration(static_cast<Duration::rep>(frame_ns / 2)), kPatienceMax);
}

Task<Status> XfpWire::write(std::uint32_t address, ByteView bytes, Progress progress) {
  connection_.set_patience(patience(address));
  Status status = co_await write_patiently(address, bytes, std::move(progress));
  connection_.set_patience({});
  co_return status;
}

Task<Status> XfpWire::write_patiently(std::uint32_t address, ByteView bytes, Progress progress) {
  std::size_t done = 0;
  while (true) {
    const auto from = static_cast<std::uint32_t>(address + done);
    const ByteView rest = bytes.subspan(done);
    XfpStream stream(link_, from, rest, bank_check(from, rest), *packed_, *sums_, trial_, progress);
    Status status = co_await wait_until_chip_is_free();
    if (status) status = co_await stream.run();
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
  if (bytes.empty() || !compares()) co_return Status();
  CO_TRY(const std::vector<std::uint32_t> held, co_await digests(address, bytes.size()));
  if (held == block_digests(address, bytes, *sums_)) co_return Status();
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

bool XfpWire::boots_from(std::uint32_t address) const {
  const Region* region = region_at(address);
  return region != nullptr && region->boots && measures();
}

Task<Result<DeviceProof>> XfpWire::measure(std::uint32_t address, std::uint64_t size, ReadAs as,
                                           Nonce nonce, Progress progress) {
  const std::uint8_t mode = as == ReadAs::kBooted ? XFP_HASH_AS_BOOTED : XFP_HASH_AS_PROGRAMMED;
  auto job = co_await persist_job({.op = XFP_HASH,
                                   .mode = mode,
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

// What failed may have left answers on their way: a new session knows of none.
Task<Result<std::vector<std::string>>> XfpWire::flash_words() {
  CO_TRY_STATUS(co_await begin());
  std::vector<std::string> all;
  const std::vector<BoardKind::Flash> flashes = kind_.flashes;
  for (const BoardKind::Flash& flash : flashes) {
    CO_TRY(const XfpLink::Answer answer,
           co_await link_.call({.op = XFP_TRACE, .address = flash.address, .span = 1}));
    CO_TRY(std::string words, flash_times(flash.address, answer.payload));
    all.push_back(std::move(words));
  }
  co_return all;
}

// Two requests in flight: the device reads its memory while the bus carries what it read before.
Task<Status> XfpWire::read_pieces(std::uint32_t address, std::uint64_t size, Sha256& hash,
                                  std::uint64_t& done, Progress progress) {
  CO_TRY_STATUS(co_await wait_until_chip_is_free());
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
