// The station's products: a folder with a NAME.toml for each, and their images.
#pragma once

#include <string>

#include "loop/port.h"
#include "recipe/products.h"

namespace gangd {

class ProductFiles final : public Products {
 public:
  // Files are read on `workers`, and images packed: they must outlive it and its recipes.
  ProductFiles(Workers& workers, std::string folder)
      : workers_(workers), folder_(std::move(folder)) {}

  Task<Result<std::vector<std::string>>> names() override;
  Task<Result<std::unique_ptr<Recipe>>> load(std::string name) override;

 private:
  Workers& workers_;
  const std::string folder_;
};

}  // namespace gangd
