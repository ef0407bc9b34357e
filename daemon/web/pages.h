// The built pages, in memory: what dashboards/floor/build has made.
#pragma once

#include <map>
#include <string>

#include "web/route.h"

namespace gangd {

// By their path; index.html is also `/`. kNotFound: no index.html there. Blocks.
Result<std::map<std::string, WebAnswer>> read_pages(const std::string& folder);

}  // namespace gangd
