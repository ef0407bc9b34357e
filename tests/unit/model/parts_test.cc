#include "tests/model/parts.h"

#include <gtest/gtest.h>

#include <set>
#include <string>

namespace gangd::model {
namespace {

using namespace std::chrono_literals;

TEST(Parts, AreFoundByName) {
  ASSERT_NE(find_part("MX66UW1G45G"), nullptr);
  EXPECT_EQ(find_part("MX66UW1G45G")->size, 128u << 20);
  EXPECT_EQ(find_part("MX66UW1G45"), nullptr);
}

// A figure in the wrong unit would make every test of time-outs meaningless.
TEST(Parts, TimesAreThoseOfTheSources) {
  const Part& octal = *find_part("MX66UW1G45G");
  EXPECT_EQ(octal.times.page_program.typical, 152us);
  EXPECT_EQ(octal.erase_types.back().time.typical, 256ms);
  EXPECT_EQ(octal.erase_types.back().time.maximum, 6144ms);
  const Part& quad = *find_part("MX25R6435F");
  EXPECT_EQ(quad.times.page_program.typical, 896us);
  EXPECT_EQ(quad.erase_types.front().time.maximum, 384ms);
  EXPECT_EQ(quad.times.chip_erase.maximum, 416s);
  EXPECT_TRUE(quad.has_low_power);
  EXPECT_EQ(quad.low_power_times.chip_erase.maximum, 240s);
}

TEST(Parts, AreUniqueAndComplete) {
  std::set<std::string_view> names;
  for (const Part& part : parts()) {
    EXPECT_TRUE(names.insert(part.name).second) << part.name;
    EXPECT_EQ(part.sfdp.size() % 4, 0u) << part.name;
    if (!part.sfdp.empty()) {
      EXPECT_EQ(std::string(part.sfdp.begin(), part.sfdp.begin() + 4), "SFDP") << part.name;
    }
    EXPECT_EQ(part.size % (part.banks * part.erase_types.back().size), 0u) << part.name;
    EXPECT_FALSE(part.erase_types.empty()) << part.name;
    EXPECT_NE(part.jedec_id[0], 0) << part.name;
  }
}

}  // namespace
}  // namespace gangd::model
