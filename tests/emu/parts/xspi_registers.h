// What xspi.cc and xspi_bus.cc know of the registers: CMSIS header and SVD of the device.
#pragma once

#include "tests/emu/parts/register_file.h"

namespace gangd::emu::xspi {

inline constexpr std::uint32_t kCr = 0x00, kDcr1 = 0x08, kDcr2 = 0x0c, kDcr3 = 0x10, kDcr4 = 0x14,
                               kSr = 0x20, kFcr = 0x24, kDlr = 0x40, kAr = 0x48, kDr = 0x50,
                               kPsmkr = 0x80, kPsmar = 0x88, kPir = 0x90, kCcr = 0x100,
                               kTcr = 0x108, kIr = 0x110, kAbr = 0x120, kLptr = 0x130,
                               kWindowWrite = 0x80;  // behind those of the common command
inline constexpr std::uint32_t kEn = 1u << 0, kAbort = 1u << 1, kDmaen = 1u << 2, kDmm = 1u << 6,
                               kApms = 1u << 22, kPmm = 1u << 23, kCssel = 1u << 24;  // CR
// Bits of CR that change only while it is not busy.
inline constexpr std::uint32_t kQuiet = 1u << 3 | kDmm | kApms | kPmm | kCssel | 0xf0000000;
inline constexpr std::uint32_t kTef = 1u << 0, kTcf = 1u << 1, kFtf = 1u << 2, kSmf = 1u << 3,
                               kTof = 1u << 4, kBusy = 1u << 5;  // SR
inline constexpr std::uint32_t kDqse = 1u << 29;                 // CCR
inline constexpr std::uint32_t kSshift = 1u << 30;               // TCR
inline constexpr std::uint32_t kCsbound = 0x1f0000;              // DCR3
inline constexpr std::uint32_t kFifoSize = 64;
inline constexpr std::uint32_t kCcrBits = 0x2f3f3f3f, kTcrBits = 0x5000001f;

inline constexpr RegisterRule kRules[] = {
    {.offset = kCr, .name = "CR", .writable = 0xf1df3f4f, .sizes = kWords},
    {.offset = kDcr1, .name = "DCR1", .writable = 0x071f3f03, .sizes = kWords},
    {.offset = kDcr2, .name = "DCR2", .writable = 0x000700ff, .sizes = kWords},
    {.offset = kDcr3, .name = "DCR3", .writable = 0x001f00ff, .sizes = kWords},
    {.offset = kDcr4, .name = "DCR4", .writable = ~0u, .sizes = kWords},
    {.offset = kSr, .name = "SR", .read_only = 0x7f3f, .sizes = kWords},
    {.offset = kFcr, .name = "FCR", .writable = 0x1b, .sizes = kWords},
    {.offset = kDlr, .name = "DLR", .writable = ~0u, .sizes = kWords},
    {.offset = kAr, .name = "AR", .writable = ~0u, .sizes = kWords},
    {.offset = kDr, .name = "DR", .writable = ~0u, .sizes = kAnySize},
    {.offset = kPsmkr, .name = "PSMKR", .writable = ~0u, .sizes = kWords},
    {.offset = kPsmar, .name = "PSMAR", .writable = ~0u, .sizes = kWords},
    {.offset = kPir, .name = "PIR", .writable = 0xffff, .sizes = kWords},
    {.offset = kCcr, .name = "CCR", .writable = kCcrBits, .sizes = kWords},
    {.offset = kTcr, .name = "TCR", .writable = kTcrBits, .sizes = kWords},
    {.offset = kIr, .name = "IR", .writable = ~0u, .sizes = kWords},
    {.offset = kAbr, .name = "ABR", .writable = ~0u, .sizes = kWords},
    {.offset = kLptr, .name = "LPTR", .writable = 0xffff, .sizes = kWords},
    {.offset = 0x140, .name = "WPCCR", .writable = kCcrBits, .sizes = kWords},
    {.offset = 0x148, .name = "WPTCR", .writable = kTcrBits, .sizes = kWords},
    {.offset = 0x150, .name = "WPIR", .writable = ~0u, .sizes = kWords},
    {.offset = 0x160, .name = "WPABR", .writable = ~0u, .sizes = kWords},
    {.offset = 0x180, .name = "WCCR", .writable = kCcrBits, .sizes = kWords},
    {.offset = 0x188, .name = "WTCR", .writable = 0x1f, .sizes = kWords},
    {.offset = 0x190, .name = "WIR", .writable = ~0u, .sizes = kWords},
    {.offset = 0x1a0, .name = "WABR", .writable = ~0u, .sizes = kWords},
    {.offset = 0x200, .name = "HLCR", .writable = 0xffff03, .sizes = kWords},
    {.offset = 0x210, .name = "CALFCR", .writable = 0x801f007f, .sizes = kWords},
    {.offset = 0x218, .name = "CALMR", .writable = 0x1f007f, .sizes = kWords},
    {.offset = 0x220, .name = "CALSOR", .writable = 0x1f007f, .sizes = kWords},
    {.offset = 0x228, .name = "CALSIR", .writable = 0x1f007f, .sizes = kWords},
};

}  // namespace gangd::emu::xspi
