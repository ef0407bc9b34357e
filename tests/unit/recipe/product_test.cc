// A product's file is written by hand, and read by every job.
#include "recipe/product.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "recipe/product_files.h"
#include "tests/unit/ledger/folder.h"
#include "tests/unit/loop/simulated.h"

namespace gangd {
namespace {

constexpr std::string_view kTone = R"(
name = "tone"
[usb]
vendor = 0x1209
product = 1
[[image]]
file = "tone.bin"
address = 0x90000000
[serial]
pool = "tone"
prefix = "T"
digits = 3
address = 0x90010000
size = 8
)";

std::string with(std::string_view from, std::string_view to) {
  std::string text(kTone);
  text.replace(text.find(from), from.size(), to);
  return text;
}

std::string fault(const std::string& text) {
  const auto product = parse_product(text, "tone.toml");
  EXPECT_TRUE(product.failed_with(Code::kInvalid)) << text;
  return product ? "" : product.error().message();
}

TEST(Product, IsWhatItsFileSays) {
  const auto product = parse_product(kTone, "tone.toml");
  ASSERT_TRUE(product) << product.error().message();
  EXPECT_EQ(product->name, "tone");
  EXPECT_EQ(product->vendor, 0x1209);
  EXPECT_EQ(product->images.front().address, 0x9000'0000U);
  EXPECT_EQ(product->digest, sha256(as_bytes(kTone)));
  EXPECT_EQ(product->steps, (std::vector<std::string>{"identify", "erase", "write", "verify"}));
  EXPECT_EQ(product->minutes_max, 30U);
}

TEST(Product, ItsNumbersMayBeTheMess) {
  const auto product =
      parse_product(with("pool = \"tone\"", "pool = \"tone\"\nfrom = \"mes\"\nahead = 7"), "t");
  ASSERT_TRUE(product) << product.error().message();
  EXPECT_TRUE(product->serial->from_mes);
  EXPECT_EQ(product->serial->ahead, 7U);
  EXPECT_FALSE(parse_product(kTone, "t")->serial->from_mes);
  EXPECT_NE(fault(with("prefix", "from = \"mse\"\nprefix")).find("\"station\" or \"mes\""),
            std::string::npos);
  EXPECT_NE(fault(with("prefix", "from = \"mes\"\nfirst = 5\nprefix")).find("\"first\""),
            std::string::npos)
      << "the MES says where its pool begins";
}

TEST(Product, SaysHowItsFlashIsReadWhenItIsMeasured) {
  EXPECT_FALSE(parse_product(kTone, "t")->verify_as_booted);
  EXPECT_EQ(parse_product(kTone, "t")->verify, Verify::kBest);
  EXPECT_EQ(parse_product(with("[usb]", "verify = \"device\"\n[usb]"), "t")->verify,
            Verify::kDevice);
  EXPECT_TRUE(parse_product(with("[usb]", "verify_as = \"booted\"\n[usb]"), "t")->verify_as_booted);
  EXPECT_NE(
      fault(with("[usb]", "verify_as = \"boot\"\n[usb]")).find("\"programmed\" or \"booted\""),
      std::string::npos);
  EXPECT_NE(fault(with("[usb]", "verify = \"readback\"\nverify_as = \"booted\"\n[usb]"))
                .find("only the device itself"),
            std::string::npos);
}

TEST(Product, MistakesHaveALine) {
  EXPECT_EQ(fault(with("vendor", "vender")),
            "tone.toml:4: unknown key \"vender\"; did you mean \"vendor\"?");
  EXPECT_NE(fault(with("0x1209", "0x12090")).find("tone.toml:4:"), std::string::npos);
  EXPECT_NE(fault(with("[usb]", "[bus]")).find("[usb]"), std::string::npos);
  EXPECT_NE(fault(with("[[image]]", "[[picture]]")).find("[[image]]"), std::string::npos);
  EXPECT_NE(fault(with("[[image]]", "[image]")).find("[[image]]"), std::string::npos);
  EXPECT_EQ(fault(with("size = 8", "size = 3")), "tone.toml:14: prefix and digits need 4 bytes");
  EXPECT_NE(fault(with("digits = 3", "digits = 16")).find("tone.toml:12:"), std::string::npos);
}

// Otherwise each board would be refused, one after another, by a job that looked well.
TEST(Product, APoolBeginsWithANumberThatHasItsDigits) {
  EXPECT_TRUE(parse_product(with("digits = 3", "digits = 3\nfirst = 999"), "tone.toml"));
  EXPECT_EQ(fault(with("digits = 3", "digits = 3\nfirst = 1000")),
            "tone.toml:13: \"first\" has more than 3 digits");
}

TEST(ProductSerial, FillsItsFieldAndRunsOut) {
  const ProductSerial serial = *parse_product(kTone, "tone.toml")->serial;
  EXPECT_EQ(*serial.text(7), "T007");
  EXPECT_EQ(*serial.text(999), "T999");
  EXPECT_TRUE(serial.text(1000).failed_with(Code::kExhausted));
  EXPECT_EQ(serial.field("T007"), (ByteVector{'T', '0', '0', '7', 0xff, 0xff, 0xff, 0xff}));
  EXPECT_EQ(serial.extent("T007"),
            (Extent{"serial", 0x9001'0000, 8, sha256(serial.field("T007"))}));
}

class ProductFilesTest : public testing::Test {
 protected:
  void write(const std::string& name, std::string_view text) {
    std::ofstream(folder_.file(name)) << text;
  }
  Result<std::unique_ptr<Recipe>> load(std::string name) {
    return world_.loop.run(products_.load(std::move(name)));
  }
  std::string fault_of(std::string name) {
    const auto recipe = load(std::move(name));
    return recipe ? "" : recipe.error().message();
  }

  Folder folder_;
  Simulated world_;
  const std::unique_ptr<Workers> workers_ = world_.port.start_workers("products", 1);
  ProductFiles products_{*workers_, folder_.file("")};
};

TEST_F(ProductFilesTest, AreListedAndLoaded) {
  write("tone.toml", kTone);
  write("tone.bin", "12345");
  write("other.toml", "");
  write("notes.txt", "");
  EXPECT_EQ(*world_.loop.run(products_.names()), (std::vector<std::string>{"other", "tone"}));
  const auto recipe = load("tone");
  ASSERT_TRUE(recipe) << recipe.error().message();
  EXPECT_EQ((*recipe)->image().extents().front().name, "tone.bin");
}

TEST_F(ProductFilesTest, SayWhatIsWrong) {
  EXPECT_NE(fault_of("tone").find("has no product files"), std::string::npos);
  write("tone.toml", kTone);
  EXPECT_NE(fault_of("tune").find("tone"), std::string::npos);
  EXPECT_NE(fault_of("tone").find("tone.bin"), std::string::npos);
  write("tone.bin", "12345");
  write("tune.toml", kTone);
  EXPECT_NE(fault_of("tune").find("its name is \"tone\""), std::string::npos);
  // A name is no way out of the folder.
  for (const std::string name : {"../tone", "/etc/passwd", "", ".", "a/b"}) {
    EXPECT_TRUE(load(name).failed_with(Code::kNotFound)) << name;
  }
}

}  // namespace
}  // namespace gangd
