#include "ledger/station_key.h"

#include <sys/stat.h>

#include "ledger/small_file.h"

namespace gangd {
namespace {

constexpr std::size_t kPemBytesMax = 4096;

}  // namespace

Result<SecretKey> read_station_key(const std::string& file) {
  TRY(const std::string pem, read_small_file(file, kPemBytesMax).with_context("station key"));
  struct stat facts{};
  if (stat(file.c_str(), &facts) == 0 && (facts.st_mode & 077) != 0) {
    return Error(Code::kInvalid,
                 "station key {}: others may read it, and could sign as this station: type "
                 "chmod 600 {}, and think of who has read it",
                 file, file);
  }
  return SecretKey::from_pem(pem).with_context("station key " + file);
}

Result<SecretKey> make_station_key(const StationKey& key) {
  SecretKey secret(key.seed);
  TRY_STATUS(make_small_file(key.file, secret.pem(), 0600).with_context("station key"));
  return secret;
}

}  // namespace gangd
