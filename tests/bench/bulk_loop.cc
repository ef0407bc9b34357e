// The least that a program can do to bring bytes to boards: libusb, and bulk OUT transfers of
// 64 KiB, several in flight at each board. What gangd costs is measured against it.
//
//   bulk_loop MIB      below tests/rig/with-rack with echo boards; so much to each of them
#include <fmt/core.h>
#include <libusb-1.0/libusb.h>
#include <sys/resource.h>

#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <vector>

#include "base/check.h"
#include "tests/rig/vrack/echo_board.h"

namespace gangd::bench {
namespace {

using rig::EchoBoard;

constexpr int kTransferSize = 64 * 1024;
constexpr int kInFlight = 4;  // at each board
constexpr unsigned char kInterface = 1, kBulkOut = 0x01;
constexpr unsigned char kVendorOut = 0x40;

struct Sink {
  libusb_device_handle* handle;
  std::uint64_t left;  // transfers to submit
  int in_flight = 0;
};

void submit(Sink& sink, libusb_transfer* transfer) {
  --sink.left;
  ++sink.in_flight;
  CHECK(libusb_submit_transfer(transfer) == 0);
}

void on_sent(libusb_transfer* transfer) {
  Sink& sink = *static_cast<Sink*>(transfer->user_data);
  CHECK(transfer->status == LIBUSB_TRANSFER_COMPLETED);
  CHECK(transfer->actual_length == kTransferSize);
  --sink.in_flight;
  if (sink.left > 0) submit(sink, transfer);
}

std::deque<Sink> open_sinks(libusb_context* context, std::uint64_t transfers) {
  std::deque<Sink> sinks;
  libusb_device** list = nullptr;
  const ssize_t count = libusb_get_device_list(context, &list);
  for (ssize_t i = 0; i < count; ++i) {
    libusb_device_descriptor descriptor{};
    libusb_get_device_descriptor(list[i], &descriptor);
    if (descriptor.idVendor != EchoBoard::kVendor) continue;
    libusb_device_handle* handle = nullptr;
    CHECK(libusb_open(list[i], &handle) == 0);
    CHECK(libusb_claim_interface(handle, kInterface) == 0);
    const auto request = static_cast<unsigned char>(EchoBoard::Request::kSink);
    CHECK(libusb_control_transfer(handle, kVendorOut, request, 0, 0, nullptr, 0, 0) == 0);
    sinks.push_back({handle, transfers});
  }
  libusb_free_device_list(list, 1);
  CHECK(!sinks.empty(), "there is no echo board");
  return sinks;
}

double cpu_seconds() {
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const auto seconds = [](const timeval& time) {
    return static_cast<double>(time.tv_sec) + static_cast<double>(time.tv_usec) * 1e-6;
  };
  return seconds(used.ru_utime) + seconds(used.ru_stime);
}

void run(std::uint64_t mib) {
  libusb_context* context = nullptr;
  CHECK(libusb_init(&context) == 0);
  const std::uint64_t transfers = mib * 1024 * 1024 / kTransferSize;
  std::deque<Sink> sinks = open_sinks(context, transfers);
  std::vector<unsigned char> bytes(kTransferSize, 0x5a);  // of all: they are only read
  const double cpu = cpu_seconds();
  const auto start = std::chrono::steady_clock::now();
  for (Sink& sink : sinks) {
    for (int i = 0; i < kInFlight && sink.left > 0; ++i) {
      libusb_transfer* const transfer = libusb_alloc_transfer(0);
      libusb_fill_bulk_transfer(transfer, sink.handle, kBulkOut, bytes.data(), kTransferSize,
                                on_sent, &sink, 0);
      submit(sink, transfer);
    }
  }
  const auto pending = [&sinks] {
    for (const Sink& sink : sinks) {
      if (sink.in_flight > 0) return true;
    }
    return false;
  };
  while (pending()) CHECK(libusb_handle_events(context) == 0);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - start;
  fmt::print("{{\"mib\":{},\"seconds\":{:.6f},\"cpu_seconds\":{:.6f}}}\n", mib * sinks.size(),
             took.count(), cpu_seconds() - cpu);
}

}  // namespace
}  // namespace gangd::bench

int main(int argc, char** argv) {
  const long mib = argc == 2 ? std::strtol(argv[1], nullptr, 10) : 0;
  if (mib <= 0) {
    fmt::print(stderr, "usage: bulk_loop MIB\n");
    return 2;
  }
  gangd::bench::run(static_cast<std::uint64_t>(mib));
}
