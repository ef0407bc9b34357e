// Registers of the USB controller as a device: CMSIS header, SVD and LL driver of the device; what
// they do not name, other public drivers of the same core do. Reserved bits are ignored, as those
// drivers write them.
#pragma once

#include <vector>

#include "tests/emu/parts/register_file.h"

namespace gangd::emu::dwc2 {

inline constexpr unsigned kEndpoints = 9;

inline constexpr std::uint32_t kGotgctl = 0x000, kGotgint = 0x004, kGahbcfg = 0x008,
                               kGusbcfg = 0x00c, kGrstctl = 0x010, kGintsts = 0x014,
                               kGintmsk = 0x018, kGrxstsr = 0x01c, kGrxstsp = 0x020,
                               kGrxfsiz = 0x024, kDieptxf0 = 0x028, kGccfg = 0x038,
                               kDieptxf1 = 0x104, kDcfg = 0x800, kDctl = 0x804, kDsts = 0x808,
                               kDiepmsk = 0x810, kDoepmsk = 0x814, kDaint = 0x818,
                               kDaintmsk = 0x81c, kDiepempmsk = 0x834, kDiepctl = 0x900,
                               kDoepctl = 0xb00, kPcgcctl = 0xe00, kFifos = 0x1000;
// In an endpoint's block of 20h bytes.
inline constexpr std::uint32_t kCtl = 0x00, kInt = 0x08, kTsiz = 0x10, kDma = 0x14, kFsts = 0x18;

inline constexpr std::uint32_t kBvaloen = 1u << 6, kBvaloval = 1u << 7, kBsvld = 1u << 19;
inline constexpr std::uint32_t kGint = 1u << 0, kDmaen = 1u << 5, kTxfelvl = 1u << 7;
inline constexpr std::uint32_t kPhysel = 1u << 6, kFhmod = 1u << 29;
inline constexpr std::uint32_t kCsrst = 1u << 0, kRxfflsh = 1u << 4, kTxfflsh = 1u << 5,
                               kAhbidl = 1u << 31;
inline constexpr std::uint32_t kSof = 1u << 3, kRxflvl = 1u << 4, kGinakeff = 1u << 6,
                               kGonakeff = 1u << 7, kEsusp = 1u << 10, kUsbsusp = 1u << 11,
                               kUsbrst = 1u << 12, kEnumdne = 1u << 13, kIepint = 1u << 18,
                               kOepint = 1u << 19, kSrqint = 1u << 30, kWkupint = 1u << 31;
// Flags of GINTSTS that are cleared by a 1.
inline constexpr std::uint32_t kClearable = 0xf8f0fc0a;
inline constexpr std::uint32_t kPwrdwn = 1u << 16, kVbden = 1u << 21, kVbvaloval = 1u << 23,
                               kVbvalexten = 1u << 24;  // GCCFG
inline constexpr std::uint32_t kSdis = 1u << 1, kGinsts = 1u << 2, kGonsts = 1u << 3,
                               kSginak = 1u << 7, kCginak = 1u << 8, kSgonak = 1u << 9,
                               kCgonak = 1u << 10;  // DCTL
inline constexpr std::uint32_t kSuspsts = 1u << 0;  // DSTS
inline constexpr std::uint32_t kUsbaep = 1u << 15, kDpid = 1u << 16, kNaksts = 1u << 17,
                               kStall = 1u << 21, kCnak = 1u << 26, kSnak = 1u << 27,
                               kSd0pid = 1u << 28, kSd1pid = 1u << 29, kEpdis = 1u << 30,
                               kEpena = 1u << 31;  // DIEPCTL, DOEPCTL
inline constexpr std::uint32_t kXfrc = 1u << 0, kEpdisd = 1u << 1, kStup = 1u << 3,
                               kIttxfe = 1u << 4, kInepne = 1u << 6, kTxfe = 1u << 7;

// What is in the receive FIFO: PKTSTS of GRXSTSP.
inline constexpr std::uint32_t kRxGlobalNak = 1, kRxData = 2, kRxDone = 3, kRxSetupDone = 4,
                               kRxSetup = 6;

inline RegisterRule rule(std::uint32_t offset, std::string_view name, std::uint32_t reset,
                         std::uint32_t writable) {
  return {.offset = offset,
          .name = name,
          .reset = reset,
          .writable = writable,
          .read_only = ~writable,
          .sizes = kWords};
}

inline void add_endpoints(std::vector<RegisterRule>& all) {
  for (std::uint32_t n = 0; n < 16; ++n) {
    const std::uint32_t base = kDiepctl + 0x20 * n;
    if (n < kEndpoints) all.push_back(rule(base + kCtl, "DIEPCTL", n == 0 ? kUsbaep : 0, ~0u));
    all.push_back(rule(base + kInt, "DIEPINT", n < kEndpoints ? kTxfe : 0, 0xffff));
    if (n >= kEndpoints) continue;
    all.push_back(rule(base + kTsiz, "DIEPTSIZ", 0, 0x7fffffff));
    all.push_back(rule(base + kDma, "DIEPDMA", 0, ~0u));
    all.push_back(rule(base + kFsts, "DTXFSTS", 0x200, 0));
  }
  for (std::uint32_t n = 0; n < 16; ++n) {
    const std::uint32_t base = kDoepctl + 0x20 * n;
    if (n < kEndpoints) all.push_back(rule(base + kCtl, "DOEPCTL", n == 0 ? kUsbaep : 0, ~0u));
    all.push_back(rule(base + kInt, "DOEPINT", 0, 0xffff));
    if (n >= kEndpoints) continue;
    all.push_back(rule(base + kTsiz, "DOEPTSIZ", 0, 0x7fffffff));
    all.push_back(rule(base + kDma, "DOEPDMA", 0, ~0u));
  }
}

inline std::vector<RegisterRule> rules(bool high_speed) {
  std::vector<RegisterRule> all = {
      rule(kGotgctl, "GOTGCTL", 0x00010000, 0x001010fc),
      rule(kGotgint, "GOTGINT", 0, ~0u),
      rule(kGahbcfg, "GAHBCFG", 0, 0x1bf),
      rule(kGusbcfg, "GUSBCFG", 0x1400, 0xe7febf7f),
      rule(kGrstctl, "GRSTCTL", 0x80000000, 0x7ff),
      rule(kGintsts, "GINTSTS", 0x04000020, kClearable),
      rule(kGintmsk, "GINTMSK", 0, ~0u),
      rule(kGrxstsr, "GRXSTSR", 0, 0),
      rule(kGrxstsp, "GRXSTSP", 0, 0),
      rule(kGrxfsiz, "GRXFSIZ", high_speed ? 0x400 : 0x200, 0xffff),
      rule(kDieptxf0, "DIEPTXF0", 0x02000200, ~0u),
      rule(0x02c, "HNPTXSTS", 0x00080200, 0),
      rule(kGccfg, "GCCFG", 0, 0x03ff0000),
      rule(0x03c, "CID", 0x5000, ~0u),
      // Which core it is, and how it was built, in the words that drivers of many chips read.
      rule(0x040, "GSNPSID", 0x4f54411a, 0),
      rule(0x044, "GHWCFG1", 0, 0),
      rule(0x048, "GHWCFG2", high_speed ? 0x228fe150 : 0x228fe100, 0),
      rule(0x04c, "GHWCFG3", high_speed ? 0x03b8d2e8 : 0x0140d2e8, 0),
      rule(0x050, "GHWCFG4", high_speed ? 0xe2103e30 : 0xe2103e30, 0),
      rule(0x054, "GLPMCFG", 0, 0x10e1ffff),
      rule(0x05c, "GDFIFOCFG", 0, ~0u),
      rule(0x100, "HPTXFSIZ", 0x04000800, ~0u),
  };
  for (std::uint32_t i = 0; i < 15; ++i) {  // the LL driver clears 15 of them
    all.push_back(rule(kDieptxf1 + 4 * i, "DIEPTXF", 0x02000400 + 0x200 * i, ~0u));
  }
  const RegisterRule device[] = {
      rule(kDcfg, "DCFG", 0x02200000, 0x0300dff7),
      rule(kDctl, "DCTL", kSdis, 0x000cfff3),
      rule(kDsts, "DSTS", 0x10, 0),
      rule(kDiepmsk, "DIEPMSK", 0, 0x237f),
      rule(kDoepmsk, "DOEPMSK", 0, 0xf17f),
      rule(kDaint, "DAINT", 0, 0),
      rule(kDaintmsk, "DAINTMSK", 0, ~0u),
      rule(0x828, "DVBUSDIS", 0x17d7, 0xffff),
      rule(0x82c, "DVBUSPULSE", 0x5b8, 0xfff),
      rule(0x830, "DTHRCTL", 0, 0x0bff1fff),
      rule(kDiepempmsk, "DIEPEMPMSK", 0, 0xffff),
      rule(0x838, "DEACHINT", 0, 0),
      rule(0x83c, "DEACHINTMSK", 0, 0x20002),
  };
  all.insert(all.end(), std::begin(device), std::end(device));
  add_endpoints(all);
  all.push_back(rule(kPcgcctl, "PCGCCTL", 0, 0xff));
  return all;
}

}  // namespace gangd::emu::dwc2
