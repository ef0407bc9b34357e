#include "recipe/steps.h"

#include <array>

namespace gangd {
namespace {

const LoadStep kLoad;
const IdentifyStep kIdentify;
const EraseStep kErase;
const WriteStep kWrite;
const VerifyStep kVerify;
const StartStep kStart;

// In the order in which a recipe has them by default.
constexpr std::array<const Step*, 6> kSteps = {&kLoad,  &kIdentify, &kErase,
                                               &kWrite, &kVerify,   &kStart};

}  // namespace

const Step* find_step(std::string_view verb) {
  for (const Step* step : kSteps) {
    if (step->verb() == verb) return step;
  }
  return nullptr;
}

std::vector<std::string> step_verbs() {
  std::vector<std::string> verbs;
  for (const Step* step : kSteps) verbs.emplace_back(step->verb());
  return verbs;
}

}  // namespace gangd
