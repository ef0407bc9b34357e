// The line to gangd over the network: the files that it needs, and why it does not come about.
#pragma once

#include <string>

#include "base/result.h"
#include "ctl/client.h"

namespace gangd {

struct TlsFiles {
  std::string ca;
  std::string certificate;
  std::string key;
};

// Reads and checks what the place names. An error says which file, and what to do.
Result<TlsFiles> read_tls_files(const Place& place);

// Tries the line once more, and looks closely: gRPC tells no more than that there is none. Empty:
// it can be reached.
std::string why_unreachable(const Place& place, const TlsFiles& files);

}  // namespace gangd
