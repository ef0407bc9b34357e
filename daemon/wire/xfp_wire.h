// A board behind XFP: the device erases only what is not blank, receives while its chip programs,
// and hashes what it holds.
#pragma once

#include <string>
#include <vector>

#include "wire/bank_check.h"
#include "wire/packed_trial.h"
#include "wire/wire.h"
#include "wire/xfp_link.h"
#include "wire/xfp_platform.h"

namespace gangd {

class XfpWire final : public Wire {
 public:
  // In whatever version.
  static bool is_spoken(ByteView configuration);
  // kUnsupported: in none that we know.
  static Task<Result<std::unique_ptr<Wire>>> open(UsbConnection& connection);

  std::string_view protocol() const override { return "xfp"; }
  const std::string& uid() const override { return uid_; }
  const BoardKind& kind() const override { return kind_; }
  const std::vector<Layout>& memories() const override { return memories_; }
  const std::optional<Nonce>& start_nonce() const override { return start_nonce_; }
  std::uint64_t bytes_found_blank() const override { return bytes_found_blank_; }

  Task<Status> erase(std::uint32_t address, std::uint64_t size, Erase how,
                     Progress progress) override;
  std::uint64_t erase_unit(std::uint32_t address) const override;
  std::uint32_t write_unit(std::uint32_t address) const override;
  std::size_t packed_max() const override;
  void offer(const PackedPieces& pieces, std::optional<bool>& is_faster_packed) override;
  void know(const KnownSums& sums) override { sums_ = &sums; }
  Task<Status> write(std::uint32_t address, ByteView bytes, Progress progress) override;

  bool measures() const override { return platform_.has(XFP_FEATURE_HASH); }
  bool compares() const override { return platform_.has(XFP_FEATURE_DIGESTS); }
  Task<Result<std::vector<std::uint32_t>>> digests(std::uint32_t address,
                                                   std::uint64_t size) override;
  Task<Result<DeviceProof>> measure(std::uint32_t address, std::uint64_t size, ReadAs as,
                                    Nonce nonce, Progress progress) override;
  bool boots_from(std::uint32_t address) const override;
  Task<Result<std::vector<std::string>>> flash_words() override;
  Task<Result<Sha256Digest>> read_back(std::uint32_t address, std::uint64_t size,
                                       Progress progress) override;

 private:
  struct Region {
    std::uint32_t address = 0;
    std::uint64_t size = 0;
    std::uint32_t erase_min = 0;
    std::uint32_t write_unit = 0;
    std::uint64_t bank = 0;  // of which one is read while another is written; 0: there are none
    std::uint32_t rate = 0;  // bytes that it programs in a second
    bool boots = false;      // it can be hashed as a program that runs in place reads it
  };
  struct Job {
    std::uint8_t state = 0;  // enum xfp_job_state, or anything
    std::uint8_t status = 0;
    std::uint64_t done = 0;
    std::uint64_t total = 0;
    std::uint64_t skipped = 0;
    Duration left{};
    ByteVector result;
  };

  XfpWire(UsbConnection& connection, XfpEndpoints endpoints, XfpPlatform platform);

  // From a board in any state to a new session.
  Task<Status> begin();
  Task<Status> recover();
  Task<Status> recover_in_time();
  Status read_capabilities(ByteView capabilities);
  Status read_region(ByteReader& field);
  const Region* region_at(std::uint32_t address) const;
  // What the board tells of its kind; other fields are left alone.
  static Status read_kind(std::uint8_t type, ByteView field, BoardKind& kind);
  // Whether the operation is to be tried again: it was a fault of the bus, and the attempt has some
  // left.
  bool may_try_again(const Error& error);
  // What the attempt ends with: of faults of the bus it tells how many they were.
  Error give_up(Error error);
  // Until nothing runs in the chip that nobody in this session has asked for.
  Task<Status> wait_until_chip_is_free();
  // Begins a job and waits for its end.
  Task<Result<Job>> run_job(XfpLink::Request request, std::uint64_t& told, Progress progress);
  Task<Result<Job>> ask_job();
  // Runs a job that changes nothing; after a fault of the bus again.
  Task<Result<Job>> persist_job(XfpLink::Request request, Progress progress);
  // How long it may stay unnoticed that the device wants more for the memory there.
  Duration patience(std::uint32_t address) const;
  Task<Status> write_patiently(std::uint32_t address, ByteView bytes, Progress progress);
  BankCheck bank_check(std::uint32_t address, ByteView bytes) const;
  // Whether the board still holds what it has answered for, before it is given the rest.
  Task<Status> check_written(std::uint32_t address, ByteView bytes);
  Task<Status> read_pieces(std::uint32_t address, std::uint64_t size, Sha256& hash,
                           std::uint64_t& done, Progress progress);

  UsbConnection& connection_;
  const XfpEndpoints endpoints_;
  const XfpPlatform platform_;
  XfpLink link_;
  std::string uid_;
  BoardKind kind_;
  std::optional<Nonce> start_nonce_;
  std::vector<Layout> memories_;
  std::vector<Region> regions_;
  const PackedPieces* packed_;
  const KnownSums* sums_;
  PackedTrial trial_;
  std::uint64_t bytes_found_blank_ = 0;
  bool is_chip_free_ = false;  // of what the session before has begun
  int faults_left_;
  std::string first_fault_;
  bool has_given_up_ = false;
};

}  // namespace gangd
