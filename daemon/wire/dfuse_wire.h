// A board behind DfuSe: one alternate setting for each memory, and a hash by reading back.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "wire/dfuse.h"
#include "wire/wire.h"

namespace gangd {

class DfuseWire final : public Wire {
 public:
  static bool is_spoken(ByteView configuration);
  static Task<Result<std::unique_ptr<Wire>>> open(UsbConnection& connection);

  std::string_view protocol() const override { return "dfuse"; }
  const std::string& uid() const override { return uid_; }
  const BoardKind& kind() const override { return kind_; }
  const std::vector<Layout>& memories() const override { return memories_; }
  const std::optional<Nonce>& start_nonce() const override { return start_nonce_; }

  // DfuSe has no way to ask what is blank: it erases all.
  Task<Status> erase(std::uint32_t address, std::uint64_t size, Erase how,
                     Progress progress) override;
  std::uint64_t bytes_found_blank() const override { return 0; }
  std::size_t packed_max() const override { return 0; }
  void offer(const PackedPieces&, std::optional<bool>&) override {}
  Task<Status> write(std::uint32_t address, ByteView bytes, Progress progress) override;
  std::uint64_t erase_unit(std::uint32_t address) const override;
  // DfuSe does not tell it.
  std::uint32_t write_unit(std::uint32_t) const override { return 1; }
  bool measures() const override { return false; }
  bool compares() const override { return false; }
  Task<Result<std::vector<std::uint32_t>>> digests(std::uint32_t, std::uint64_t) override;
  Task<Result<DeviceProof>> measure(std::uint32_t, std::uint64_t, ReadAs, Nonce, Progress) override;
  bool boots_from(std::uint32_t) const override { return false; }
  Task<Result<std::vector<std::string>>> flash_words() override {
    co_return std::vector<std::string>();
  }
  Task<Result<Sha256Digest>> read_back(std::uint32_t address, std::uint64_t size,
                                       Progress progress) override;

 private:
  // One operation on the memory that is selected. Repeating it does no harm.
  using Operation = std::function<Task<Status>(Dfuse& memory)>;

  DfuseWire(UsbConnection& connection, std::vector<DfuAlternate> alternates);

  Task<Status> identify();
  Task<Status> read_uid();
  Task<Status> read_memories();
  // Runs it on the memory that holds `address`.
  Task<Status> perform(std::uint32_t address, Operation operation);
  // Runs it; after a fault of the bus again, from a board that was brought back to idle, while the
  // attempt has faults left.
  Task<Status> persist(std::function<Task<Status>()> work);
  Task<Status> select(std::size_t memory);
  Task<Status> recover(Code code);
  Result<std::size_t> memory_at(std::uint32_t address) const;

  UsbConnection& connection_;
  const std::vector<DfuAlternate> alternates_;
  std::vector<Layout> memories_;     // of each alternate setting
  std::unique_ptr<Dfuse> selected_;  // null when it must be selected anew
  std::size_t selected_index_ = 0;
  std::string uid_;
  const BoardKind kind_;                    // DfuSe tells nothing of it
  const std::optional<Nonce> start_nonce_;  // DfuSe has no way to tell one
  int faults_left_;
};

}  // namespace gangd
