// A shop's order service: takes orders over HTTP, keeps them in SQLite, hands out signed receipts (api.hpp).
// Settings come from the environment (settings.hpp). SIGTERM and SIGINT end it: what is being answered is
// answered. Exit status: 0 ended by a signal, 1 failed, 2 a setting cannot be used.

#include <csignal>
#include <iostream>
#include <thread>

#include "api.hpp"

namespace {

int serve(const orders::Settings& settings, const sigset_t& ends) {
  const std::string key = orders::signing_key(settings);
  orders::Store store(settings.state / "orders.sqlite");
  httplib::Server server;
  server.set_keep_alive_timeout(1);  // seconds; an idle connection does not hold up the end for longer
  orders::add_routes(server, settings, key, store);
  if (!server.bind_to_port("0.0.0.0", settings.port))
    throw std::runtime_error("failed to listen on port " + std::to_string(settings.port));
  std::thread serving([&server] { server.listen_after_bind(); });
  while (!server.is_running())
    std::this_thread::yield();  // a stop() before this would be lost
  std::cout << "orders: listening on port " << settings.port << ", prices in " << settings.currency
            << std::endl;
  int signal = 0;
  sigwait(&ends, &signal);
  server.stop();
  serving.join();
  std::cout << "orders: ended by signal " << signal << std::endl;
  return 0;
}

}  // namespace

int main() {
  // Blocked in every thread, so that sigwait() is where they arrive.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  try {
    return serve(orders::read_settings(), ends);
  } catch (const orders::InvalidSetting& error) {
    std::cerr << "orders: " << error.what() << '\n';
    return 2;
  } catch (const std::exception& error) {
    std::cerr << "orders: " << error.what() << '\n';
    return 1;
  }
}
