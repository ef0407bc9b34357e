// What went wrong, as a value: a code for the program, a sentence for a person.
#pragma once

#include <fmt/core.h>

#include <string>
#include <string_view>
#include <utility>

namespace gangd {

// A code exists because some caller acts on it in its own way; the action stands beside it.
enum class Code {
  kCancelled,    // unwind: somebody above asked for it and is waiting
  kTimeout,      // the deadline passed; the outcome is unknown until it is read back
  kUnplugged,    // the device has gone: wait for an arrival
  kStalled,      // the device refused the request: ask it for its status, then clear
  kTransfer,     // a transfer broke on the bus: reset the port, try again
  kDevice,       // the device reports that it failed, or answers nonsense: this unit fails
  kBusy,         // somebody else holds it: name them, try again later
  kMismatch,     // the content is not the expected one: FAIL
  kConflict,     // what is on record says otherwise: stop, until a person has found out why
  kInvalid,      // the input is wrong: a person corrects it
  kNotFound,     // there is no such thing: a person chooses another
  kExhausted,    // a bound was reached (queue, memory, disk): shed load or wait
  kClosed,       // the other end has finished in good order
  kUnsupported,  // this device or build cannot: choose another way
  kIo,           // this machine failed (disk, kernel): stop taking work
};

std::string_view name(Code code);

class Error {
 public:
  Error(Code code, std::string message) : code_(code), message_(std::move(message)) {}

  template <class... Args>
    requires(sizeof...(Args) > 0)
  Error(Code code, fmt::format_string<Args...> format, Args&&... args)
      : code_(code), message_(fmt::format(format, std::forward<Args>(args)...)) {}

  Code code() const { return code_; }

  // For a person: context first, cause last, as in `slot 3: write 0x90000000: stalled`.
  const std::string& message() const { return message_; }

  // Says where it happened. Added once for each layer crossed.
  Error with_context(std::string_view where) &&;

 private:
  Code code_;
  std::string message_;
};

}  // namespace gangd
