// Which cells of a unit hold what they read as. Work that did not end in PASS may have cut an
// operation of the flash short: such cells may read right today and not tomorrow, until a later
// attempt has erased them whatever they read as, and has ended in PASS.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include "ledger/ledger_reader.h"

namespace gangd {

class SoundCells {
 public:
  // The attempts of one unit, the newest first. False: what this one was to write has not been
  // done anew since.
  bool take(const AttemptRow& attempt);

 private:
  bool hold(const std::vector<Extent>& extents) const;
  void add(std::uint64_t begin, std::uint64_t end);

  std::map<std::uint64_t, std::uint64_t> ends_;  // by where they begin; none touches another
};

}  // namespace gangd
