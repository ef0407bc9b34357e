#include "recipe/product_files.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>

#include "base/toml_table.h"
#include "loop/offload.h"

namespace gangd {
namespace {

constexpr std::size_t kProductBytesMax = 1 << 20;
// The largest serial NOR flash that there is.
constexpr std::size_t kImageBytesMax = std::size_t{256} << 20;
// A chip's RAM.
constexpr std::size_t kLoaderBytesMax = 1 << 20;
constexpr std::string_view kSuffix = ".toml";

Result<std::vector<std::string>> list_products(const std::string& folder) {
  std::error_code error;
  std::filesystem::directory_iterator entries(folder, error);
  std::vector<std::string> names;
  for (; !error && entries != std::filesystem::directory_iterator(); entries.increment(error)) {
    if (entries->path().extension() == kSuffix) names.push_back(entries->path().stem().string());
  }
  if (error) return Error(Code::kIo, "products in {}: {}", folder, error.message());
  std::ranges::sort(names);
  return names;
}

Error no_such_product(const std::string& folder, const std::string& name) {
  const auto names = list_products(folder);
  if (!names) return names.error();
  if (names->empty()) return {Code::kNotFound, "{} has no product files (NAME.toml)", folder};
  const std::string nearest = nearest_word(name, *names);
  if (!nearest.empty()) {
    return {Code::kNotFound, "there is no product \"{}\"; did you mean \"{}\"?", name, nearest};
  }
  return {Code::kNotFound, "there is no product \"{}\"; there are: {}", name,
          fmt::join(*names, ", ")};
}

Result<std::unique_ptr<Recipe>> load_recipe(const std::string& folder, const std::string& name,
                                            Workers& workers) {
  const auto names = list_products(folder);
  if (!names) return names.error();
  // The name comes from a client: only what is in the list is ever made a path.
  if (std::ranges::find(*names, name) == names->end()) return no_such_product(folder, name);
  const std::string path = fmt::format("{}/{}{}", folder, name, kSuffix);
  TRY(const ByteVector text, read_file(path, kProductBytesMax));
  TRY(Product product,
      parse_product({reinterpret_cast<const char*>(text.data()), text.size()}, path));
  if (product.name != name) {
    return Error(Code::kInvalid, "{}: its name is \"{}\", and must be that of the file", path,
                 product.name);
  }
  std::vector<ImagePart> parts;
  for (const ProductImage& image : product.images) {
    const std::filesystem::path file = std::filesystem::path(folder) / image.file;
    auto bytes = read_file(file.string(), kImageBytesMax);
    if (!bytes) return std::move(bytes).error().with_context(fmt::format("{}: image", path));
    parts.push_back({file.filename().string(), image.address, *std::move(bytes)});
  }
  auto image = Image::make(std::move(parts));
  if (!image) return std::move(image).error().with_context(path);
  ByteVector loader;
  if (product.loader) {
    const std::filesystem::path file = std::filesystem::path(folder) / product.loader->file;
    auto bytes = read_file(file.string(), kLoaderBytesMax);
    if (!bytes) return std::move(bytes).error().with_context(fmt::format("{}: loader", path));
    loader = *std::move(bytes);
  }
  return Recipe::make(std::move(product), *std::move(image), workers, std::move(loader));
}

}  // namespace

Task<Result<std::vector<std::string>>> ProductFiles::names() {
  co_return co_await offload(workers_, [folder = folder_] { return list_products(folder); });
}

Task<Result<std::unique_ptr<Recipe>>> ProductFiles::load(std::string name) {
  co_return co_await offload(workers_, [folder = folder_, name, &workers = workers_] {
    return load_recipe(folder, name, workers);
  });
}

}  // namespace gangd
