// The smallest service worth an image: it says which machine answered.
//   GET /         hello from <host name>
//   GET /healthz  ok
// PORT in the environment chooses the port (default 8080). SIGTERM and SIGINT end it.

#include <httplib.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <iostream>
#include <string>
#include <thread>

namespace {

std::string host_name() {
  char name[256] = {};
  return gethostname(name, sizeof name - 1) == 0 ? name : "unknown";
}

}  // namespace

int main() {
  // Blocked in every thread, so that sigwait() below is where they arrive.
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGTERM);
  sigaddset(&ends, SIGINT);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);

  httplib::Server server;
  server.set_keep_alive_timeout(1);  // seconds; an idle connection does not hold up the end for longer
  server.Get("/", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("hello from " + host_name() + "\n", "text/plain");
  });
  server.Get("/healthz", [](const httplib::Request&, httplib::Response& response) {
    response.set_content("ok\n", "text/plain");
  });

  const char* setting = std::getenv("PORT");
  const int port = setting == nullptr ? 8080 : std::atoi(setting);
  if (port < 1 || port > 65535 || !server.bind_to_port("0.0.0.0", port)) {
    std::cerr << "hello: cannot listen on port " << port << '\n';
    return 1;
  }
  std::thread serving([&server] { server.listen_after_bind(); });
  while (!server.is_running()) {
    std::this_thread::yield();  // a stop() before this would be lost
  }
  std::cout << "hello: listening on port " << port << std::endl;

  int signal = 0;
  sigwait(&ends, &signal);
  server.stop();
  serving.join();
  std::cout << "hello: ended by signal " << signal << std::endl;
}
