#include "tests/model/greeter.h"

#include <utility>

namespace gangd::model {
namespace {

constexpr std::uint8_t kToHost = 0x80;
constexpr std::uint8_t kSetAddress = 5, kGetDescriptor = 6, kSetConfiguration = 9;
constexpr unsigned kDevice = 0x0100, kConfiguration = 0x0200, kString = 0x0300, kEnglish = 0x0409;
constexpr std::size_t kSerialIndexOffset = 16;  // of the device descriptor
constexpr unsigned kAddress = 5;                // any

void put(Transfer& question, std::uint8_t type, std::uint8_t request, unsigned value,
         unsigned index, std::size_t length) {
  const auto low = [](std::size_t number) { return static_cast<std::uint8_t>(number); };
  question.setup = {type,       request,         low(value),  low(value >> 8),
                    low(index), low(index >> 8), low(length), low(length >> 8)};
  question.data.assign(length, 0);
  question.actual = 0;
}

}  // namespace

void Greeter::begin(Transfer& question) {
  stage_ = Stage::kDevice;
  put(question, kToHost, kGetDescriptor, kDevice, 0, 18);
}

// A device that refuses a question is not shown to anybody.
Greeter::Next Greeter::answered(Transfer& question) {
  const Stage stage = std::exchange(stage_, Stage::kNone);
  if (question.outcome != Outcome::kDone) return Next::kRefused;
  question.data.resize(question.actual);
  switch (stage) {
    case Stage::kNone:
      return Next::kRefused;
    case Stage::kDevice:
      device_ = question.data;
      stage_ = Stage::kAddress;
      put(question, 0, kSetAddress, kAddress, 0, 0);
      return Next::kAsk;
    case Stage::kAddress:
      stage_ = Stage::kConfiguration;
      put(question, kToHost, kGetDescriptor, kConfiguration, 0, 4096);
      return Next::kAsk;
    case Stage::kConfiguration:
      configuration_ = question.data;
      stage_ = Stage::kSerial;
      put(question, kToHost, kGetDescriptor, kString | device_[kSerialIndexOffset], kEnglish, 255);
      return Next::kAsk;
    case Stage::kSerial:
      serial_.clear();
      for (std::size_t i = 2; i + 1 < question.data.size(); i += 2) {
        serial_ += static_cast<char>(question.data[i]);
      }
      stage_ = Stage::kConfigure;
      put(question, 0, kSetConfiguration, 1, 0, 0);
      return Next::kAsk;
    case Stage::kConfigure:
      break;
  }
  return Next::kGreeted;
}

}  // namespace gangd::model
