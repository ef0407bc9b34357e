// A simulated MES: it outlives the daemon, as MES do. It refuses, is down, is slow, loses questions
// and answers, and hears some questions twice, the second time late.
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "station/mes_link.h"
#include "tests/sim/prng.h"

namespace gangd::sim {

class SimMesServer {
 public:
  // So many times in a thousand.
  struct Faults {
    std::uint64_t refusals = 0;
    std::uint64_t lost_questions = 0;
    std::uint64_t lost_answers = 0;
    std::uint64_t twice = 0;
  };
  struct Told {
    std::string uid;
    Verdict verdict = Verdict::kUnknown;
    bool operator==(const Told&) const = default;
  };

  SimMesServer(Prng dice, Faults faults) : dice_(dice), faults_(faults) {}

  // Until `false` it hears nothing.
  void set_down(bool down) { down_ = down; }

  // What it was told, each attempt once, in the order in which it heard of them first.
  const std::vector<std::pair<EventId, Told>>& told() const { return told_; }
  // The same key came with another content.
  bool was_contradicted() const { return was_contradicted_; }
  // All that it gave, to whom it did.
  const std::map<std::string, MesNumbers>& leases() const { return leases_; }
  // How often it heard something again.
  std::uint64_t repeats() const { return repeats_; }

  // --- for the link

  // Lets it hear a question, as the seed says. kTimeout: no answer came.
  Task<Status> ask(std::function<void()> hear);
  bool refuses() { return dice_.chance(faults_.refusals); }
  MesNumbers lease(const MesLease& lease);
  void report(const MesReport& report);

 private:
  Prng dice_;
  const Faults faults_;
  bool down_ = false;
  bool was_contradicted_ = false;
  std::uint64_t repeats_ = 0;
  std::uint64_t next_ = 1;
  std::map<std::string, MesNumbers> leases_;  // by request
  std::vector<std::pair<EventId, Told>> told_;
  std::vector<std::function<void()>> late_;  // questions on their way a second time
};

// One life's way to it.
class SimMes final : public MesLink {
 public:
  explicit SimMes(SimMesServer& server) : server_(server) {}

  // The process that asks was killed: it asks no more.
  void kill() { is_dead_ = true; }

  bool is_there() const override { return true; }
  Task<Status> authorize(MesUnit unit) override;
  Task<Result<MesNumbers>> lease(MesLease lease) override;
  Task<Status> report(MesReport report) override;

 private:
  Task<Status> ask(std::function<void()> hear);

  SimMesServer& server_;
  bool is_dead_ = false;
};

}  // namespace gangd::sim
