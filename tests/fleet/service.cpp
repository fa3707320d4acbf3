// A service that does what its settings say, for the tests of fleets.
//   GET /             <host name>
//   GET /env/<name>   the value of an environment variable
//   GET /slow         <host name>, after two seconds
//   GET /healthz      HEALTH in the environment: the status that it answers with (default 200)
// CRASH in the environment: says so and ends at once. It also answers every connection to port 9090 with a
// line.

#include <httplib.h>
#include <sys/socket.h>
#include <unistd.h>

#include <chrono>
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

std::string setting(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value ? value : "";
}

/// Port 9090: another protocol than HTTP.
void greet_on_second_port() {
  const int listener = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(9090);
  if (bind(listener, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 || listen(listener, 16) != 0)
    return;
  const std::string line = "line from " + host_name() + "\n";
  for (int connection; (connection = accept(listener, nullptr, nullptr)) >= 0;) {
    [[maybe_unused]] const auto sent = send(connection, line.data(), line.size(), MSG_NOSIGNAL);
    close(connection);
  }
}

}  // namespace

int main() {
  if (!setting("CRASH").empty()) {
    std::cout << "service: crashing because of CRASH=" << setting("CRASH") << std::endl;
    return 3;
  }
  std::signal(SIGTERM, [](int) { _exit(0); });
  httplib::Server server;
  server.Get("/", [](const httplib::Request&, httplib::Response& response) {
    response.set_content(host_name() + "\n", "text/plain");
  });
  server.Get("/slow", [](const httplib::Request&, httplib::Response& response) {
    std::this_thread::sleep_for(std::chrono::seconds(2));
    response.set_content(host_name() + "\n", "text/plain");
  });
  server.Get(R"(/env/(\w+))", [](const httplib::Request& request, httplib::Response& response) {
    response.set_content(setting(request.matches[1].str()) + "\n", "text/plain");
  });
  server.Get("/healthz", [](const httplib::Request&, httplib::Response& response) {
    response.status = setting("HEALTH").empty() ? 200 : std::atoi(setting("HEALTH").c_str());
    response.set_content("health\n", "text/plain");
  });
  std::thread(greet_on_second_port).detach();
  std::cout << "service: listening, GREETING=" << setting("GREETING") << std::endl;
  return server.listen("0.0.0.0", 8080) ? 0 : 1;
}
