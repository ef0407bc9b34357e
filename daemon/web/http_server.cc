#include "web/http_server.h"

#include <httplib.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <semaphore>
#include <string_view>
#include <utility>

namespace gangd {
namespace {

// A browser holds up to six connections, one of them a stream; a floor has a few screens. Whoever
// comes beyond waits in the kernel's queue.
constexpr int kConnectionsMax = 32;
constexpr int kStreamsMax = 16;
constexpr std::size_t kBodyBytesMax = 64 << 10;
constexpr time_t kReadSeconds = 5;
// Who does not read for so long is cut off.
constexpr time_t kWriteSeconds = 5;
constexpr time_t kKeepAliveSeconds = 2;
constexpr std::size_t kRequestsOfConnection = 1000;
constexpr int kRetrySeconds = 2;

enum HttpStatus {
  kOk = 200,
  kBadRequest = 400,
  kForbidden = 403,
  kNoSuchPath = 404,
  kConflict = 409,
  kWrongType = 415,
  kWrongHost = 421,
  kFault = 500,
  kUnavailable = 503,
};

// Only what gangd itself serves is loaded, nothing inline, and no other site may frame it.
const httplib::Headers kHeaders = {
    {"Content-Security-Policy",
     "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
     "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"},
    {"X-Content-Type-Options", "nosniff"},
    {"Referrer-Policy", "no-referrer"},
    {"Cross-Origin-Opener-Policy", "same-origin"},
    {"Cross-Origin-Resource-Policy", "same-origin"},
    {"Cache-Control", "no-store"},
};

int status_of(Code code) {
  switch (code) {
    case Code::kInvalid:
      return kBadRequest;
    case Code::kNotFound:
      return kNoSuchPath;
    case Code::kBusy:
      return kConflict;
    case Code::kExhausted:
    case Code::kClosed:
    case Code::kCancelled:
    case Code::kTimeout:
    case Code::kIo:
      return kUnavailable;
    default:
      return kFault;
  }
}

void refuse(httplib::Response& response, int status, const std::string& sentence) {
  response.status = status;
  response.set_content(sentence + "\n", "text/plain; charset=utf-8");
  if (status == kUnavailable) response.set_header("Retry-After", std::to_string(kRetrySeconds));
}

// A name of this machine's loopback, with any port: a tunnel may lead here from another one. Any
// other name is a foreign site's, which had its name resolved to us to read what we show.
bool is_own_host(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  const std::size_t bracket = host.rfind(']');
  if (colon != std::string_view::npos && (bracket == std::string_view::npos || colon > bracket)) {
    host = host.substr(0, colon);
  }
  return host == "127.0.0.1" || host == "localhost" || host == "[::1]";
}

// At most kConnectionsMax at once: the thread that accepts waits for a place.
class Connections final : public httplib::TaskQueue {
 public:
  void enqueue(std::function<void()> serve_one) override {
    places_.acquire();
    threads_.enqueue([this, serve_one = std::move(serve_one)] {
      serve_one();
      places_.release();
    });
  }
  void shutdown() override { threads_.shutdown(); }

 private:
  httplib::ThreadPool threads_{kConnectionsMax};
  std::counting_semaphore<kConnectionsMax> places_{kConnectionsMax};
};

}  // namespace

class HttpServer::Impl {
 public:
  explicit Impl(Content content) : content_(std::move(content)) {
    server_.new_task_queue = [] { return new Connections; };
    server_.set_default_headers(kHeaders);
    server_.set_payload_max_length(kBodyBytesMax);
    server_.set_read_timeout(kReadSeconds);
    server_.set_write_timeout(kWriteSeconds);
    server_.set_keep_alive_timeout(kKeepAliveSeconds);
    server_.set_keep_alive_max_count(kRequestsOfConnection);
    server_.set_tcp_nodelay(true);
    // The library's own choice would let a second gangd share the port, and take half the calls.
    server_.set_socket_options([](socket_t socket) {
      const int yes = 1;
      setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes);
    });
    server_.set_pre_routing_handler([this](const auto& request, auto& response) {
      return begin(request, response) ? httplib::Server::HandlerResponse::Handled
                                      : httplib::Server::HandlerResponse::Unhandled;
    });
    // Only a POST that begin() let through comes here, with its body.
    server_.Post("/.*", [this](const auto& request, auto& response) {
      answer(*content_.find(WebMethod::kPost, request.path), request, response);
    });
    server_.set_exception_handler([](const auto&, auto& response, std::exception_ptr) {
      refuse(response, kFault, "gangd could not answer");
    });
  }

  Result<int> bind(int port) {
    port_ = port == 0 ? server_.bind_to_any_port(kAddress)
                      : (server_.bind_to_port(kAddress, port) ? port : -1);
    if (port_ > 0) return port_.load();
    return Error(Code::kBusy,
                 "web {}:{}: cannot listen there ({}): end what listens there, or give [web] "
                 "another port",
                 kAddress, port, std::strerror(errno));
  }

  void serve() { server_.listen_after_bind(); }

  void stop() {
    server_.stop();
    cut_connections();
  }

 private:
  static constexpr const char* kAddress = "127.0.0.1";

  // Whether the answer stands already; no body has been read yet.
  bool begin(const httplib::Request& request, httplib::Response& response) {
    if (!is_own_host(request.get_header_value("Host"))) {
      refuse(response, kWrongHost, "this page answers to localhost and 127.0.0.1 only");
      return true;
    }
    if (request.method == "POST") return !may_order(request, response);
    if (request.method != "GET" && request.method != "HEAD") {
      refuse(response, kBadRequest, "there are only GET, HEAD and POST");
      return true;
    }
    if (request.path == content_.stream_path) {
      stream(request, response);
    } else if (const WebAnswer* page = content_.page(request.path)) {
      response.set_content(page->body, page->type);
    } else if (const Route* route = content_.find(WebMethod::kGet, request.path)) {
      answer(*route, request, response);
    } else {
      refuse(response, kNoSuchPath, "there is no such page here");
    }
    return true;
  }

  // An order comes from our own page: a foreign one cannot send this type without being asked
  // first, which is never granted, and its Origin is another.
  bool may_order(const httplib::Request& request, httplib::Response& response) const {
    const std::string origin = request.get_header_value("Origin");
    if (!origin.empty() && origin != "http://" + request.get_header_value("Host")) {
      refuse(response, kForbidden, "orders are taken from gangd's own page only");
    } else if (!request.get_header_value("Content-Type").starts_with("application/json")) {
      refuse(response, kWrongType, "an order is application/json");
    } else if (content_.find(WebMethod::kPost, request.path) == nullptr) {
      refuse(response, kNoSuchPath, "there is no such order");
    } else {
      return true;
    }
    return false;
  }

  void answer(const Route& route, const httplib::Request& request, httplib::Response& response) {
    WebRequest question;
    for (const auto& [name, value] : request.params) question.query.emplace(name, value);
    question.body = request.body;
    auto outcome = content_.answer(route, std::move(question));
    if (!outcome)
      return refuse(response, status_of(outcome.error().code()), outcome.error().message());
    response.status = kOk;
    if (!outcome->file.empty()) {
      response.set_header("Content-Disposition", "attachment; filename=\"" + outcome->file + "\"");
    }
    response.set_content(std::move(outcome->body), outcome->type);
  }

  void stream(const httplib::Request& request, httplib::Response& response) {
    if (++streams_ > kStreamsMax) {
      --streams_;
      return refuse(response, kUnavailable, "too many pages watch this station: close some");
    }
    std::string after = request.get_header_value("Last-Event-ID");
    if (after.empty()) after = request.get_param_value("after");
    response.set_chunked_content_provider(
        "text/event-stream",
        [next = content_.stream(std::move(after))](std::size_t, httplib::DataSink& sink) {
          const auto events = next();
          return events && sink.write(events->data(), events->size());
        },
        [this](bool) { --streams_; });
  }

  // The library waits until its clients go; those who stay are made to.
  void cut_connections() const {
    std::error_code fault;
    for (std::filesystem::directory_iterator fds("/proc/self/fd", fault), end; !fault && fds != end;
         fds.increment(fault)) {
      const std::string name = fds->path().filename().string();
      int fd = -1;
      std::from_chars(name.data(), name.data() + name.size(), fd);
      sockaddr_in address{};
      socklen_t length = sizeof address;
      if (getsockname(fd, reinterpret_cast<sockaddr*>(&address), &length) != 0) continue;
      if (address.sin_family == AF_INET && ntohs(address.sin_port) == port_ &&
          address.sin_addr.s_addr == htonl(INADDR_LOOPBACK)) {
        shutdown(fd, SHUT_RDWR);
      }
    }
  }

  const Content content_;
  httplib::Server server_;
  std::atomic<int> port_ = -1;
  std::atomic<int> streams_ = 0;
};

HttpServer::HttpServer(Content content) : impl_(std::make_unique<Impl>(std::move(content))) {}

HttpServer::~HttpServer() = default;

Result<int> HttpServer::bind(int port) {
  return impl_->bind(port);
}

void HttpServer::serve() {
  impl_->serve();
}

void HttpServer::stop() {
  impl_->stop();
}

}  // namespace gangd
