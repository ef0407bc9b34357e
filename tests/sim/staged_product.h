// A product whose boards start in their ROM: its loader, its images for both memories, its file;
// and boards that fit.
#pragma once

#include <memory>
#include <string>

#include "recipe/recipe.h"
#include "tests/model/virtual_board.h"

namespace gangd::sim {

constexpr std::uint32_t kBootAddress = 0x0800'0000;
constexpr std::uint16_t kApplicationVendor = 0x1209;
constexpr std::uint16_t kApplicationProduct = 0x0002;

// Bytes that a chip could start at `address`: stack pointer, entry, and anything.
ByteVector program_for(std::uint32_t address, std::size_t size);
ByteVector staged_loader();
ByteVector staged_boot_image();

// The tables that make a product of [usb] 1209:0001 a staged one.
std::string staged_tables();
// The parts of such a product beside the one in external flash.
ImagePart staged_boot_part();

// Makes a board start in its ROM. `second_port`: what is loaded is seen at another connector.
void make_staged(model::VirtualBoard::Options& options, bool second_port);

}  // namespace gangd::sim
