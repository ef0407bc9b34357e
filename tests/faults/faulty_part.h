// The parts that faults are planted on: one of each kind that the driver knows.
#pragma once

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace gangd {

struct FaultyPart {
  const char* name;
  bool timed = false;  // the bus
};

inline void PrintTo(const FaultyPart& part, std::ostream* out) {
  *out << part.name << (part.timed ? " on a bus that takes time" : "");
}

inline const auto kParts =
    testing::Values(FaultyPart{"MX66UW1G45G"}, FaultyPart{"MX25UW25645G"},
                    FaultyPart{"MX25LM51245G"}, FaultyPart{"MT25QL512ABB"}, FaultyPart{"MT25TL01G"},
                    FaultyPart{"MX25R6435F"}, FaultyPart{"IS25LP064A"}, FaultyPart{"W25Q128JV"},
                    FaultyPart{"MX66UW1G45G", true}, FaultyPart{"MX25R6435F", true});

inline std::string part_name(const testing::TestParamInfo<FaultyPart>& info) {
  return std::string(info.param.name) + (info.param.timed ? "_timed" : "");
}

}  // namespace gangd
