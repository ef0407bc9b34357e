// What a staged product's file may say. A mistake here must not be found out by boards, one after
// another; and a loader that nobody approved must never reach one.
#include <gtest/gtest.h>

#include <fstream>

#include "recipe/product_files.h"
#include "tests/sim/staged_product.h"
#include "tests/unit/ledger/folder.h"
#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

constexpr std::string_view kUsb = R"(
name = "p"
[usb]
vendor = 0x1209
product = 1
)";

std::string text() {
  return std::string(kUsb) + sim::staged_tables();
}

std::string with(std::string_view from, std::string_view to) {
  std::string changed = text();
  EXPECT_NE(changed.find(from), std::string::npos) << from;
  changed.replace(changed.find(from), from.size(), to);
  return changed;
}

// What is wrong with it, in its file or its recipe; empty: nothing.
std::string fault(const std::string& of, ByteVector loader = sim::staged_loader()) {
  Simulated world;
  const auto worker = world.port.start_workers("products", 1);
  auto product = parse_product(of, "p.toml");
  if (!product) return product.error().message();
  const auto recipe = Recipe::make(*std::move(product), *Image::make({sim::staged_boot_part()}),
                                   *worker, std::move(loader));
  return recipe ? "" : recipe.error().message();
}

bool says(const std::string& fault, std::string_view words) {
  if (fault.find(words) != std::string::npos) return true;
  ADD_FAILURE() << "`" << fault << "` does not say `" << words << "`";
  return false;
}

TEST(StagedProduct, IsWhatItsFileSays) {
  const auto product = parse_product(text(), "p.toml");
  ASSERT_TRUE(product) << product.error().message();
  ASSERT_TRUE(product->loader && product->start);
  EXPECT_EQ(product->loader->address, 0x2404'0000U);
  EXPECT_EQ(product->loader->mailbox, 0x2405'0000U);
  EXPECT_EQ(product->loader->vendor, 0x0483);
  EXPECT_EQ(product->loader->seconds_max, 10U);
  EXPECT_EQ(product->steps,
            (std::vector<std::string>{"load", "identify", "erase", "write", "verify", "start"}));
  EXPECT_EQ(fault(text()), "");
}

TEST(StagedProduct, ItsLoaderIsTheOneThatWasApproved) {
  ByteVector other = sim::staged_loader();
  other[100] ^= 1;
  says(fault(text(), other), sha256(other).hex());
  says(fault(text(), other), "use the file that was approved");
  const std::string digest = sha256(sim::staged_loader()).hex();
  says(fault(with(digest, digest.substr(1))), "64 hexadecimal digits");
  says(fault(with("sha256 = \"" + digest + "\"", "")), "sha256");
}

TEST(StagedProduct, ItsLoaderFitsBelowItsMailbox) {
  const std::string digest = sha256(sim::staged_loader()).hex();
  for (const std::size_t size : {std::size_t{0}, std::size_t{1001}, std::size_t{0x10010}}) {
    ByteVector loader = sim::staged_loader();
    loader.resize(size);
    says(fault(with(digest, sha256(loader).hex()), loader), "must be a multiple of 4");
  }
  says(fault(with("[loader]", "[loader]\naddress = 0x24040002")), "multiple of 4");
  says(fault(with("[loader]", "[loader]\nmailbox = 0x24050001")), "multiple of 4");
}

TEST(StagedProduct, RomAndLoaderAreToldApart) {
  std::string same = with("vendor = 0x0483", "vendor = 0x1209");
  same.replace(same.find("0xdf11"), 6, "0x0001");
  says(fault(same), "must be told apart");
}

TEST(StagedProduct, StepsAndTablesGoTogether) {
  const auto steps = [](std::string_view list) {
    return with("name = \"p\"", fmt::format("name = \"p\"\nsteps = [{}]", list));
  };
  says(fault(steps(R"("identify", "verify", "start")")), "the first step must be \"load\"");
  says(fault(steps(R"("load", "identify", "verify")")), "the last step must be \"start\"");
  says(fault(steps(R"("load", "verify", "start")")), "must begin with \"identify\"");
  says(fault(steps(R"("load", "load", "identify", "verify", "start")")), "must begin with");
  says(fault(steps(R"("load", "identify", "start", "verify", "start")")), "must begin with");
  says(fault(steps(R"("load", "identify", "verify", "strat")")), "did you mean \"start\"?");
  const std::string plain = std::string(kUsb) + "[[image]]\nfile = \"a\"\naddress = 0\n";
  const auto plain_with = [&plain](std::string_view list) {
    return fmt::format("steps = [{}]", list) + plain;
  };
  says(fault(plain_with(R"("load", "identify", "verify")")), "needs a table [loader]");
  says(fault(plain_with(R"("identify", "verify", "start")")), "needs a table [start]");
}

// What people begin with: its loader is to be approved by them.
TEST(StagedProduct, TheExampleIsOne) {
  const auto bytes = read_file(GANGD_PRODUCTS "/stm32h7s78-dk.toml", 1 << 16);
  ASSERT_TRUE(bytes) << bytes.error().message();
  const std::string example(bytes->begin(), bytes->end());
  const auto product = parse_product(example, "stm32h7s78-dk.toml");
  ASSERT_TRUE(product) << product.error().message();
  EXPECT_EQ(product->loader->digest, Sha256Digest());
  EXPECT_EQ(product->steps.front(), "load");
  says(fault(example), sha256(sim::staged_loader()).hex());
}

TEST(StagedProduct, AnApplicationHasBothNumbersOrNone) {
  std::string half = text();
  half.replace(half.rfind("product = 2"), 11, "");
  says(fault(half), "go together");
}

TEST(StagedProduct, ItsFileIsReadFromTheFolder) {
  Folder folder;
  Simulated world;
  const auto workers = world.port.start_workers("products", 1);
  ProductFiles products(*workers, folder.file(""));
  std::ofstream(folder.file("p.toml")) << text();
  const ByteVector boot = sim::staged_boot_image();
  std::ofstream(folder.file("boot.bin"))
      .write(reinterpret_cast<const char*>(boot.data()), static_cast<std::streamsize>(boot.size()));
  const auto missing = world.loop.run(products.load("p"));
  ASSERT_FALSE(missing);
  says(missing.error().message(), "loader.bin");
  const ByteVector loader = sim::staged_loader();
  std::ofstream(folder.file("loader.bin"))
      .write(reinterpret_cast<const char*>(loader.data()),
             static_cast<std::streamsize>(loader.size()));
  const auto there = world.loop.run(products.load("p"));
  EXPECT_TRUE(there) << there.error().message();
}

}  // namespace
}  // namespace gangd
