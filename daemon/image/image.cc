#include "image/image.h"

#include <algorithm>

#include "base/block_digests.h"

namespace gangd {
namespace {

constexpr std::uint64_t kAddressEnd = std::uint64_t{1} << 32;

std::string describe(const ImagePart& part) {
  return fmt::format("{} (0x{:08x}, {} bytes)", part.name, part.address, part.bytes.size());
}

}  // namespace

Result<Image> Image::make(std::vector<ImagePart> parts) {
  std::ranges::sort(parts, {}, &ImagePart::address);
  std::uint64_t end = 0;
  for (std::size_t i = 0; i < parts.size(); ++i) {
    const ImagePart& part = parts[i];
    if (part.bytes.empty()) return Error(Code::kInvalid, "{} is empty", part.name);
    if (part.address < end) {
      return Error(Code::kInvalid, "{} and {} lie over each other", describe(parts[i - 1]),
                   describe(part));
    }
    end = part.address + std::uint64_t{part.bytes.size()};
    if (end > kAddressEnd) {
      return Error(Code::kInvalid, "{} runs past the end of the address space", describe(part));
    }
  }
  Image image;
  for (const ImagePart& part : parts) {
    image.extents_.push_back({part.name, part.address, part.bytes.size(), sha256(part.bytes)});
    image.sums_.add(part.address, part.bytes);
    image.digests_.push_back(block_digests(part.address, part.bytes, image.sums_));
  }
  image.parts_ = std::move(parts);  // the bytes stay where they are
  return image;
}

}  // namespace gangd
