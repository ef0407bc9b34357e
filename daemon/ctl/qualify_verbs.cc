// gangctl qualify: asks a person for one step after the other, and tells gangd what was done. What
// counts, and in which order, gangd decides: it can be left and gone on with at any step.
#include <fmt/format.h>
#include <sys/random.h>
#include <sys/wait.h>
#include <unistd.h>

#include <charconv>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <iostream>
#include <optional>

#include "base/result.h"
#include "ctl/text.h"
#include "ctl/verbs.h"

namespace gangd {
namespace {

namespace v1 = gang::v1;
using namespace std::chrono_literals;

constexpr std::size_t kPiece = std::size_t{1} << 20;
// A board that gets power again shows itself after so long.
constexpr auto kShowLimit = 30s;
constexpr useconds_t kShowPauseUs = 500'000;

// What a debugger wrote: the memory from `address` on.
struct DumpFile {
  std::string name;
  std::uint64_t address = 0;
};

Result<DumpFile> dump_file_of(const std::string& text) {
  const std::size_t at = text.rfind('@');
  DumpFile file;
  if (at != std::string::npos && at > 0) {
    std::string_view digits = std::string_view(text).substr(at + 1);
    const bool is_hex = digits.starts_with("0x");
    if (is_hex) digits.remove_prefix(2);
    const char* const end = digits.data() + digits.size();
    const auto read = std::from_chars(digits.data(), end, file.address, is_hex ? 16 : 10);
    file.name = text.substr(0, at);
    if (read.ec == std::errc() && read.ptr == end && !digits.empty()) return file;
  }
  return Error(Code::kInvalid, "\"{}\" is no FILE@ADDRESS, such as flash.bin@0x90000000", text);
}

// Nothing: there is no more input, or the person wants to stop.
std::optional<std::string> ask(const std::string& question) {
  fmt::print("{}", question);
  std::fflush(stdout);
  std::string line;
  if (!std::getline(std::cin, line) || line == "q") return std::nullopt;
  return line;
}

class Procedure {
 public:
  Procedure(Client& client, const Arguments& arguments) : client_(client), arguments_(arguments) {}

  Exit run(v1::Qualification begun) {
    now_ = std::move(begun);
    fmt::print("qualification {} of product {} in slot {}\n", now_.id(), printable(now_.product()),
               printable(now_.slot()));
    while (!now_.step().empty()) {
      if (!do_next()) return leave();
    }
    fmt::print("\nqualified by {}: board {}, chip {}, flash {}, loader {}\n", now_.qualified(),
               printable(now_.key().board()), now_.key().chip(),
               fmt::format("{}", fmt::join(now_.key().flashes(), " ")), now_.key().loader_sha256());
    return Exit::kGood;
  }

 private:
  Exit leave() {
    fmt::print("\nnot qualified yet; to go on, type: gangctl qualify --continue {}\n", now_.id());
    return refused_.value_or(Exit::kNotGood);
  }

  // False: the person stops here, or gangd is gone.
  bool do_next() {
    const v1::Qualification before = now_;
    fmt::print("\nstep {} of {}, {}\n  {}\n", now_.step_number(), now_.steps(), now_.step(),
               printable(now_.prompt()));
    bool goes_on = false;
    if (now_.step() == "dump") {
      goes_on = give_dump();
    } else if (now_.step() == "program" || now_.step() == "measure") {
      goes_on = may_begin() && tell("");
    } else if (now_.step() == "sign") {
      goes_on = sign();
    } else {
      goes_on = has_power_switch() ? switch_power() : wait_for_person();
    }
    if (!goes_on) return false;
    const bool passed = now_.step() != before.step() || !now_.qualified().empty();
    is_again_ = !passed;
    if (passed) fmt::print("  on record\n");
    if (!passed && !now_.trouble().empty()) {
      fmt::print("  NOT GOOD, and on record: {}\n", printable(now_.trouble()));
    }
    return true;
  }

  // gangd's own steps need nobody, unless they have just failed.
  bool may_begin() {
    return !is_again_ || ask("  To do it again, press Enter (q: stop here): ").has_value();
  }

  bool wait_for_person() {
    const std::string question =
        now_.needs_note() ? "  What do you see? One line, which goes on record (q: stop here): "
                          : "  When that is done, press Enter (q: stop here): ";
    const auto line = ask(question);
    return line && tell(*line);
  }

  bool sign() {
    const auto line = ask(fmt::format(
        "  To sign, type your name as you gave it, {} (q: stop here): ", printable(now_.person())));
    if (!line) return false;
    if (*line == now_.person()) return tell("");
    fmt::print("  this is another name\n");
    return true;
  }

  // --- power by a command: `COMMAND off`, `COMMAND on`

  bool has_power_switch() const {
    const bool has_one = arguments_.hub_power || !arguments_.power.empty();
    return has_one && !now_.needs_note() && !is_again_;
  }

  bool switch_power() {
    if (arguments_.hub_power) {
      fmt::print("  the hub switches the power off for {} s\n", arguments_.off_seconds);
      std::fflush(stdout);
      return tell("", arguments_.off_seconds);
    }
    for (const char* state : {"off", "on"}) {
      const std::string command = fmt::format("{} {}", arguments_.power, state);
      fmt::print("  {}\n", command);
      std::fflush(stdout);
      const int status = std::system(command.c_str());
      if (!WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        fmt::print("  the command failed: do it by hand\n");
        return wait_for_person();
      }
      const bool is_off = state[1] == 'f';
      if (is_off) sleep(arguments_.off_seconds);
    }
    const auto until = std::chrono::steady_clock::now() + kShowLimit;
    const std::string step = now_.step();
    while (true) {
      const grpc::Status status = call_step(fmt::format("switched by {}", arguments_.power));
      if (status.ok()) return true;
      const bool may_come = status.error_code() == grpc::StatusCode::INVALID_ARGUMENT;
      if (!may_come || std::chrono::steady_clock::now() > until) return understand(status);
      usleep(kShowPauseUs);
    }
  }

  // --- the dump

  bool give_dump() {
    const v1::Qualification asked = now_;
    fmt::print("  what gangd wants to see:\n");
    for (const v1::Extent& extent : asked.dump()) {
      fmt::print("    {} bytes from 0x{:08x} on ({})\n", extent.size(), extent.address(),
                 printable(extent.name()));
    }
    std::vector<std::string> files = is_again_ ? std::vector<std::string>() : arguments_.dumps;
    if (files.empty()) {
      const auto line =
          ask("  FILE@ADDRESS, several with spaces between them, such as flash.bin@0x90000000 "
              "(q: stop here): ");
      if (!line) return false;
      files = split(*line);
    }
    is_again_ = true;
    const Status sent = send_dump(asked, files);
    if (!sent) fmt::print("  {}\n", printable(sent.error().message()));
    return !refused_;
  }

  static std::vector<std::string> split(const std::string& line) {
    std::vector<std::string> words;
    std::string word;
    for (const char c : line + ' ') {
      if (c != ' ') {
        word += c;
      } else if (!word.empty()) {
        words.push_back(std::exchange(word, {}));
      }
    }
    return words;
  }

  Status send_dump(const v1::Qualification& asked, const std::vector<std::string>& names) {
    std::vector<DumpFile> files;
    for (const std::string& name : names) {
      TRY(DumpFile file, dump_file_of(name));
      files.push_back(std::move(file));
    }
    for (int i = 0; i < asked.dump_size(); ++i) {
      TRY_STATUS(send_extent(static_cast<std::uint32_t>(i), asked.dump(i), files));
    }
    return {};
  }

  Status send_extent(std::uint32_t index, const v1::Extent& extent,
                     const std::vector<DumpFile>& files) {
    for (const DumpFile& file : files) {
      std::ifstream stream(file.name, std::ios::binary | std::ios::ate);
      if (!stream) return Error(Code::kNotFound, "{}: it cannot be read", file.name);
      const auto size = static_cast<std::uint64_t>(std::max<std::streamoff>(stream.tellg(), 0));
      if (extent.address() < file.address ||
          extent.address() + extent.size() > file.address + size) {
        continue;
      }
      stream.seekg(static_cast<std::streamoff>(extent.address() - file.address));
      return send_bytes(index, extent, stream, file.name);
    }
    return Error(Code::kNotFound,
                 "no file holds all {} bytes from 0x{:08x} on: FILE@ADDRESS says which memory a "
                 "file begins with",
                 extent.size(), extent.address());
  }

  Status send_bytes(std::uint32_t index, const v1::Extent& extent, std::istream& stream,
                    const std::string& name) {
    std::string bytes;
    for (std::uint64_t offset = 0; offset < extent.size(); offset += bytes.size()) {
      bytes.resize(
          static_cast<std::size_t>(std::min<std::uint64_t>(kPiece, extent.size() - offset)));
      if (!stream.read(bytes.data(), static_cast<std::streamsize>(bytes.size()))) {
        return Error(Code::kIo, "{}: it cannot be read", name);
      }
      v1::CompareDumpRequest request;
      request.set_id(now_.id());
      request.set_extent(index);
      request.set_offset(offset);
      request.set_data(bytes);
      grpc::ClientContext context;
      Client::set_deadline(context);
      v1::Qualification answer;
      const grpc::Status status = client_.qualifications().CompareDump(&context, request, &answer);
      if (!status.ok()) {
        if (!understand(status)) return Error(Code::kClosed, "gangd took no more of the dump");
        return Error(Code::kInvalid, "the dump was not compared to its end");
      }
      now_ = std::move(answer);
    }
    return {};
  }

  // --- gangd

  // gangd's own steps take as long as they take.
  grpc::Status call_step(const std::string& note, std::uint32_t hub_off_seconds = 0) {
    v1::DoStepRequest request;
    request.set_id(now_.id());
    request.set_step(now_.step());
    request.set_note(note);
    request.set_hub_off_seconds(hub_off_seconds);
    grpc::ClientContext context;
    v1::Qualification answer;
    const grpc::Status status = client_.qualifications().DoStep(&context, request, &answer);
    if (status.ok()) now_ = std::move(answer);
    return status;
  }

  bool tell(const std::string& note, std::uint32_t hub_off_seconds = 0) {
    return understand(call_step(note, hub_off_seconds));
  }

  // What a person can mend is said, and asked for again.
  bool understand(const grpc::Status& status) {
    const grpc::StatusCode code = status.error_code();
    if (code == grpc::StatusCode::OK) return true;
    if (code == grpc::StatusCode::INVALID_ARGUMENT || code == grpc::StatusCode::NOT_FOUND ||
        code == grpc::StatusCode::FAILED_PRECONDITION || code == grpc::StatusCode::UNIMPLEMENTED) {
      fmt::print("  not done: {}\n", printable(status.error_message()));
      is_again_ = true;
      if (code != grpc::StatusCode::NOT_FOUND) return true;
    }
    refused_ = client_.complain(status);
    return false;
  }

  Client& client_;
  const Arguments& arguments_;
  v1::Qualification now_;
  bool is_again_ = false;  // the step was tried: a person must look before it is tried again
  std::optional<Exit> refused_;
};

std::string new_request() {
  std::uint64_t number = 0;
  if (getrandom(&number, sizeof number, 0) != sizeof number) {
    number = static_cast<std::uint64_t>(getpid());
  }
  return fmt::format("gangctl-{:016x}", number);
}

}  // namespace

Exit qualify(const Arguments& arguments) {
  Client client(arguments.place);
  grpc::ClientContext context;
  Client::set_deadline(context);
  v1::Qualification begun;
  grpc::Status status;
  if (!arguments.qualification.empty()) {
    v1::GetQualificationRequest request;
    request.set_id(arguments.qualification);
    status = client.qualifications().GetQualification(&context, request, &begun);
  } else if (arguments.product.empty() || arguments.slots.size() != 1 || arguments.person.empty()) {
    fmt::print(stderr,
               "gangctl: to begin: gangctl qualify PRODUCT --slot SLOT --person NAME; to go on: "
               "gangctl qualify --continue ID\n");
    return Exit::kUsage;
  } else {
    v1::StartQualificationRequest request;
    request.set_request_id(arguments.request.empty() ? new_request() : arguments.request);
    request.set_product(arguments.product);
    request.set_slot(arguments.slots.front());
    request.set_person(arguments.person);
    status = client.qualifications().StartQualification(&context, request, &begun);
  }
  if (!status.ok()) return client.complain(status);
  return Procedure(client, arguments).run(std::move(begun));
}

Exit list_qualifications(const Arguments& arguments) {
  Client client(arguments.place);
  grpc::ClientContext context;
  Client::set_deadline(context);
  v1::ListQualificationsResponse response;
  const grpc::Status status = client.qualifications().ListQualifications(&context, {}, &response);
  if (!status.ok()) return client.complain(status);
  if (arguments.json) {
    fmt::print("{}\n", json_of(response));
    return Exit::kGood;
  }
  std::vector<std::vector<std::string>> rows = {
      {"QUALIFICATION", "PRODUCT", "SLOT", "PERSON", "NEXT STEP", "NOT GOOD", "NOTE"}};
  for (const v1::Qualification& each : response.qualifications()) {
    rows.push_back({each.id(), each.product(), each.slot(), each.person(),
                    each.step().empty() ? "qualified by " + each.qualified() : each.step(),
                    std::to_string(each.failures()), each.trouble()});
  }
  print_table(rows);
  return Exit::kGood;
}

}  // namespace gangd
