// What is served is what was built, and nothing else of the folder.
#include "web/pages.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "tests/unit/ledger/folder.h"

namespace gangd {
namespace {

class PagesTest : public testing::Test {
 protected:
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_.file(name)) << text;
  }
  Result<std::map<std::string, WebAnswer>> read() { return read_pages(folder_.file("")); }

  Folder folder_;
};

TEST_F(PagesTest, TheIndexIsTheRoot) {
  write("index.html", "<p>");
  write("floor.js", "x");
  const auto pages = read();
  ASSERT_TRUE(pages) << pages.error().message();
  EXPECT_EQ(pages->at("/").body, "<p>");
  EXPECT_EQ(pages->at("/index.html").type, "text/html; charset=utf-8");
  EXPECT_EQ(pages->at("/floor.js").type, "text/javascript; charset=utf-8");
}

TEST_F(PagesTest, OtherFilesAreNotServed) {
  write("index.html", "<p>");
  write("key.pem", "secret");
  write(".hidden", "secret");
  std::filesystem::create_directory(folder_.file("folder.html"));
  const auto pages = read();
  ASSERT_TRUE(pages) << pages.error().message();
  EXPECT_EQ(pages->size(), 2U);
}

TEST_F(PagesTest, AFolderWithoutPagesSaysHowToBuildThem) {
  const auto pages = read();
  ASSERT_TRUE(pages.failed_with(Code::kNotFound));
  EXPECT_NE(pages.error().message().find("dashboards/floor/build"), std::string::npos);
  EXPECT_TRUE(read_pages("/nowhere").failed_with(Code::kNotFound));
}

}  // namespace
}  // namespace gangd
