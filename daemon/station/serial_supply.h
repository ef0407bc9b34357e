// SerialSupply: keeps numbers of the MES ready, so that the line goes on when the MES cannot be
// reached. Each pool has a task that asks for more when it runs low.
#pragma once

#include <functional>
#include <map>
#include <string>

#include "loop/loop.h"
#include "loop/scope.h"
#include "loop/signal.h"
#include "station/mes_link.h"
#include "station/records.h"

namespace gangd {

class SerialSupply {
 public:
  // All that is passed must outlive it. `changed`: there are more numbers, or trouble() is another.
  SerialSupply(Loop& loop, Records& records, MesLink& mes, std::function<void()> changed);
  // co_await before destruction.
  Task<> stop();

  // From now on at least `ahead` numbers of the pool are to be free. `product` is for the MES.
  void keep(const std::string& pool, const std::string& product, std::uint64_t ahead);
  // A number for a unit; kExhausted, with the reason. It is given with the append() that follows
  // without an await between.
  Result<std::uint64_t> take(const std::string& pool);

  // Grows with each lease: who waits for numbers tries again then.
  std::uint64_t leases() const { return leases_; }
  // What keeps numbers from coming, and what a person must do; empty if nothing does.
  std::string trouble() const;

 private:
  struct Pool {
    std::string product;
    std::uint64_t ahead = 0;
    std::string trouble;
  };

  Task<> fill(std::string name);
  Task<Status> lease(std::string name, MesLease wanted);
  void note(const std::string& name, const Status& status);

  Loop& loop_;
  Records& records_;
  MesLink& mes_;
  const std::function<void()> changed_;
  Scope filling_;
  Signal wanted_;  // somewhere fewer are free, or more are to be
  std::map<std::string, Pool> pools_;
  std::uint64_t leases_ = 0;
};

}  // namespace gangd
