#include "tests/sim/factory.h"

#include <fmt/format.h>

#include <chrono>

#include "base/check.h"
#include "loop/sleep.h"
#include "tests/sim/staged_product.h"

namespace gangd::sim {
namespace {

using namespace std::chrono_literals;

// So few that a day needs many leases.
constexpr std::uint64_t kNumbersAhead = 2;

constexpr std::string_view kProductFile = R"(
name = "tone"
minutes_max = 2
[usb]
vendor = 0x1209
product = 0x0001
[[image]]
file = "tone.bin"
address = 0x90000000
[serial]
pool = "tone"
prefix = "T"
digits = 6
address = 0x90010000
size = 32
)";

}  // namespace

ByteVector SimProducts::image(std::size_t image_bytes) {
  ByteVector bytes(image_bytes);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    bytes[i] = static_cast<std::uint8_t>(i * 31 + (i >> 8));
  }
  return bytes;
}

Task<Result<std::vector<std::string>>> SimProducts::names() {
  co_return std::vector<std::string>{std::string(kProduct)};
}

Task<Result<std::unique_ptr<Recipe>>> SimProducts::load(std::string name) {
  const bool is_other = name == kProductOfAnotherPool;
  if (name != kProduct && !is_other) {
    co_return Error(Code::kNotFound, "there is no product \"{}\"", name);
  }
  const std::string plain(kProductFile);
  const std::string text = staged_ ? "verify_as = \"booted\"" + plain + staged_tables() : plain;
  CO_TRY(Product product, parse_product(text, "tone.toml"));
  if (is_other) {
    product.name = name;
    product.serial->pool = name;
    product.serial->prefix = "B";
  }
  product.incoming_fresh = incoming_fresh_;
  product.serial->from_mes = serials_from_mes_;
  product.serial->ahead = kNumbersAhead;
  std::vector<ImagePart> parts = {{"tone.bin", kFlashAddress, SimProducts::image(image_bytes_)}};
  if (staged_) parts.push_back(staged_boot_part());
  CO_TRY(Image image, Image::make(std::move(parts)));
  co_return Recipe::make(std::move(product), std::move(image), workers_,
                         staged_ ? staged_loader() : ByteVector());
}

Task<Status> SimFixture::prepare(std::string) {
  CO_TRY_STATUS(co_await sleep_for(dice_.between(1ms, 50ms)));
  if (dice_.chance(jams_)) co_return Error(Code::kDevice, "the clamp does not close: look at it");
  co_return Status();
}

void SimFixture::show(const std::string& slot, std::optional<Lamp> lamp) {
  if (lamp) {
    lamps[slot] = *lamp;
  } else {
    lamps.erase(slot);
  }
}

// The bus as one process sees it: killed, it reaches no board any more.
class Factory::Process final : public Usb {
 public:
  explicit Process(Factory& factory) : factory_(factory), bus_(factory.bus_) {}
  void kill() { is_dead_ = true; }

  const std::vector<UsbDevice>& devices() const override { return bus_.devices(); }
  std::uint64_t revision() const override { return bus_.revision(); }
  Task<Status> changed(std::uint64_t seen) override { return bus_.changed(seen); }
  Task<Result<std::unique_ptr<UsbConnection>>> open(std::uint64_t arrival) override {
    CO_TRY_STATUS(alive());
    CO_TRY(auto connection, co_await bus_.open(arrival));
    const UsbPath path = connection->device().path;
    for (int board = 0; board < factory_.boards(); ++board) {
      if (factory_.place(board) != path && factory_.loader_place(board) != path) continue;
      connection = on_bad_line(std::move(connection), factory_.line(board));
    }
    co_return std::make_unique<Connection>(*this, std::move(connection));
  }
  Task<Status> set_port_power(UsbPath port, bool on) override {
    CO_TRY_STATUS(alive());
    co_return co_await bus_.set_port_power(std::move(port), on);
  }

 private:
  class Connection final : public UsbConnection {
   public:
    Connection(Process& process, std::unique_ptr<UsbConnection> inner)
        : process_(process), inner_(std::move(inner)) {}
    const UsbDevice& device() const override { return inner_->device(); }
    const ByteVector& configuration() const override { return inner_->configuration(); }
    Task<Status> claim(std::uint8_t interface) override {
      CO_TRY_STATUS(process_.alive());
      co_return co_await inner_->claim(interface);
    }
    Task<Status> select(std::uint8_t interface, std::uint8_t alternate) override {
      CO_TRY_STATUS(process_.alive());
      co_return co_await inner_->select(interface, alternate);
    }
    Task<Result<ByteVector>> control_in(UsbRequest request, std::size_t bytes_max) override {
      CO_TRY_STATUS(process_.alive());
      co_return co_await inner_->control_in(request, bytes_max);
    }
    Task<Status> control_out(UsbRequest request, ByteVector bytes) override {
      CO_TRY_STATUS(process_.alive());
      co_return co_await inner_->control_out(request, std::move(bytes));
    }
    Task<Result<ByteVector>> bulk_in(std::uint8_t endpoint, std::size_t bytes_max) override {
      CO_TRY_STATUS(process_.alive());
      co_return co_await inner_->bulk_in(endpoint, bytes_max);
    }
    Task<Status> bulk_out(std::uint8_t endpoint, ByteVector bytes) override {
      CO_TRY_STATUS(process_.alive());
      co_return co_await inner_->bulk_out(endpoint, std::move(bytes));
    }
    Task<Status> clear_halt(std::uint8_t endpoint) override {
      CO_TRY_STATUS(process_.alive());
      co_return co_await inner_->clear_halt(endpoint);
    }
    Task<Status> reset() override {
      CO_TRY_STATUS(process_.alive());
      co_return co_await inner_->reset();
    }

   private:
    Process& process_;
    const std::unique_ptr<UsbConnection> inner_;
  };

  Status alive() const {
    if (is_dead_) return Error(Code::kUnplugged, "the process was killed");
    return {};
  }

  Factory& factory_;
  Usb& bus_;
  bool is_dead_ = false;
};

// What lives and dies with a process.
struct Factory::Life {
  Life(Factory& factory, StationConfig config)
      : usb(factory),
        ledger(factory.loop_, factory.disk_, config.name),
        mes(factory.mes_),
        fixture(factory.dice_.fork(), factory.options_.jams),
        product_worker(factory.port_.start_workers("products", 1)),
        products(*product_worker, factory.options_.image_bytes, factory.options_.staged,
                 factory.options_.incoming_fresh, factory.options_.serials_from_mes),
        station(factory.loop_, usb, ledger, mes, fixture, products, std::move(config), "0.0.0") {}

  Process usb;
  SimLedger ledger;
  SimMes mes;
  SimFixture fixture;
  const std::unique_ptr<Workers> product_worker;
  SimProducts products;
  Station station;
};

Factory::Factory(Loop& loop, SimPort& port, std::uint64_t seed, Options options)
    : loop_(loop),
      port_(port),
      dice_(seed),
      options_(options),
      bus_(port, dice_.next()),
      disk_(dice_.next(), options.disk),
      mes_(dice_.fork(), options.mes),
      dying_(loop, "dying") {
  for (int board = 0; board < options.boards; ++board) {
    model::VirtualBoard::Options board_options;
    board_options.part = options.part;
    if (!options.tells_kind) board_options.board.clear();
    board_options.uid[11] = static_cast<std::uint8_t>(board + 1);
    board_options.seed = dice_.next();
    if (options.staged) make_staged(board_options, options.two_ports);
    boards_.push_back(
        &bus_.add_board(place(board), board_options,
                        options.two_ports ? std::optional(loader_place(board)) : std::nullopt));
    lines_.push_back(std::make_unique<LineFaults>(
        [this, path = place(board)](std::uint8_t endpoint) { bus_.halt(path, endpoint); }));
  }
}

Factory::~Factory() {
  CHECK(life_ == nullptr, "the factory was left with a process running");
}

Task<Status> Factory::start() {
  CHECK(life_ == nullptr);
  StationConfig config;
  config.name = "line-1";
  config.fails_are_acknowledged = options_.fails_are_acknowledged;
  for (int board = 0; board < boards(); ++board) {
    config.slots.push_back({.name = slot(board), .path = place(board)});
    if (options_.two_ports) config.slots.back().loader_path = loader_place(board);
  }
  life_ = std::make_unique<Life>(*this, std::move(config));
  co_return co_await life_->station.start();
}

void Factory::kill() {
  life_->usb.kill();
  life_->mes.kill();
  disk_.kill_writer();
  dead_.push_back(std::move(life_));
  dying_.spawn("killed", end(*dead_.back()));
}

Task<> Factory::end(Life& life) {
  co_await life.station.stop();
  co_await life.ledger.close();
}

Task<> Factory::stop() {
  if (life_) co_await end(*life_);
  life_.reset();
  co_await dying_.join();
  dead_.clear();
}

Station& Factory::station() {
  CHECK(life_ != nullptr);
  return life_->station;
}

void Factory::take_serials_from_mes(bool from_mes) {
  CHECK(life_ != nullptr);
  life_->products.take_serials_from_mes(from_mes);
}

SimFixture& Factory::fixture() {
  CHECK(life_ != nullptr);
  return life_->fixture;
}

UsbPath Factory::place(int board) const {
  return {"0000:00:14.0", {static_cast<std::uint8_t>(board + 1)}};
}

UsbPath Factory::loader_place(int board) const {
  return {"0000:00:15.0", {static_cast<std::uint8_t>(board + 1)}};
}

bool Factory::holds(int board, const std::string& serial) {
  const ByteVector image = SimProducts::image(options_.image_bytes);
  ByteVector found(image.size());
  chip(board).peek(0, found);
  if (found != image) return false;
  if (options_.staged) {
    const ByteVector boot = staged_boot_image();
    const auto held =
        stages(board).flash().peek(kBootAddress, static_cast<std::uint32_t>(boot.size()));
    if (!held || *held != boot) return false;
  }
  ByteVector field(32, 0xff);
  std::copy(serial.begin(), serial.end(), field.begin());
  found.resize(field.size());
  chip(board).peek(kSerialAddress - kFlashAddress, found);
  return found == field;
}

bool Factory::is_firm(int board) {
  if (options_.staged &&
      !stages(board).flash().firm(kBootAddress,
                                  static_cast<std::uint32_t>(staged_boot_image().size()))) {
    return false;
  }
  return chip(board).firm(0, static_cast<std::uint32_t>(options_.image_bytes)) &&
         chip(board).firm(kSerialAddress - kFlashAddress, 32);
}

}  // namespace gangd::sim
