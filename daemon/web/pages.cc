#include "web/pages.h"

#include <algorithm>
#include <filesystem>

#include "image/image.h"

namespace gangd {
namespace {

constexpr std::size_t kPageBytesMax = 4 << 20;
constexpr std::size_t kPagesMax = 100;

// What pages are made of. Anything else in the folder is none of a browser's business.
const std::map<std::string, std::string>& types() {
  static const std::map<std::string, std::string> kTypes = {
      {".html", "text/html; charset=utf-8"},
      {".js", "text/javascript; charset=utf-8"},
      {".css", "text/css; charset=utf-8"},
      {".svg", "image/svg+xml"},
  };
  return kTypes;
}

}  // namespace

Result<std::map<std::string, WebAnswer>> read_pages(const std::string& folder) {
  std::map<std::string, WebAnswer> pages;
  std::error_code fault;
  for (std::filesystem::directory_iterator files(folder, fault), end; !fault && files != end;
       files.increment(fault)) {
    const auto type = types().find(files->path().extension().string());
    if (type == types().end() || !files->is_regular_file(fault)) continue;
    if (pages.size() == kPagesMax) {
      return Error(Code::kInvalid, "pages {}: more than {} files", folder, kPagesMax);
    }
    TRY(const ByteVector bytes, read_file(files->path().string(), kPageBytesMax));
    pages["/" + files->path().filename().string()] = {type->second,
                                                      std::string(bytes.begin(), bytes.end())};
  }
  const auto index = pages.find("/index.html");
  if (index == pages.end()) {
    return Error(Code::kNotFound,
                 "pages {}: no index.html there: build them with dashboards/floor/build, or let "
                 "\"pages\" of [web] name the folder that has them",
                 folder);
  }
  pages["/"] = index->second;
  return pages;
}

}  // namespace gangd
