// Factory: a whole daemon but for its clients, on a simulated floor: boards that run the firmware
// that ships, a disk that survives, and processes that can be killed.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include "loop/scope.h"
#include "recipe/products.h"
#include "station/fixture.h"
#include "station/station.h"
#include "tests/sim/line_faults.h"
#include "tests/sim/prng.h"
#include "tests/sim/sim_bus.h"
#include "tests/sim/sim_ledger.h"
#include "tests/sim/sim_mes.h"
#include "tests/sim/sim_port.h"

namespace gangd::sim {

// What every board is to hold.
constexpr std::uint32_t kFlashAddress = 0x9000'0000;
constexpr std::uint32_t kSerialAddress = kFlashAddress + 0x1'0000;
constexpr std::string_view kProduct = "tone";

// The same with serials of another pool: a unit that has one of kProduct must not get another.
constexpr std::string_view kProductOfAnotherPool = "tone-b";

// Two products, made up.
class SimProducts final : public Products {
 public:
  SimProducts(Workers& workers, std::size_t image_bytes, bool staged, bool incoming_fresh,
              bool serials_from_mes)
      : workers_(workers),
        image_bytes_(image_bytes),
        staged_(staged),
        incoming_fresh_(incoming_fresh),
        serials_from_mes_(serials_from_mes) {}
  Task<Result<std::vector<std::string>>> names() override;
  Task<Result<std::unique_ptr<Recipe>>> load(std::string name) override;

  static ByteVector image(std::size_t image_bytes);
  void take_serials_from_mes(bool from_mes) { serials_from_mes_ = from_mes; }

 private:
  Workers& workers_;
  const std::size_t image_bytes_;
  const bool staged_;
  const bool incoming_fresh_;
  bool serials_from_mes_;
};

// Clamps that jam: so many times in a thousand.
class SimFixture final : public Fixture {
 public:
  SimFixture(Prng dice, std::uint64_t jams) : dice_(dice), jams_(jams) {}
  Task<Status> prepare(std::string slot) override;
  void show(const std::string& slot, std::optional<Lamp> lamp) override;
  // What the lamps of the slots show.
  std::map<std::string, Lamp> lamps;

 private:
  Prng dice_;
  const std::uint64_t jams_;
};

class Factory {
 public:
  struct Options {
    int boards = 2;
    std::size_t image_bytes = 9000;
    std::uint64_t jams = 0;
    SimMesServer::Faults mes = {};
    SimDisk::Faults disk = {};
    bool incoming_fresh = false;
    bool serials_from_mes = false;
    std::string_view part = "MX25R6435F";  // of tests/model/parts.toml
    bool fails_are_acknowledged = false;
    bool tells_kind = true;  // the boards say of which kind they are
    // Boards start in their ROM, and hold firmware in both memories; or that, and their loader is
    // seen at a second port.
    bool staged = false;
    bool two_ports = false;
  };

  Factory(Loop& loop, SimPort& port, std::uint64_t seed, Options options);
  // After stop().
  ~Factory();

  // A new process on what the disk holds. Begin with this one.
  Task<Status> start();
  // The process ends as by kill -9: what it had open is closed, what was not durable is lost.
  void kill();
  // Ends it in good order, and waits for those that were killed.
  Task<> stop();

  bool is_running() const { return life_ != nullptr; }
  Station& station();
  SimFixture& fixture();
  SimDisk& disk() { return disk_; }
  SimMesServer& mes() { return mes_; }
  // What the product says from the next job on.
  void take_serials_from_mes(bool from_mes);
  SimBus& bus() { return bus_; }
  int boards() const { return static_cast<int>(boards_.size()); }
  UsbPath place(int board) const;
  // Of the second connector, if boards have two.
  UsbPath loader_place(int board) const;
  model::BootStages& stages(int board) {
    return boards_[static_cast<std::size_t>(board)]->stages();
  }
  std::string slot(int board) const { return std::to_string(board + 1); }
  // What is wrong with the cable of a board.
  LineFaults& line(int board) { return *lines_[static_cast<std::size_t>(board)]; }
  model::NorChip& chip(int board) { return boards_[static_cast<std::size_t>(board)]->chip(); }

  // Whether the chip holds the image, and `serial` in its field.
  bool holds(int board, const std::string& serial);
  // Whether it will tomorrow, too: no cell of these is half erased.
  bool is_firm(int board);

 private:
  class Process;
  struct Life;

  Task<> end(Life& life);

  Loop& loop_;
  SimPort& port_;
  Prng dice_;
  const Options options_;
  SimBus bus_;
  SimDisk disk_;
  SimMesServer mes_;
  std::vector<model::VirtualBoard*> boards_;
  std::vector<std::unique_ptr<LineFaults>> lines_;  // by board
  std::unique_ptr<Life> life_;
  // Killed, and kept until the end: somebody may still wait for an answer in them.
  std::vector<std::unique_ptr<Life>> dead_;
  Scope dying_;
};

}  // namespace gangd::sim
