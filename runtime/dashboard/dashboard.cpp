#include "dashboard/dashboard.hpp"

#include <fmt/format.h>
#include <httplib.h>
#include <sys/socket.h>

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#include "balancer/balancer.hpp"
#include "dashboard/page.hpp"

namespace vmfleet::dashboard {

using std::chrono::milliseconds;

namespace {

constexpr std::size_t kThreads = 4;
constexpr std::chrono::seconds kPatience{5};  // the supervisor may be copying an image
constexpr int kTries = 5;                     // somebody may take a port that was free just now

/// Two servers never share a port, as they would by httplib's own options (SO_REUSEPORT).
void set_options(socket_t socket) {
  const int on = 1;
  ::setsockopt(socket, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
}

}  // namespace

struct Dashboard::Service {
  httplib::Server server;
  std::thread thread;
  std::mutex mutex;
  std::condition_variable published;
  bool wanted = false;
  bool ending = false;
  std::shared_ptr<const Snapshot> last;
  int number = 0;  // of the last snapshot

  /// What the fleet is now; or was last, when the supervisor is busy. May be nothing.
  std::shared_ptr<const Snapshot> snapshot() {
    std::unique_lock lock(mutex);
    wanted = true;
    const int before = number;
    published.wait_for(lock, kPatience, [&] { return number != before || ending; });
    return last;
  }

  void answer(const std::string& path, const char* type, std::string (*content)(const Snapshot&)) {
    server.Get(path, [this, type, content](const httplib::Request&, httplib::Response& response) {
      if (const auto now = snapshot())
        response.set_content(content(*now), type);
      else
        response.status = 503;
    });
  }

  void set_up() {
    server.new_task_queue = [] { return new httplib::ThreadPool(kThreads); };
    server.set_keep_alive_max_count(1);  // no connection holds a thread for longer than a request
    server.set_read_timeout(std::chrono::seconds(2));
    server.set_write_timeout(std::chrono::seconds(2));
    server.set_payload_max_length(0);
    server.set_socket_options(set_options);
    server.set_default_headers({{"Cache-Control", "no-store"},
                                {"X-Content-Type-Options", "nosniff"},
                                {"X-Frame-Options", "DENY"},
                                {"Content-Security-Policy",
                                 "default-src 'none'; style-src 'unsafe-inline'; script-src 'unsafe-inline'; "
                                 "img-src data:; connect-src 'self'; base-uri 'none'; form-action 'none'"}});
    server.set_pre_routing_handler([](const httplib::Request& request, httplib::Response& response) {
      const bool read = request.method == "GET" || request.method == "HEAD";
      const bool named = is_loopback(request.get_header_value("Host"));
      if (read && named)
        return httplib::Server::HandlerResponse::Unhandled;
      response.status = named ? 405 : 403;
      response.set_content(named ? "it only shows\n" : "ask for it by its loopback address\n", "text/plain");
      return httplib::Server::HandlerResponse::Handled;
    });
    server.Get("/", [](const httplib::Request&, httplib::Response& response) {
      response.set_content(std::string(page()), "text/html; charset=utf-8");
    });
    answer("/status.json", "application/json", [](const Snapshot& now) {
      return fleet::to_json(now.status)
          .dump(-1, ' ', false, vmimage::support::json::error_handler_t::replace);
    });
    answer("/history.json", "application/json", history_json);
    answer("/metrics", "text/plain; version=0.0.4; charset=utf-8", metrics);
  }
};

Dashboard::Dashboard(const std::string& name) : service_(std::make_unique<Service>()) {
  service_->set_up();
  for (int i = 0; i < kTries && address_.empty(); ++i) {
    const int port = balancer::choose_port(name + ":dashboard");
    if (service_->server.bind_to_port("127.0.0.1", port))
      address_ = fmt::format("http://127.0.0.1:{}", port);
  }
  if (!address_.empty())
    service_->thread = std::thread([this] { service_->server.listen_after_bind(); });
}

Dashboard::~Dashboard() {
  if (!service_->thread.joinable())
    return;
  {
    const std::lock_guard lock(service_->mutex);
    service_->ending = true;
  }
  service_->published.notify_all();
  while (!service_->server.is_running())  // until then it cannot be stopped
    std::this_thread::sleep_for(milliseconds(5));
  service_->server.stop();
  service_->thread.join();
}

bool Dashboard::wanted() const {
  const std::lock_guard lock(service_->mutex);
  return service_->wanted;
}

void Dashboard::publish(Snapshot snapshot) {
  auto next = std::make_shared<const Snapshot>(std::move(snapshot));
  {
    const std::lock_guard lock(service_->mutex);
    service_->last.swap(next);
    service_->wanted = false;
    ++service_->number;
  }
  service_->published.notify_all();
}

}  // namespace vmfleet::dashboard
