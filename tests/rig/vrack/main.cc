// vrack: a rack of virtual boards behind a USB/IP socket. tests/rig/README.md says what it models;
// tests/rig/with-rack starts it.
#include <fmt/core.h>
#include <getopt.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <string>

#include "tests/rig/vrack/boards.h"
#include "tests/rig/vrack/serve.h"

namespace gangd::rig {
namespace {

constexpr const char* kUsage =
    "usage: vrack --socket PATH --control PATH --boards N [--speed K] [--parts P,P...]\n"
    "             [--rom WORD,...] [--topology HUB:PORTS,...] [--unplugged] [--sysfs]\n"
    "Ends when standard input does, or at `quit` on the control socket.\n";

struct Options {
  std::string socket, control, parts = "echo", rom, topology;
  std::size_t boards = 0;
  double speed = 1;
  bool unplugged = false;
  bool sysfs = false;
};

Result<Options> parse(int argc, char** argv) {
  static constexpr option kOptions[] = {
      {"socket", required_argument, nullptr, 's'},   {"control", required_argument, nullptr, 'c'},
      {"boards", required_argument, nullptr, 'n'},   {"speed", required_argument, nullptr, 'k'},
      {"parts", required_argument, nullptr, 'p'},    {"rom", required_argument, nullptr, 'r'},
      {"topology", required_argument, nullptr, 't'}, {"unplugged", no_argument, nullptr, 'u'},
      {"sysfs", no_argument, nullptr, 'y'},          {nullptr, 0, nullptr, 0}};
  Options options;
  for (int c; (c = getopt_long(argc, argv, "", kOptions, nullptr)) != -1;) {
    switch (c) {
      case 's':
        options.socket = optarg;
        break;
      case 'c':
        options.control = optarg;
        break;
      case 'n':
        options.boards = std::strtoul(optarg, nullptr, 10);
        break;
      case 'k':
        options.speed = std::strtod(optarg, nullptr);
        break;
      case 'p':
        options.parts = optarg;
        break;
      case 'r':
        options.rom = optarg;
        break;
      case 't':
        options.topology = optarg;
        break;
      case 'u':
        options.unplugged = true;
        break;
      case 'y':
        options.sysfs = true;
        break;
      default:
        return Error(Code::kInvalid, "{}", kUsage);
    }
  }
  const bool complete = !options.socket.empty() && !options.control.empty() && optind == argc;
  if (!complete || options.boards < 1 || !(options.speed > 0)) {
    return Error(Code::kInvalid, "{}", kUsage);
  }
  return options;
}

// Three descriptors for each file that is open, and tests open many.
void raise_descriptor_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

Result<int> run(const Options& options) {
  TRY(const BoardFactory make_board, make_board_factory(options.parts, options.rom));
  return serve(
      {
          .socket = options.socket,
          .control = options.control,
          .topology = options.topology,
          .boards = options.boards,
          .speed = options.speed,
          .unplugged = options.unplugged,
          .sysfs = options.sysfs,
      },
      make_board);
}

int main(int argc, char** argv) {
  raise_descriptor_limit();
  const auto options = parse(argc, argv);
  const auto status = options ? run(*options) : Result<int>(options.error());
  if (status) return *status;
  fmt::print(stderr, "vrack: {}\n", status.error().message());
  return 2;
}

}  // namespace
}  // namespace gangd::rig

int main(int argc, char** argv) {
  return gangd::rig::main(argc, argv);
}
