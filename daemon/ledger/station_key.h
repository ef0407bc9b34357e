// The station's secret key, in a file of its own that nobody else may read. Blocks.
#pragma once

#include <string>

#include "base/ed25519.h"
#include "base/result.h"

namespace gangd {

// Where it is, and what it is made of when there is none.
struct StationKey {
  std::string file;
  SecretKey::Seed seed{};
};

// kNotFound; kInvalid: it is no key, or others than its owner may read it.
Result<SecretKey> read_station_key(const std::string& file);
// Of `key.seed`, with mode 0600. kBusy: there is one, and it is not replaced.
Result<SecretKey> make_station_key(const StationKey& key);

}  // namespace gangd
