#include "ledger/event.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <type_traits>

#include "ledger/canonical_json.h"

namespace gangd {
namespace {

// The `v` of every record: another number means another FORMAT.md.
constexpr std::uint64_t kFormat = 1;

// --- what each event holds, written once for both directions. The names are those of FORMAT.md.

template <class Visit, class E>
void fields_of(Visit& visit, E& event, const LedgerBegan*) {
  visit("station", event.station);
  visit("public_key", event.public_key);
}
template <class Visit, class E>
void fields_of(Visit& visit, E& event, const DaemonStarted*) {
  visit("version", event.version);
}
template <class Visit, class E>
void fields_of(Visit& visit, E& event, const KeyReplaced*) {
  visit("public_key", event.public_key);
  visit("signature", event.signature);
  visit("reason", event.reason);
}
template <class Visit, class E>
void fields_of(Visit& visit, E& event, const EpochBegan*) {
  visit("reason", event.reason);
  visit("lost", event.lost);
  visit("lost_sha256", event.lost_sha256);
  visit("skipped", event.skipped);
}
template <class Visit, class E>
void fields_of(Visit& visit, E& event, const JobStarted*) {
  visit("request", event.request);
  visit("role", event.role);
  visit("product", event.product);
  visit("product_sha256", event.product_digest);
  visit("slots", event.slots);
  visit("once", event.once);
  visit("image_extents", event.image_extents);
  visit.optional("subject", event.subject);
  visit.optional("work_order", event.work_order);
  visit.optional("quantity", event.quantity);
  visit.optional("qualification", event.qualification);
}
template <class Visit, class E>
void fields_of(Visit& visit, E& event, const JobEnded*) {
  visit("job", event.job);
  visit("request", event.request);
  visit("role", event.role);
  visit("reason", event.reason);
  visit.optional("subject", event.subject);
}
template <class Visit, class E>
void fields_of(Visit& visit, E& event, const AttemptStarted*) {
  visit("job", event.job);
  visit("slot", event.slot);
  visit("path", event.path);
  visit("uid", event.uid);
  visit("numbers", event.numbers);
  visit("unit_extents", event.unit_extents);
  visit("nonce", event.nonce);
  visit.optional("allowed_by", event.allowed_by);
}
template <class Visit, class E>
void fields_of(Visit& visit, E& event, const AttemptEnded*) {
  visit("attempt", event.attempt);
  visit("verdict", event.verdict);
  visit("code", event.code);
  visit("reason", event.reason);
  visit("step", event.step);
  visit("duration_us", event.duration_us);
  visit("bytes_found_same", event.bytes_found_same);
  visit("bytes_found_blank", event.bytes_found_blank);
  visit("measured", event.measured);
  visit("proof", event.proof);
  visit("loader", event.loader);
  visit.optional("chip", event.chip);
  visit.optional("board", event.board);
  visit.optional("flashes", event.flashes);
  visit.optional("qualification", event.qualification);
  visit.optional("measured_as_booted", event.measured_as_booted);
}
template <class Visit, class E>
void fields_of(Visit& visit, E& event, const QualificationStarted*) {
  visit("request", event.request);
  visit("role", event.role);
  visit("subject", event.subject);
  visit("person", event.person);
  visit("product", event.product);
  visit("product_sha256", event.product_digest);
  visit("slot", event.slot);
}
template <class Visit, class E>
void fields_of(Visit& visit, E& event, const QualificationStep*) {
  visit("qualification", event.qualification);
  visit("step", event.step);
  visit("passed", event.passed);
  visit("reason", event.reason);
  visit("note", event.note);
  visit("role", event.role);
  visit("subject", event.subject);
  visit.optional("attempt", event.attempt);
  visit.optional("dumped", event.dumped);
}
template <class Visit, class E>
void fields_of(Visit& visit, E& event, const BoardQualified*) {
  visit("qualification", event.qualification);
  visit("chip", event.chip);
  visit("board", event.board);
  visit("flashes", event.flashes);
  visit("loader", event.loader);
  visit("uid", event.uid);
  visit("failures", event.failures);
  visit("person", event.person);
  visit("role", event.role);
  visit("subject", event.subject);
  visit("signature", event.signature);
}
template <class Visit, class E>
void fields_of(Visit& visit, E& lease, const SerialsLeased*) {
  visit("pool", lease.pool);
  visit("request", lease.request);
  visit("first", lease.first);
  visit("count", lease.count);
}
template <class Visit, class E>
void fields_of(Visit& visit, E& event, const AccessDenied*) {
  visit("role", event.role);
  visit("subject", event.subject);
  visit("method", event.method);
  visit("reason", event.reason);
  visit("count", event.count);
}
template <class Visit, class E>
void fields_of(Visit& visit, E& event, const AttemptAcknowledged*) {
  visit("attempt", event.attempt);
  visit("request", event.request);
  visit("role", event.role);
  visit.optional("subject", event.subject);
}
template <class Visit, class E>
void fields_of(Visit& visit, E& number, const UnitNumber*) {
  visit("pool", number.pool);
  visit("index", number.index);
  visit("value", number.value);
}
template <class Visit, class E>
void fields_of(Visit& visit, E& extent, const Extent*) {
  visit("name", extent.name);
  visit("address", extent.address);
  visit("size", extent.size);
  visit("sha256", extent.digest);
}

template <class Visit, class E>
void fields(Visit& visit, E& event) {
  fields_of(visit, event, static_cast<const std::remove_const_t<E>*>(nullptr));
}

// --- to JSON

class Writer {
 public:
  template <class T>
  void operator()(std::string_view name, const T& value) {
    members_.push_back({std::string(name), json(value)});
  }
  // What older records do not have: they are written as they were.
  template <class T>
  void optional(std::string_view name, const T& value) {
    if (value != T()) (*this)(name, value);
  }
  template <class T>
  static Json object(const T& value) {
    Writer writer;
    fields(writer, value);
    return {std::move(writer.members_)};
  }
  Json take() && { return {std::move(members_)}; }

 private:
  static Json json(const std::string& text) { return {text}; }
  static Json json(std::string_view text) { return {std::string(text)}; }
  static Json json(const EventId& id) { return {id.to_string()}; }
  static Json json(const Sha256Digest& digest) { return {digest.hex()}; }
  static Json json(const PublicKey& key) { return {key.hex()}; }
  static Json json(Verdict verdict) { return {std::string(verdict_name(verdict))}; }
  static Json json(std::uint64_t number) { return {number}; }
  static Json json(std::uint32_t number) { return {std::uint64_t{number}}; }
  static Json json(bool fact) { return {std::uint64_t{fact}}; }
  static Json json(const UnitNumber& number) { return object(number); }
  static Json json(const Extent& extent) { return object(extent); }
  static Json json(const Json& json) { return json; }
  template <class T>
  static Json json(const std::vector<T>& values) {
    Json::Array array;
    for (const T& value : values) array.push_back(json(value));
    return {std::move(array)};
  }

  Json::Object members_;
};

// --- from JSON. What is missing or of another kind stays as it was: decode_entry() writes what was
// read again, and takes only what comes out the same.

class Reader {
 public:
  explicit Reader(const Json& json) : json_(json) {}

  template <class T>
  void operator()(std::string_view name, T& value) {
    if (const Json* member = json_.find(name)) read(*member, value);
  }
  template <class T>
  void optional(std::string_view name, T& value) {
    (*this)(name, value);
  }

 private:
  static std::string text_of(const Json& json) {
    const auto* text = std::get_if<std::string>(&json.value);
    return text == nullptr ? std::string() : *text;
  }
  static void read(const Json& json, std::string& text) { text = text_of(json); }
  static void read(const Json& json, EventId& id) {
    if (const auto parsed = EventId::parse(text_of(json))) id = *parsed;
  }
  template <class T>
    requires std::same_as<T, Sha256Digest> || std::same_as<T, PublicKey>
  static void read(const Json& json, T& digest) {
    const auto bytes = from_hex(text_of(json));
    if (!bytes || bytes->size() != digest.bytes.size()) return;
    std::ranges::copy(*bytes, digest.bytes.begin());
  }
  static void read(const Json& json, Verdict& verdict) {
    if (const auto named = verdict_named(text_of(json))) verdict = *named;
  }
  static void read(const Json& json, std::uint64_t& number) {
    if (const auto* integer = std::get_if<std::uint64_t>(&json.value)) number = *integer;
  }
  static void read(const Json& json, std::uint32_t& number) {
    std::uint64_t wide = 0;
    read(json, wide);
    number = static_cast<std::uint32_t>(wide);
  }
  static void read(const Json& json, bool& fact) {
    std::uint64_t number = 0;
    read(json, number);
    fact = number == 1;
  }
  template <class T>
    requires std::same_as<T, UnitNumber> || std::same_as<T, Extent>
  static void read(const Json& json, T& object) {
    Reader reader(json);
    fields(reader, object);
  }
  template <class T>
  static void read(const Json& json, std::vector<T>& values) {
    const auto* array = std::get_if<Json::Array>(&json.value);
    if (array == nullptr) return;
    for (const Json& element : *array) read(element, values.emplace_back());
  }

  const Json& json_;
};

// --- times: `2026-11-21T08:15:00.000000Z`

int digits_at(std::string_view text, std::size_t position, std::size_t count) {
  int number = 0;
  if (text.size() < position + count) return 0;
  std::from_chars(text.data() + position, text.data() + position + count, number);
  return number;
}

UtcTime time_of(std::string_view text) {
  using namespace std::chrono;
  const year_month_day date(year(digits_at(text, 0, 4)),
                            month(static_cast<unsigned>(std::max(0, digits_at(text, 5, 2)))),
                            day(static_cast<unsigned>(std::max(0, digits_at(text, 8, 2)))));
  if (!date.ok()) return {};
  return sys_days(date) + hours(digits_at(text, 11, 2)) + minutes(digits_at(text, 14, 2)) +
         seconds(digits_at(text, 17, 2)) + microseconds(digits_at(text, 20, 6));
}

// --- the events by their names

// In the order of the variant.
constexpr std::array<std::string_view, std::variant_size_v<LedgerEvent::Kinds>> kTypes = {
    "ledger_began",         "daemon_started", "key_replaced",
    "epoch_began",          "job_started",    "job_ended",
    "attempt_started",      "attempt_ended",  "access_denied",
    "attempt_acknowledged", "serials_leased", "qualification_started",
    "qualification_step",   "board_qualified"};

template <std::size_t Index = 0>
LedgerEvent event_of_type(std::size_t index) {
  if constexpr (Index + 1 < std::variant_size_v<LedgerEvent::Kinds>) {
    if (index != Index) return event_of_type<Index + 1>(index);
  }
  return LedgerEvent(std::in_place_index<Index>);
}

}  // namespace

static_assert(std::is_nothrow_move_constructible_v<LedgerEvent::Kinds> &&
              std::is_nothrow_move_assignable_v<LedgerEvent::Kinds>);

LedgerEvent::LedgerEvent(const LedgerEvent& other) = default;
LedgerEvent::LedgerEvent(LedgerEvent&& other) noexcept = default;
LedgerEvent& LedgerEvent::operator=(const LedgerEvent& other) = default;
LedgerEvent& LedgerEvent::operator=(LedgerEvent&& other) noexcept = default;
LedgerEvent::~LedgerEvent() = default;

bool LedgerEvent::operator==(const LedgerEvent& other) const {
  return static_cast<const Kinds&>(*this) == static_cast<const Kinds&>(other);
}

std::string EventId::to_string() const {
  return fmt::format("{}-{}", epoch, n);
}

Result<EventId> EventId::parse(std::string_view text) {
  EventId id;
  const char* const end = text.data() + text.size();
  const auto epoch = std::from_chars(text.data(), end, id.epoch);
  if (epoch.ec == std::errc() && epoch.ptr != end && *epoch.ptr == '-') {
    const auto n = std::from_chars(epoch.ptr + 1, end, id.n);
    if (n.ec == std::errc() && n.ptr == end && id.n <= kJsonIntegerMax && id.to_string() == text) {
      return id;
    }
  }
  return Error(Code::kInvalid, "\"{}\" is no id: one looks like 1-17", text);
}

std::string qualification_word(EventId qualification) {
  return qualification == EventId() ? std::string(kUnqualified) : qualification.to_string();
}

std::string utc_text(UtcTime time) {
  const auto day = std::chrono::floor<std::chrono::days>(time);
  const std::chrono::year_month_day date(day);
  const std::chrono::hh_mm_ss clock(time - day);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}.{:06}Z", static_cast<int>(date.year()),
                     static_cast<unsigned>(date.month()), static_cast<unsigned>(date.day()),
                     clock.hours().count(), clock.minutes().count(), clock.seconds().count(),
                     clock.subseconds().count());
}

std::string_view event_type(const LedgerEvent& event) {
  return kTypes.at(event.index());
}

std::string encode_entry(const Entry& entry) {
  Writer writer;
  writer("v", kFormat);
  writer("epoch", entry.id.epoch);
  writer("n", entry.id.n);
  writer("station", entry.station);
  writer("at", utc_text(entry.at));
  writer("type", event_type(entry.event));
  writer("event", std::visit([](const auto& event) { return Writer::object(event); }, entry.event));
  return canonical_json(std::move(writer).take());
}

Result<Entry> decode_entry(std::string_view bytes) {
  TRY(const Json json, parse_json(bytes));
  Entry entry;
  std::string at;
  std::string type;
  Reader reader(json);
  reader("epoch", entry.id.epoch);
  reader("n", entry.id.n);
  reader("station", entry.station);
  reader("at", at);
  reader("type", type);
  entry.at = time_of(at);
  const auto known = std::ranges::find(kTypes, type);
  const Json* body = json.find("event");
  if (known == kTypes.end() || body == nullptr) {
    return Error(Code::kInvalid, "no event of this format: its type is \"{}\"", type);
  }
  entry.event = event_of_type(static_cast<std::size_t>(known - kTypes.begin()));
  Reader body_reader(*body);
  std::visit([&body_reader](auto& event) { fields(body_reader, event); }, entry.event);
  if (encode_entry(entry) != bytes) {
    return Error(Code::kInvalid, "event {} is not in the canonical form", entry.id.to_string());
  }
  return entry;
}

std::string key_text(const std::string& station, EventId id, const PublicKey& key) {
  return fmt::format("gangd key\n{}\n{}\n{}\n", station, id.to_string(), key.hex());
}

std::string BoardKey::text() const {
  const auto told = [](const std::string& text) { return text.empty() ? "not told" : text; };
  return fmt::format("{}, chip {}, flash {}, loader {}", told(board), told(chip),
                     told(fmt::format("{}", fmt::join(flashes, " "))), told(loader));
}

std::string qualification_text(const std::string& station, EventId id,
                               const BoardQualified& qualified) {
  return fmt::format("gangd qualification\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n{}\n", station,
                     id.to_string(), qualified.qualification.to_string(), qualified.chip,
                     qualified.board, fmt::join(qualified.flashes, ","), qualified.loader,
                     qualified.uid);
}

Sha256Digest chain(const Sha256Digest& before, const Sha256Digest& record) {
  Sha256 hash;
  hash.update(before.bytes);
  hash.update(record.bytes);
  return hash.finish();
}

Sha256Digest chain(const Sha256Digest& before, std::string_view bytes) {
  return chain(before, sha256(as_bytes(bytes)));
}

}  // namespace gangd
