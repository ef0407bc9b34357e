#include "recipe/product.h"

#include <algorithm>

#include "base/toml_table.h"
#include "target_fw/mailbox.h"
#include "wire/ram_start.h"

namespace gangd {
namespace {

constexpr std::int64_t kAddressMax = 0xffff'ffff;
constexpr std::int64_t kMinutesDefault = 30;
constexpr std::int64_t kSecondsDefault = 10;
constexpr std::int64_t kSecondsMax = 600;
constexpr std::int64_t kAheadDefault = 100;
constexpr std::int64_t kAheadMax = 1'000'000;

// Who counts the pool.
Status parse_source(TomlTable& table, ProductSerial& serial) {
  TRY(const std::string from, table.text_or("from", "station"));
  if (from != "station" && from != "mes") {
    return table.error_at("from", "\"from\" must be \"station\" or \"mes\"");
  }
  serial.from_mes = from == "mes";
  if (serial.from_mes) {
    TRY(const std::int64_t ahead, table.integer_or("ahead", 1, kAheadMax, kAheadDefault));
    serial.ahead = static_cast<std::uint64_t>(ahead);
    return {};
  }
  TRY(const std::int64_t first, table.integer_or("first", 0, 999'999'999'999'999, 1));
  serial.first = static_cast<std::uint64_t>(first);
  return {};
}

Result<std::uint16_t> usb_id(TomlTable& table, const std::string& key) {
  TRY(const std::int64_t id, table.integer(key, 1, 0xffff));
  return static_cast<std::uint16_t>(id);
}

Result<ProductImage> parse_image(TomlTable& table) {
  ProductImage image;
  TRY(image.file, table.text("file"));
  TRY(const std::int64_t address, table.integer("address", 0, kAddressMax));
  image.address = static_cast<std::uint32_t>(address);
  TRY_STATUS(table.finish());
  return image;
}

Result<Sha256Digest> digest(TomlTable& table, const std::string& key) {
  TRY(const std::string text, table.text(key));
  Sha256Digest digest;
  const auto bytes = from_hex(text);
  if (!bytes || bytes->size() != digest.bytes.size()) {
    return table.error_at(key, fmt::format("\"{}\" must have the 64 hexadecimal digits that "
                                           "sha256sum prints of the file",
                                           key));
  }
  std::ranges::copy(*bytes, digest.bytes.begin());
  return digest;
}

Result<std::uint32_t> seconds_max(TomlTable& table) {
  TRY(const std::int64_t seconds, table.integer_or("seconds_max", 1, kSecondsMax, kSecondsDefault));
  return static_cast<std::uint32_t>(seconds);
}

Result<ProductLoader> parse_loader(TomlTable& table) {
  ProductLoader loader;
  TRY(loader.file, table.text("file"));
  TRY(loader.digest, digest(table, "sha256"));
  TRY(const std::int64_t address,
      table.integer_or("address", 0, kAddressMax, MAILBOX_LOADER_ADDRESS));
  TRY(const std::int64_t mailbox, table.integer_or("mailbox", 0, kAddressMax, MAILBOX_ADDRESS));
  loader.address = static_cast<std::uint32_t>(address);
  loader.mailbox = static_cast<std::uint32_t>(mailbox);
  for (const char* key : {"address", "mailbox"}) {
    const std::uint32_t place =
        key == std::string_view("address") ? loader.address : loader.mailbox;
    if (place % kRomWriteUnit == 0) continue;
    return table.error_at(key, fmt::format("\"{}\" must be a multiple of {}", key, kRomWriteUnit));
  }
  TRY(loader.vendor, usb_id(table, "vendor"));
  TRY(loader.product, usb_id(table, "product"));
  TRY(loader.seconds_max, seconds_max(table));
  TRY_STATUS(table.finish());
  return loader;
}

Result<ProductStart> parse_start(TomlTable& table) {
  ProductStart start;
  TRY(const std::int64_t address, table.integer("address", 0, kAddressMax));
  start.address = static_cast<std::uint32_t>(address);
  TRY(const std::int64_t vendor, table.integer_or("vendor", 1, 0xffff, 0));
  TRY(const std::int64_t product, table.integer_or("product", 1, 0xffff, 0));
  if ((vendor == 0) != (product == 0)) {
    return table.error(
        "\"vendor\" and \"product\" go together: what the application is on the bus");
  }
  start.vendor = static_cast<std::uint16_t>(vendor);
  start.product = static_cast<std::uint16_t>(product);
  TRY(start.seconds_max, seconds_max(table));
  TRY_STATUS(table.finish());
  return start;
}

// [loader] and [start], and the steps that belong to them.
Status parse_stages(TomlTable& table, Product& product) {
  TRY(std::optional<TomlTable> loader, table.table("loader"));
  if (loader) {
    TRY(product.loader, parse_loader(*loader));
    if (product.loader->vendor == product.vendor && product.loader->product == product.product) {
      return loader->error_at("product",
                              "the ROM and the loader must be told apart: [usb] names what the "
                              "board is when the loader "
                              "runs, [loader] what it is in its ROM");
    }
  }
  TRY(std::optional<TomlTable> start, table.table("start"));
  if (start) {
    TRY(product.start, parse_start(*start));
  }
  std::vector<std::string> steps = {"identify", "erase", "write", "verify"};
  if (loader) steps.insert(steps.begin(), "load");
  if (start) steps.emplace_back("start");
  TRY(product.steps, table.texts_or("steps", std::move(steps)));
  return {};
}

Status parse_verify(TomlTable& table, Product& product) {
  TRY(const std::string verify, table.text_or("verify", "best"));
  if (verify != "best" && verify != "device" && verify != "readback" && verify != "both") {
    return table.error_at("verify",
                          "\"verify\" must be \"best\", \"device\", \"readback\" or \"both\"");
  }
  product.verify = verify == "best"       ? Verify::kBest
                   : verify == "device"   ? Verify::kDevice
                   : verify == "readback" ? Verify::kReadback
                                          : Verify::kBoth;
  TRY(const std::string as, table.text_or("verify_as", "programmed"));
  if (as != "programmed" && as != "booted") {
    return table.error_at("verify_as", "\"verify_as\" must be \"programmed\" or \"booted\"");
  }
  product.verify_as_booted = as == "booted";
  if (product.verify_as_booted && product.verify == Verify::kReadback) {
    return table.error_at("verify_as",
                          "only the device itself can read its flash as the application does: with "
                          "\"booted\", \"verify\" must be \"best\", \"device\" or \"both\"");
  }
  return {};
}

Result<ProductSerial> parse_serial(TomlTable& table) {
  ProductSerial serial;
  TRY(serial.pool, table.text("pool"));
  TRY(serial.prefix, table.text_or("prefix", ""));
  TRY(const std::int64_t digits, table.integer("digits", 1, 15));
  TRY_STATUS(parse_source(table, serial));
  TRY(const std::int64_t address, table.integer("address", 0, kAddressMax));
  TRY(const std::int64_t size, table.integer("size", 1, 4096));
  TRY_STATUS(table.finish());
  serial.digits = static_cast<int>(digits);
  serial.address = static_cast<std::uint32_t>(address);
  serial.size = static_cast<std::uint32_t>(size);
  if (!serial.text(serial.first)) {
    return table.error_at("first", fmt::format("\"first\" has more than {} digits", digits));
  }
  const std::size_t bytes = serial.prefix.size() + static_cast<std::size_t>(digits);
  if (bytes > serial.size) {
    return table.error_at("size", fmt::format("prefix and digits need {} bytes", bytes));
  }
  return serial;
}

}  // namespace

Result<std::string> ProductSerial::text(std::uint64_t index) const {
  std::string number = fmt::format("{:0{}}", index, digits);
  if (number.size() > static_cast<std::size_t>(digits)) {
    return Error(Code::kExhausted, "pool \"{}\" has no number of {} digits left: give it another",
                 pool, digits);
  }
  return prefix + number;
}

ByteVector ProductSerial::field(std::string_view text) const {
  const ByteView characters = as_bytes(text);
  ByteVector bytes(characters.begin(), characters.end());
  bytes.resize(size, 0xff);
  return bytes;
}

Extent ProductSerial::extent(std::string_view text) const {
  return {"serial", address, size, sha256(field(text))};
}

Result<Product> parse_product(std::string_view text, std::string file) {
  TRY(TomlTable table, TomlTable::parse(text, std::move(file)));
  Product product;
  product.digest = sha256(as_bytes(text));
  TRY(product.name, table.text("name"));

  TRY(std::optional<TomlTable> usb, table.table("usb"));
  if (!usb) return table.error("the table [usb] with vendor and product is missing");
  TRY(product.vendor, usb_id(*usb, "vendor"));
  TRY(product.product, usb_id(*usb, "product"));
  TRY_STATUS(usb->finish());

  TRY(std::vector<TomlTable> images, table.tables("image"));
  for (TomlTable& each : images) {
    TRY(ProductImage image, parse_image(each));
    product.images.push_back(std::move(image));
  }
  if (images.empty()) return table.error("at least one [[image]] with file and address is needed");

  TRY(std::optional<TomlTable> serial, table.table("serial"));
  if (serial) {
    TRY(product.serial, parse_serial(*serial));
  }
  TRY_STATUS(parse_stages(table, product));
  TRY(const std::string incoming, table.text_or("incoming", "unknown"));
  if (incoming != "fresh" && incoming != "unknown") {
    return table.error_at("incoming", "\"incoming\" must be \"fresh\" or \"unknown\"");
  }
  product.incoming_fresh = incoming == "fresh";
  TRY_STATUS(parse_verify(table, product));
  TRY(const std::int64_t minutes,
      table.integer_or("minutes_max", 1, std::int64_t{24} * 60, kMinutesDefault));
  product.minutes_max = static_cast<std::uint32_t>(minutes);
  TRY_STATUS(table.finish());
  return product;
}

}  // namespace gangd
