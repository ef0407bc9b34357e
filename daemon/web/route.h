// A route: a path of the web server, and the task of the loop that answers it. To add a page, add a
// line to the table in web.cc.
#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "base/result.h"
#include "loop/task.h"

namespace gangd {

enum class WebMethod { kGet, kPost };

struct WebRequest {
  std::map<std::string, std::string> query;  // decoded; the first of each name
  std::string body;                          // of a POST
};

struct WebAnswer {
  std::string type;  // of the content: `application/json`
  std::string body;
  std::string file = {};  // a name: it is to be saved as this, and not shown
};

struct Route {
  WebMethod method = WebMethod::kGet;
  std::string path;  // the whole of it, as in `/metrics`
  // Runs on the loop. An error becomes a status and its sentence; kNotFound is 404.
  std::function<Task<Result<WebAnswer>>(WebRequest)> answer;
};

}  // namespace gangd
