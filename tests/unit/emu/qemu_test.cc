// What could break: rules of the CPU that we have read wrongly. The same programs run on QEMU's
// mps2-an500, a Cortex-M7 made by others, and must have seen the same.
#include <gtest/gtest.h>

#include <algorithm>
#include <charconv>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/unit/emu/small_program.h"

namespace gangd::emu {
namespace {

// What the program wrote down; empty if QEMU found that it failed.
std::vector<std::uint32_t> on_qemu(const std::string& name) {
  const std::string command =
      "timeout 60 qemu-system-arm -M mps2-an500 -display none -monitor none -serial none "
      "-semihosting-config enable=on,target=native -kernel " +
      firmware_path(name + "-an500") + " 2>&1";
  std::FILE* const pipe = popen(command.c_str(), "r");
  CHECK(pipe != nullptr, "no shell");
  std::vector<std::uint32_t> words;
  for (char line[256]; std::fgets(line, sizeof(line), pipe) != nullptr;) {
    std::uint32_t word = 0;
    const auto [end, error] = std::from_chars(line, line + 8, word, 16);
    EXPECT_TRUE(error == std::errc() && *end == '\n') << line;
    words.push_back(word);
  }
  if (pclose(pipe) != 0) words.clear();
  return words;
}

void sees_the_same(const std::string& name, std::size_t least) {
  Machine::Options options;
  options.take_faults = true;
  SmallProgram program(name, std::move(options));
  EXPECT_EQ(program.run(), "passed");
  const std::vector<std::uint32_t> ours = program.diary(), theirs = on_qemu(name);
  EXPECT_GT(theirs.size(), least);
  for (std::size_t i = 0; i < std::min(ours.size(), theirs.size()); ++i) {
    ASSERT_EQ(ours[i], theirs[i]) << "entry " << i;
  }
  EXPECT_EQ(ours.size(), theirs.size());
}

TEST(QemuTest, ExceptionsAreTheSame) {
  sees_the_same("exceptions", 30);
}

TEST(QemuTest, ProtectionAndPrivilegeAreTheSame) {
  sees_the_same("protection", 100);
}

TEST(QemuTest, FloatsOverExceptionsAreTheSame) {
  sees_the_same("floats", 60);
}

}  // namespace
}  // namespace gangd::emu
