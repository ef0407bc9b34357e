// HeadFile: the last signed head, in a small file beside the ledger. A ledger whose end was cut off
// is whole in itself; this file knows how far it went. Blocks.
#pragma once

#include <optional>
#include <string>

#include "base/result.h"
#include "ledger/signed_head.h"

namespace gangd {

class HeadFile {
 public:
  // `ledger` with `.head`.
  static std::string beside(const std::string& ledger);

  // Makes the file; it survives a power cut from then on. kBusy: it is there.
  static Status make(const std::string& file, const SignedHead& head);
  // The newest head in it. kNotFound: there is no file. kMismatch: no head can be read in it.
  static Result<SignedHead> read(const std::string& file);

  // One that is there, for note().
  static Result<HeadFile> open(const std::string& file);
  ~HeadFile();
  HeadFile(HeadFile&& other) noexcept;
  HeadFile& operator=(HeadFile&&) = delete;

  // Two heads take turns, so that the one before is whole whatever happens to this one. Not synced:
  // after a power cut the file may know an older head, which is as true.
  Status note(const SignedHead& head);

 private:
  HeadFile(int fd, std::string file) : fd_(fd), file_(std::move(file)) {}

  int fd_;
  std::string file_;
  int next_place_ = 0;
};

}  // namespace gangd
