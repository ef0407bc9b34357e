// A board behind XFP: the device erases only what is not blank, receives while its chip programs,
// and hashes what it holds.
#pragma once

#include <string>
#include <vector>

#include "wire/wire.h"
#include "wire/xfp_link.h"

namespace gangd {

class XfpWire final : public Wire {
 public:
  static bool is_spoken(ByteView configuration);
  static Task<Result<std::unique_ptr<Wire>>> open(UsbConnection& connection);

  std::string_view protocol() const override { return "xfp"; }
  const std::string& uid() const override { return uid_; }
  const std::vector<Layout>& memories() const override { return memories_; }
  std::uint64_t bytes_found_blank() const override { return bytes_found_blank_; }

  Task<Status> erase(std::uint32_t address, std::uint64_t size, Erase how,
                     Progress progress) override;
  Task<Status> write(std::uint32_t address, ByteView bytes, Progress progress) override;
  Task<Result<Sha256Digest>> measure(std::uint32_t address, std::uint64_t size,
                                     Progress progress) override;

 private:
  struct Job {
    std::uint64_t done = 0;
    std::uint64_t skipped = 0;
    Sha256Digest digest;
  };

  XfpWire(UsbConnection& connection, XfpEndpoints endpoints);

  // From a board in any state to a new session.
  Task<Status> begin();
  Task<Status> recover();
  Status read_capabilities(ByteView capabilities);
  // Whether the operation is to be tried again: it was a fault of the bus, and the attempt has some
  // left.
  bool may_try_again(const Error& error);
  // Begins a job and waits for its end.
  Task<Result<Job>> run_job(xfp_op op, std::uint32_t address, std::uint64_t size,
                            ByteVector payload, std::uint64_t& told, Progress progress);
  Task<Status> write_from(std::uint32_t address, ByteView bytes, std::size_t& answered,
                          Progress progress);

  UsbConnection& connection_;
  const XfpEndpoints endpoints_;
  XfpLink link_;
  std::string uid_;
  std::vector<Layout> memories_;
  std::size_t slots_ = 1;
  std::uint64_t bytes_found_blank_ = 0;
  int faults_left_;
};

}  // namespace gangd
