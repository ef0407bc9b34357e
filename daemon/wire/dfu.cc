#include "wire/dfu.h"

#include <array>

namespace gangd {
namespace {

constexpr std::uint8_t kInterfaceDescriptor = 4;
constexpr std::uint8_t kFunctionalDescriptor = 0x21;
constexpr std::uint8_t kApplicationSpecific = 0xfe;
constexpr std::uint8_t kFirmwareUpgrade = 1;
constexpr std::uint8_t kProtocolDfuMode = 2;
constexpr std::uint8_t kConfigurationHeader = 9;

constexpr std::array<std::string_view, 11> kStates = {
    "appIDLE",        "appDETACH",        "dfuIDLE",     "dfuDNLOAD-SYNC",         "dfuDNBUSY",
    "dfuDNLOAD-IDLE", "dfuMANIFEST-SYNC", "dfuMANIFEST", "dfuMANIFEST-WAIT-RESET", "dfuUPLOAD-IDLE",
    "dfuERROR",
};

constexpr std::array<std::string_view, 16> kStatuses = {
    "OK",      "errTARGET", "errFILE",    "errWRITE",      "errERASE",    "errCHECK_ERASED",
    "errPROG", "errVERIFY", "errADDRESS", "errNOTDONE",    "errFIRMWARE", "errVENDOR",
    "errUSBR", "errPOR",    "errUNKNOWN", "errSTALLEDPKT",
};

struct Interface {
  DfuAlternate dfu;
  bool is_dfu = false;
};

Interface read_interface(ByteReader fields) {
  Interface found;
  found.dfu.interface = fields.u8();
  found.dfu.alternate = fields.u8();
  fields.skip(1);
  const std::uint8_t interface_class = fields.u8();
  const std::uint8_t subclass = fields.u8();
  found.dfu.in_dfu_mode = fields.u8() == kProtocolDfuMode;
  found.dfu.name_index = fields.u8();
  found.is_dfu =
      fields.complete() && interface_class == kApplicationSpecific && subclass == kFirmwareUpgrade;
  return found;
}

}  // namespace

std::string_view dfu_state_name(DfuState state) {
  const auto number = static_cast<std::size_t>(state);
  return number < kStates.size() ? kStates[number] : "unknown";
}

std::string_view dfu_status_name(std::uint8_t status) {
  return status < kStatuses.size() ? kStatuses[status] : "unknown";
}

Result<std::vector<DfuAlternate>> find_dfu(ByteView configuration) {
  std::vector<DfuAlternate> all;
  // The functional descriptor stands behind the alternate settings that it is for: behind each, or
  // once behind the last.
  std::size_t described = 0;
  ByteReader reader(configuration);
  reader.skip(kConfigurationHeader);
  while (reader.left() > 0) {
    const std::uint8_t size = reader.u8();
    const std::uint8_t type = reader.u8();
    const ByteView body = size >= 2 ? reader.bytes(size - 2u) : ByteView();
    if (size < 2 || !reader.complete()) {
      return Error(Code::kDevice, "the configuration descriptor is broken at byte {}",
                   reader.position());
    }
    if (type == kInterfaceDescriptor) {
      const Interface found = read_interface(ByteReader(body));
      if (found.is_dfu) all.push_back(found.dfu);
    } else if (type == kFunctionalDescriptor && described < all.size()) {
      ByteReader fields(body);
      const std::uint8_t attributes = fields.u8();
      fields.skip(2);
      const std::uint16_t transfer_size = fields.u16_le();
      // DFU 1.0 ends here.
      const std::uint16_t version = fields.left() >= 2 ? fields.u16_le() : std::uint16_t{0x0100};
      for (; described < all.size(); ++described) {
        all[described].attributes = attributes;
        all[described].transfer_size = transfer_size;
        all[described].version = version;
      }
    }
  }
  if (!reader.complete()) return Error(Code::kDevice, "the configuration descriptor is too short");
  return all;
}

}  // namespace gangd
