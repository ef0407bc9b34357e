// HttpServer: HTTP on this machine's loopback, for browsers and Prometheus on it. Knows nothing of
// boards: it asks for what it serves. The only user of cpp-httplib.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "base/result.h"
#include "web/route.h"

namespace gangd {

class HttpServer {
 public:
  // Gives the next piece of a stream of server-sent events; may block for a second. An error ends
  // the stream.
  using NextEvents = std::function<Result<std::string>()>;

  // Who answers. All are called on the server's own threads.
  struct Content {
    // Null: there is no such path.
    std::function<const Route*(WebMethod, const std::string& path)> find;
    std::function<Result<WebAnswer>(const Route&, WebRequest)> answer;
    std::function<const WebAnswer*(const std::string& path)> page;
    // `after` is the id of the last event that the client has; empty when it has none.
    std::string stream_path;
    std::function<NextEvents(std::string after)> stream;
  };

  explicit HttpServer(Content content);
  ~HttpServer();
  HttpServer(const HttpServer&) = delete;
  HttpServer& operator=(const HttpServer&) = delete;

  // Takes 127.0.0.1:`port`, or with 0 one that is free, and gives its number. kBusy, kIo.
  Result<int> bind(int port);
  // Serves until stop(); blocks. After bind().
  void serve();
  // Lets serve() return, and cuts off who is connected. May have to be repeated: a connection that
  // is just being taken is not seen.
  void stop();

 private:
  class Impl;
  const std::unique_ptr<Impl> impl_;
};

}  // namespace gangd
