// Every state with every request, against a table written from DFU 1.1 alone (section A.2: one
// subsection a state), with the two differences that the core states: GETSTATUS and GETSTATE are
// answered in dfuDNBUSY, dfuMANIFEST and dfuMANIFEST-WAIT-RESET.

#include <gtest/gtest.h>

#include <string>

#include "tests/unit/core/board.h"

namespace gangd::model {
namespace {

constexpr std::uint8_t kIn = 0xa1;
constexpr std::uint8_t kOut = 0x21;

struct Cell {
  int state;
  int request;
  const char* section;
  bool answered;  // not stalled
  int next;       // state after it; at once, before the flash or a timer goes on
};

constexpr bool kYes = true;
constexpr bool kStall = false;

constexpr Cell kCells[] = {
    // A.2.1: appIDLE knows DETACH and the two reads; another class request is stalled, no more.
    {DFU_APP_IDLE, DFU_DETACH, "A.2.1", kYes, DFU_APP_DETACH},
    {DFU_APP_IDLE, DFU_DNLOAD, "A.2.1", kStall, DFU_APP_IDLE},
    {DFU_APP_IDLE, DFU_UPLOAD, "A.2.1", kStall, DFU_APP_IDLE},
    {DFU_APP_IDLE, DFU_GETSTATUS, "A.2.1", kYes, DFU_APP_IDLE},
    {DFU_APP_IDLE, DFU_CLRSTATUS, "A.2.1", kStall, DFU_APP_IDLE},
    {DFU_APP_IDLE, DFU_GETSTATE, "A.2.1", kYes, DFU_APP_IDLE},
    {DFU_APP_IDLE, DFU_ABORT, "A.2.1", kStall, DFU_APP_IDLE},
    // A.2.2: appDETACH waits for the bus reset; what it does not know ends that.
    {DFU_APP_DETACH, DFU_DETACH, "A.2.2", kStall, DFU_APP_IDLE},
    {DFU_APP_DETACH, DFU_DNLOAD, "A.2.2", kStall, DFU_APP_IDLE},
    {DFU_APP_DETACH, DFU_UPLOAD, "A.2.2", kStall, DFU_APP_IDLE},
    {DFU_APP_DETACH, DFU_GETSTATUS, "A.2.2", kYes, DFU_APP_DETACH},
    {DFU_APP_DETACH, DFU_CLRSTATUS, "A.2.2", kStall, DFU_APP_IDLE},
    {DFU_APP_DETACH, DFU_GETSTATE, "A.2.2", kYes, DFU_APP_DETACH},
    {DFU_APP_DETACH, DFU_ABORT, "A.2.2", kStall, DFU_APP_IDLE},
    // A.2.3: dfuIDLE begins a download or an upload.
    {DFU_IDLE, DFU_DETACH, "A.2.3", kStall, DFU_ERROR},
    {DFU_IDLE, DFU_DNLOAD, "A.2.3", kYes, DFU_DNLOAD_SYNC},
    {DFU_IDLE, DFU_UPLOAD, "A.2.3", kYes, DFU_UPLOAD_IDLE},
    {DFU_IDLE, DFU_GETSTATUS, "A.2.3", kYes, DFU_IDLE},
    {DFU_IDLE, DFU_CLRSTATUS, "A.2.3", kStall, DFU_ERROR},
    {DFU_IDLE, DFU_GETSTATE, "A.2.3", kYes, DFU_IDLE},
    {DFU_IDLE, DFU_ABORT, "A.2.3", kYes, DFU_IDLE},
    // A.2.4: dfuDNLOAD-SYNC waits for GETSTATUS.
    {DFU_DNLOAD_SYNC, DFU_DETACH, "A.2.4", kStall, DFU_ERROR},
    {DFU_DNLOAD_SYNC, DFU_DNLOAD, "A.2.4", kStall, DFU_ERROR},
    {DFU_DNLOAD_SYNC, DFU_UPLOAD, "A.2.4", kStall, DFU_ERROR},
    {DFU_DNLOAD_SYNC, DFU_GETSTATUS, "A.2.4", kYes, DFU_DNBUSY},
    {DFU_DNLOAD_SYNC, DFU_CLRSTATUS, "A.2.4", kStall, DFU_ERROR},
    {DFU_DNLOAD_SYNC, DFU_GETSTATE, "A.2.4", kYes, DFU_DNLOAD_SYNC},
    {DFU_DNLOAD_SYNC, DFU_ABORT, "A.2.4", kYes, DFU_IDLE},
    // A.2.5: dfuDNBUSY; its reads are a stated difference.
    {DFU_DNBUSY, DFU_DETACH, "A.2.5", kStall, DFU_ERROR},
    {DFU_DNBUSY, DFU_DNLOAD, "A.2.5", kStall, DFU_ERROR},
    {DFU_DNBUSY, DFU_UPLOAD, "A.2.5", kStall, DFU_ERROR},
    {DFU_DNBUSY, DFU_GETSTATUS, "difference", kYes, DFU_DNBUSY},
    {DFU_DNBUSY, DFU_CLRSTATUS, "A.2.5", kStall, DFU_ERROR},
    {DFU_DNBUSY, DFU_GETSTATE, "difference", kYes, DFU_DNBUSY},
    {DFU_DNBUSY, DFU_ABORT, "A.2.5", kStall, DFU_ERROR},
    // A.2.6: dfuDNLOAD-IDLE takes the next block.
    {DFU_DNLOAD_IDLE, DFU_DETACH, "A.2.6", kStall, DFU_ERROR},
    {DFU_DNLOAD_IDLE, DFU_DNLOAD, "A.2.6", kYes, DFU_DNLOAD_SYNC},
    {DFU_DNLOAD_IDLE, DFU_UPLOAD, "A.2.6", kStall, DFU_ERROR},
    {DFU_DNLOAD_IDLE, DFU_GETSTATUS, "A.2.6", kYes, DFU_DNLOAD_IDLE},
    {DFU_DNLOAD_IDLE, DFU_CLRSTATUS, "A.2.6", kStall, DFU_ERROR},
    {DFU_DNLOAD_IDLE, DFU_GETSTATE, "A.2.6", kYes, DFU_DNLOAD_IDLE},
    {DFU_DNLOAD_IDLE, DFU_ABORT, "A.2.6", kYes, DFU_IDLE},
    // A.2.7: dfuMANIFEST-SYNC waits for GETSTATUS.
    {DFU_MANIFEST_SYNC, DFU_DETACH, "A.2.7", kStall, DFU_ERROR},
    {DFU_MANIFEST_SYNC, DFU_DNLOAD, "A.2.7", kStall, DFU_ERROR},
    {DFU_MANIFEST_SYNC, DFU_UPLOAD, "A.2.7", kStall, DFU_ERROR},
    {DFU_MANIFEST_SYNC, DFU_GETSTATUS, "A.2.7", kYes, DFU_MANIFEST},
    {DFU_MANIFEST_SYNC, DFU_CLRSTATUS, "A.2.7", kStall, DFU_ERROR},
    {DFU_MANIFEST_SYNC, DFU_GETSTATE, "A.2.7", kYes, DFU_MANIFEST_SYNC},
    {DFU_MANIFEST_SYNC, DFU_ABORT, "A.2.7", kYes, DFU_IDLE},
    // A.2.8: dfuMANIFEST; as dfuDNBUSY.
    {DFU_MANIFEST, DFU_DETACH, "A.2.8", kStall, DFU_ERROR},
    {DFU_MANIFEST, DFU_DNLOAD, "A.2.8", kStall, DFU_ERROR},
    {DFU_MANIFEST, DFU_UPLOAD, "A.2.8", kStall, DFU_ERROR},
    {DFU_MANIFEST, DFU_GETSTATUS, "difference", kYes, DFU_MANIFEST},
    {DFU_MANIFEST, DFU_CLRSTATUS, "A.2.8", kStall, DFU_ERROR},
    {DFU_MANIFEST, DFU_GETSTATE, "difference", kYes, DFU_MANIFEST},
    {DFU_MANIFEST, DFU_ABORT, "A.2.8", kStall, DFU_ERROR},
    // A.2.9: dfuMANIFEST-WAIT-RESET; as dfuDNBUSY.
    {DFU_MANIFEST_WAIT_RESET, DFU_DETACH, "A.2.9", kStall, DFU_ERROR},
    {DFU_MANIFEST_WAIT_RESET, DFU_DNLOAD, "A.2.9", kStall, DFU_ERROR},
    {DFU_MANIFEST_WAIT_RESET, DFU_UPLOAD, "A.2.9", kStall, DFU_ERROR},
    {DFU_MANIFEST_WAIT_RESET, DFU_GETSTATUS, "difference", kYes, DFU_MANIFEST_WAIT_RESET},
    {DFU_MANIFEST_WAIT_RESET, DFU_CLRSTATUS, "A.2.9", kStall, DFU_ERROR},
    {DFU_MANIFEST_WAIT_RESET, DFU_GETSTATE, "difference", kYes, DFU_MANIFEST_WAIT_RESET},
    {DFU_MANIFEST_WAIT_RESET, DFU_ABORT, "A.2.9", kStall, DFU_ERROR},
    // A.2.10: dfuUPLOAD-IDLE gives the next block.
    {DFU_UPLOAD_IDLE, DFU_DETACH, "A.2.10", kStall, DFU_ERROR},
    {DFU_UPLOAD_IDLE, DFU_DNLOAD, "A.2.10", kStall, DFU_ERROR},
    {DFU_UPLOAD_IDLE, DFU_UPLOAD, "A.2.10", kYes, DFU_UPLOAD_IDLE},
    {DFU_UPLOAD_IDLE, DFU_GETSTATUS, "A.2.10", kYes, DFU_UPLOAD_IDLE},
    {DFU_UPLOAD_IDLE, DFU_CLRSTATUS, "A.2.10", kStall, DFU_ERROR},
    {DFU_UPLOAD_IDLE, DFU_GETSTATE, "A.2.10", kYes, DFU_UPLOAD_IDLE},
    {DFU_UPLOAD_IDLE, DFU_ABORT, "A.2.10", kYes, DFU_IDLE},
    // A.2.11: dfuERROR is left by CLRSTATUS alone.
    {DFU_ERROR, DFU_DETACH, "A.2.11", kStall, DFU_ERROR},
    {DFU_ERROR, DFU_DNLOAD, "A.2.11", kStall, DFU_ERROR},
    {DFU_ERROR, DFU_UPLOAD, "A.2.11", kStall, DFU_ERROR},
    {DFU_ERROR, DFU_GETSTATUS, "A.2.11", kYes, DFU_ERROR},
    {DFU_ERROR, DFU_CLRSTATUS, "A.2.11", kYes, DFU_IDLE},
    {DFU_ERROR, DFU_GETSTATE, "A.2.11", kYes, DFU_ERROR},
    {DFU_ERROR, DFU_ABORT, "A.2.11", kStall, DFU_ERROR},
};
static_assert(std::size(kCells) == 77);

bool is_read(int request) {
  return request == DFU_UPLOAD || request == DFU_GETSTATUS || request == DFU_GETSTATE;
}

// By the host's requests where they lead there. An application is not part of this firmware, and
// of dfuMANIFEST-WAIT-RESET the host sees nothing because the device is off the bus.
void bring_to(Board& board, int state) {
  const auto block = pattern(1, 4096);
  switch (state) {
    case DFU_DNLOAD_SYNC:
      board.download(0, command(0x41, 0x90000000));
      break;
    case DFU_DNBUSY:
      board.download(0, command(0x41, 0x90000000));
      board.status();
      break;
    case DFU_DNLOAD_IDLE:
      board.write_block(2, block);
      break;
    case DFU_MANIFEST_SYNC:
    case DFU_MANIFEST:
      board.write_block(2, block);
      board.download(2, {});
      if (state == DFU_MANIFEST) board.status();
      break;
    case DFU_UPLOAD_IDLE:
      board.upload(2, 4096);
      break;
    case DFU_ERROR:
      board.write_block(0, command(0x41, 0x10000000));
      break;
    case DFU_APP_IDLE:
    case DFU_APP_DETACH:
    case DFU_MANIFEST_WAIT_RESET:
      board.device.dfu.state = static_cast<dfu_state>(state);
      break;
    default:
      break;
  }
  ASSERT_EQ(board.device.dfu.state, state);
}

class DfuTable : public testing::TestWithParam<Cell> {};

TEST_P(DfuTable, IsThatOfTheSpecification) {
  const Cell& cell = GetParam();
  // With firmware to start dfuMANIFEST lasts; without it dfuMANIFEST-WAIT-RESET does.
  Board board({.can_leave = cell.state != DFU_MANIFEST_WAIT_RESET});
  bring_to(board, cell.state);
  const auto operations = board.memories[0].operations.size();
  const auto request = static_cast<std::uint8_t>(cell.request);
  const auto block = pattern(2, 64);
  Outcome outcome;
  if (is_read(cell.request)) {
    const auto length = static_cast<std::uint16_t>(request == DFU_UPLOAD      ? 64
                                                   : request == DFU_GETSTATUS ? 6
                                                                              : 1);
    outcome = board.read(kIn, request, 2, length).outcome;
  } else if (cell.request == DFU_DNLOAD) {
    outcome = board.write(kOut, request, 2, block).outcome;
  } else {
    outcome = board.write(kOut, request, 0).outcome;
  }
  EXPECT_EQ(outcome, cell.answered ? Outcome::kDone : Outcome::kStalled) << cell.section;
  EXPECT_EQ(board.device.dfu.state, cell.next) << cell.section;
  if (cell.next == DFU_ERROR) {
    const int expected = cell.state == DFU_ERROR ? DFU_ERR_ADDRESS : DFU_ERR_STALLEDPKT;
    EXPECT_EQ(board.device.dfu.status, expected) << "the first error stays";
  } else {
    EXPECT_EQ(board.device.dfu.status, DFU_OK);
  }
  const std::size_t begun = cell.next == DFU_DNBUSY && cell.state != DFU_DNBUSY ? 1 : 0;
  EXPECT_EQ(board.memories[0].operations.size(), operations + begun);
}

std::string cell_name(const testing::TestParamInfo<Cell>& cell) {
  static constexpr const char* kStates[] = {"AppIdle",      "AppDetach", "Idle",
                                            "DnloadSync",   "DnBusy",    "DnloadIdle",
                                            "ManifestSync", "Manifest",  "ManifestWaitReset",
                                            "UploadIdle",   "Error"};
  static constexpr const char* kRequests[] = {"Detach",    "Dnload",   "Upload", "GetStatus",
                                              "ClrStatus", "GetState", "Abort"};
  return std::string(kStates[cell.param.state]) + kRequests[cell.param.request];
}

INSTANTIATE_TEST_SUITE_P(Dfu11, DfuTable, testing::ValuesIn(kCells), cell_name);

}  // namespace
}  // namespace gangd::model
