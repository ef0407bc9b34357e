#include <algorithm>
#include <chrono>

#include "base/crc32c.h"
#include "loop/this_loop.h"
#include "recipe/board_place.h"
#include "recipe/steps.h"
#include "target_fw/mailbox.h"
#include "wire/ram_start.h"

namespace gangd {
namespace {

using namespace std::chrono_literals;

constexpr Duration kOpenLimit = 10s;

Nonce make_nonce(Port& port) {
  Nonce nonce;
  for (std::size_t i = 0; i < nonce.size(); i += sizeof(std::uint64_t)) {
    const std::uint64_t random = port.random();
    for (std::size_t k = 0; k < sizeof random; ++k) {
      nonce[i + k] = static_cast<std::uint8_t>(random >> (8 * k));
    }
  }
  return nonce;
}

RamPiece mailbox_with(const Nonce& nonce, std::uint32_t address) {
  ByteWriter bytes;
  bytes.u32_le(MAILBOX_MAGIC).u32_le(MAILBOX_VERSION).bytes(nonce);
  bytes.u32_le(crc32c(bytes.view()));
  bytes.fill(0, MAILBOX_SIZE - bytes.size());
  return {address, std::move(bytes).take()};
}

bool is_loader(const UsbDevice& device, const Product& product) {
  return device.vendor == product.vendor && device.product == product.product;
}

Task<Status> load(Unit& unit, const ProductLoader& loader, const Nonce& nonce, Progress progress) {
  std::vector<RamPiece> pieces;
  pieces.push_back(
      {loader.address, ByteVector(unit.loader_image.begin(), unit.loader_image.end())});
  pieces.push_back(mailbox_with(nonce, loader.mailbox));
  co_return co_await start_from_ram(*unit.connection, pieces, loader.address, std::move(progress));
}

// The board comes back as its loader, or as something that says what went wrong.
Task<Status> follow(Unit& unit, const ProductLoader& loader) {
  const Product& product = unit.product;
  CO_TRY(const UsbDevice device,
         co_await unit.place->next(product.vendor, product.product,
                                   std::chrono::seconds(loader.seconds_max)));
  if (is_loader(device, product)) {
    CO_TRY(unit.reopened, co_await unit.place->open(kOpenLimit));
    unit.connection = unit.reopened.get();
    co_return Status();
  }
  if (device.vendor == loader.vendor && device.product == loader.product) {
    co_return Error(Code::kDevice,
                    "the board came back in its ROM: the loader did not run, or another board was "
                    "plugged in. Is the loader that of this board?");
  }
  co_return Error(Code::kDevice,
                  "the board came back as {:04x}:{:04x}, and its loader is {:04x}:{:04x}",
                  device.vendor, device.product, product.vendor, product.product);
}

// Another board may have been plugged in meanwhile, or somebody else may have started what answers.
Task<Status> recognise(Unit& unit, const Nonce& nonce) {
  CO_TRY(unit.wire, co_await open_wire(*unit.connection));
  const std::optional<Nonce>& told = unit.wire->start_nonce();
  if (told == nonce) co_return Status();
  co_return Error(Code::kDevice,
                  "what came back {} this start's nonce: it is another board, or somebody else has "
                  "started its loader. Unplug it, and plug it in again",
                  told ? "does not have" : "cannot tell");
}

}  // namespace

Task<Status> LoadStep::run(Unit& unit) const {
  CHECK(unit.place != nullptr && unit.product.loader);
  const ProductLoader& loader = *unit.product.loader;
  const UsbDevice& device = unit.connection->device();
  // An attempt before has brought it so far, and could not begin.
  if (const BoardPlace::Started* started = unit.place->started(device.arrival);
      started != nullptr && is_loader(device, unit.product)) {
    unit.record.progress(verb(), 0, 0);
    co_return co_await recognise(unit, started->nonce);
  }
  Loop& loop = co_await ThisLoop();
  const Nonce nonce = make_nonce(loop.port());
  const Progress progress =
      unit.progress_of(verb(), 2 * (unit.loader_image.size() + std::uint64_t{MAILBOX_SIZE}));
  CO_TRY_STATUS(co_await load(unit, loader, nonce, progress));
  CO_TRY_STATUS(co_await follow(unit, loader));
  CO_TRY_STATUS(co_await recognise(unit, nonce));
  unit.place->set_started({unit.place->arrival(), loader.digest, nonce});
  co_return Status();
}

}  // namespace gangd
