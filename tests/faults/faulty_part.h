// The parts that faults are planted on: one of each kind that the driver knows.
#pragma once

#include <gtest/gtest.h>

#include <string>

namespace gangd {

inline const auto kParts =
    testing::Values("MX66UW1G45G", "MX25UW25645G", "MX25LM51245G", "MT25QL512ABB", "MT25TL01G",
                    "MX25R6435F", "IS25LP064A", "W25Q128JV");

inline std::string part_name(const testing::TestParamInfo<const char*>& info) {
  return info.param;
}

}  // namespace gangd
