// What a host asks of a device that has appeared, one thing after another: descriptors, address,
// configuration.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/model/transfer.h"

namespace gangd::model {

class Greeter {
 public:
  enum class Next { kAsk, kGreeted, kRefused };

  // The first question is in `question`.
  void begin(Transfer& question);
  // The question has its answer. kAsk: the next one is in `question`.
  Next answered(Transfer& question);
  // Nobody is greeted any more.
  void stop() { stage_ = Stage::kNone; }
  bool is_greeting() const { return stage_ != Stage::kNone; }

  const std::vector<std::uint8_t>& device_descriptor() const { return device_; }
  const std::vector<std::uint8_t>& configuration() const { return configuration_; }
  const std::string& serial() const { return serial_; }

 private:
  enum class Stage { kNone, kDevice, kAddress, kConfiguration, kSerial, kConfigure };

  Stage stage_ = Stage::kNone;
  std::vector<std::uint8_t> device_;
  std::vector<std::uint8_t> configuration_;
  std::string serial_;
};

}  // namespace gangd::model
