#include "balancer/balancer.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <functional>
#include <thread>

#include "supervisor/socket.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmfleet::balancer {

namespace fs = std::filesystem;
namespace support = vmimage::support;
using support::failure;

namespace {

constexpr auto kReadyLimit = std::chrono::seconds(10);
constexpr auto kBetweenTries = std::chrono::seconds(1);  // somebody else may have its port for long
constexpr std::size_t kBatch = 40;  // commands in one line, which HAProxy's buffer (16 KiB) has to hold
constexpr int kFirstPort = 20000;
constexpr int kPorts = 12000;  // up to 31999; the kernel's own range starts at 32768 (ip(7))

std::string tail_of(const fs::path& log) {
  std::error_code problem;
  return fs::exists(log, problem) ? support::read_file(log) : std::string();
}

/// What a running balancer's configuration file begins with: where it leads to changes without it.
std::string mark_of(const Config& config) {
  Config fixed = config;
  fixed.routes.clear();
  return fmt::format("# {}\n", support::sha256(to_text(fixed)));
}

}  // namespace

HaProxy::HaProxy(fs::path folder, std::function<void(pid_t)> started)
    : file_(folder / "haproxy.cfg"), log_(folder / "haproxy.log"), started_(std::move(started)) {
  process_ = driver::find_by_argument(file_);
  if (process_)
    started_(process_->pid);
}

std::string HaProxy::ask(const std::string& commands) const {
  return supervisor::exchange(config_->socket, commands + "\n", std::chrono::seconds(5));
}

void HaProxy::serve(const Config& config) {
  std::error_code problem;
  const bool same = fs::exists(file_, problem) && support::read_file(file_).starts_with(mark_of(config));
  const auto before = std::exchange(config_, config);
  if (same && process_ && answers(*process_))
    return;
  try {
    start();
  } catch (...) {
    config_ = before;
    if (before)
      write_config();
    throw;
  }
}

bool HaProxy::answers(const driver::ProcessId& process) const {
  try {
    return ask("show info").find(fmt::format("Pid: {}\n", process.pid)) != std::string::npos;
  } catch (const support::Error&) {
    return false;
  }
}

void HaProxy::write_config() const {
  support::write_file_atomic(file_, mark_of(*config_) + to_text(*config_), 0600);
}

void HaProxy::start() {
  // One that cannot be talked to cannot hand anything over: its socket has been removed, or it hangs.
  if (process_ && !answers(*process_))
    end_all();
  write_config();
  std::error_code ignored;
  fs::remove(log_, ignored);
  std::vector<std::string> argv{"haproxy", "-db", "-f", file_};
  if (process_ && driver::is_alive(*process_))
    argv.insert(argv.end(), {"-x", config_->socket, "-sf", std::to_string(process_->pid)});
  const auto process = driver::identify(support::start_detached(argv, log_));
  if (process)
    wait_until_ready(*process);
  else
    throw failure("failed to start HAProxy", tail_of(log_));
  process_ = process;
  started_(process_->pid);
  sent_.clear();
  for (const auto& [slot, route] : config_->routes)
    if (route.mode == Mode::Ready)
      sent_[slot] = route;
  everything_sent_ = true;
}

void HaProxy::start_again() {
  if (trouble_ && Clock::now() < next_try_)
    std::rethrow_exception(trouble_);
  try {
    start();
    trouble_ = nullptr;
  } catch (...) {
    trouble_ = std::current_exception();
    next_try_ = Clock::now() + kBetweenTries;
    throw;
  }
}

void HaProxy::wait_until_ready(const driver::ProcessId& process) {
  const auto until = std::chrono::steady_clock::now() + kReadyLimit;
  while (driver::is_alive(process)) {
    if (answers(process))
      return;
    if (std::chrono::steady_clock::now() > until) {
      driver::send_signal(process, SIGKILL);
      break;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  }
  const std::string words = tail_of(log_);
  const auto refuse = [](const std::string& address, std::uint16_t port) {
    throw failure(fmt::format("failed to listen on {}:{}: the port is in use", address, port),
                  "choose another one with --port");
  };
  for (const auto& listener : config_->listeners)
    if (words.find("cannot bind") != std::string::npos) {
      if (!is_free(listener.host))
        refuse(config_->address, listener.host);
      if (config_->ipv6 && !is_free_on_ipv6(listener.host))
        refuse("[::1]", listener.host);
    }
  throw failure("failed to start HAProxy", words);
}

void HaProxy::route(const std::map<int, Route>& routes) {
  if (!config_)
    return;
  config_->routes = routes;
  if (!process_ || !driver::is_alive(*process_))
    start_again();
  try {
    send(routes);
  } catch (const support::Error&) {
    if (answers(*process_))
      throw;
    start_again();
    send(routes);
  }
}

void HaProxy::send(const std::map<int, Route>& routes) {
  if (everything_sent_ && routes == sent_)
    return;
  // Who gets requests comes first, so that at no moment nobody does.
  std::vector<std::string> list;
  std::vector<std::string> others;
  for (int slot = 1; slot <= kSlots; ++slot) {
    const auto wanted = routes.find(slot);
    const Route route = wanted == routes.end() ? Route{} : wanted->second;
    const auto known = sent_.find(slot);
    const bool same = known == sent_.end() ? everything_sent_ && route == Route{} : known->second == route;
    if (same)
      continue;
    const auto words = commands(slot, route, config_->listeners, config_->address);
    auto& kind = route.mode == Mode::Ready ? list : others;
    kind.insert(kind.end(), words.begin(), words.end());
  }
  list.insert(list.end(), others.begin(), others.end());
  for (std::size_t at = 0; at < list.size(); at += kBatch) {
    const auto end = std::min(at + kBatch, list.size());
    const std::string answer = ask(fmt::format(
        "{}", fmt::join(list.begin() + static_cast<long>(at), list.begin() + static_cast<long>(end), ";")));
    if (is_refusal(answer))
      throw failure("failed to set HAProxy's servers: " + answer.substr(0, answer.find('\n')));
  }
  sent_ = routes;
  everything_sent_ = true;
}

std::map<int, ServerStatistics> HaProxy::statistics() {
  if (!config_ || config_->listeners.empty() || !process_ || !driver::is_alive(*process_))
    return {};
  return parse_statistics(ask("show stat -1 4 -1"), config_->listeners.front().guest);
}

void HaProxy::stop() {
  end_all();
  config_.reset();
}

void HaProxy::end_all() {
  // With the same configuration there may be an earlier one that finishes its last requests.
  while (const auto process = driver::find_by_argument(file_)) {
    driver::send_signal(*process, SIGTERM);
    if (!driver::wait_for_end(*process, std::chrono::seconds(2)))
      driver::end_now(*process);
  }
  process_.reset();
  sent_.clear();
}

namespace {

template <typename Address>
bool can_bind(int family, const Address& address) {
  const support::Descriptor socket(::socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!socket.open())
    support::throw_errno("create a socket");
  const int on = 1;
  ::setsockopt(socket.fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  return ::bind(socket.fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
}

}  // namespace

bool is_free(std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  return can_bind(AF_INET, address);
}

bool is_free_on_ipv6(std::uint16_t port) {
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_port = htons(port);
  address.sin6_addr = in6addr_loopback;
  return can_bind(AF_INET6, address);
}

std::uint16_t choose_port(const std::string& name) {
  const auto start = std::hash<std::string>{}(name) % kPorts;
  for (int i = 0; i < kPorts; ++i) {
    const auto port = static_cast<std::uint16_t>(kFirstPort + (start + static_cast<unsigned>(i)) % kPorts);
    if (is_free(port))
      return port;
  }
  throw failure("failed to find a free port on 127.0.0.1", "choose one with --port");
}

}  // namespace vmfleet::balancer
