// A service that does what its settings say, for the tests of fleets.
//   GET /             <host name>; with ERRORS in the environment: the status that it says, for every other
//   request GET /env/<name>   the value of an environment variable GET /secret/<name>  what is in that file
//   of $CREDENTIALS_DIRECTORY GET /credentials  that folder, with the modes and owners of all in it, and the
//   service's own user GET /identity     lines: host name, machine-id, the network card's address, seconds
//   since the epoch, random bytes of the kernel's GET /reach?host=H&port=P  "connected" when somebody there
//   answers a request of this guest's, or why not GET /slow         <host name>, after two seconds GET
//   /healthz      HEALTH in the environment: the status that it answers with (default 200)
//   GET /data  the file /srv/data/note, to which PUT /data adds what it is sent
// CRASH in the environment: says so and ends at once. It also answers every connection to port 9090 with a
// line.

#include <arpa/inet.h>
#include <httplib.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <iomanip>
#include <iostream>
#include <iterator>
#include <set>
#include <sstream>
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

/// "500 998 ." and a line for each file.
std::string list_credentials() {
  namespace fs = std::filesystem;
  const fs::path folder = setting("CREDENTIALS_DIRECTORY");
  std::ostringstream text;
  text << folder.string() << " of " << geteuid() << "\n";
  const auto tell = [&](const fs::path& path, const std::string& name) {
    struct stat status {};
    if (stat(path.c_str(), &status) == 0)
      text << std::oct << (status.st_mode & 07777) << std::dec << " " << status.st_uid << " " << name
           << (access(path.c_str(), R_OK) == 0 ? "" : " (unreadable)") << "\n";
  };
  tell(folder, ".");
  std::set<std::string> names;
  for (const auto& entry : fs::directory_iterator(folder))
    names.insert(entry.path().filename());
  for (const auto& name : names)
    tell(folder / name, name);
  return text.str();
}

std::string first_line(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::string identity() {
  std::ostringstream text;
  text << host_name() << "\n" << first_line("/etc/machine-id") << "\n";
  for (const auto& entry : std::filesystem::directory_iterator("/sys/class/net"))
    if (entry.path().filename() != "lo")
      text << first_line(entry.path() / "address") << "\n";
  text << std::time(nullptr) << "\n";
  unsigned char bytes[32] = {};
  if (getrandom(bytes, sizeof bytes, 0) == sizeof bytes)
    for (const unsigned char byte : bytes)
      text << std::hex << std::setw(2) << std::setfill('0') << int{byte};
  text << "\n";
  return text.str();
}

/// The user network takes a connection before the other side does: only an answer shows that somebody is
/// there.
std::string try_to_reach(const std::string& host, const std::string& port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<in_port_t>(std::atoi(port.c_str())));
  if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1)
    return "no address";
  const int fd = socket(AF_INET, SOCK_STREAM, 0);
  const timeval limit{5, 0};
  setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit);
  setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
  const std::string request = "GET / HTTP/1.0\r\n\r\n";
  std::string outcome = "closed";
  char byte = 0;
  if (connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      send(fd, request.data(), request.size(), MSG_NOSIGNAL) < 0)
    outcome = std::strerror(errno);
  else if (const auto got = recv(fd, &byte, 1, 0); got != 0)
    outcome = got > 0 ? "connected" : std::strerror(errno);
  close(fd);
  return outcome;
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
  server.set_keep_alive_timeout(1);  // seconds; idle connections hold its threads for no longer
  server.Get("/", [](const httplib::Request&, httplib::Response& response) {
    static std::atomic<int> requests = 0;
    if (!setting("ERRORS").empty() && ++requests % 2 == 0)
      response.status = std::atoi(setting("ERRORS").c_str());
    response.set_content(host_name() + "\n", "text/plain");
  });
  server.Get("/slow", [](const httplib::Request&, httplib::Response& response) {
    std::this_thread::sleep_for(std::chrono::seconds(2));
    response.set_content(host_name() + "\n", "text/plain");
  });
  server.Get(R"(/env/(\w+))", [](const httplib::Request& request, httplib::Response& response) {
    response.set_content(setting(request.matches[1].str()) + "\n", "text/plain");
  });
  server.Get(R"(/secret/([\w.-]+))", [](const httplib::Request& request, httplib::Response& response) {
    std::ifstream file(setting("CREDENTIALS_DIRECTORY") + "/" + request.matches[1].str(), std::ios::binary);
    response.status = file ? 200 : 404;
    response.set_content({std::istreambuf_iterator<char>(file), {}}, "application/octet-stream");
  });
  server.Get("/credentials", [](const httplib::Request&, httplib::Response& response) {
    response.set_content(list_credentials(), "text/plain");
  });
  server.Get("/identity", [](const httplib::Request&, httplib::Response& response) {
    response.set_content(identity(), "text/plain");
  });
  server.Get("/reach", [](const httplib::Request& request, httplib::Response& response) {
    response.set_content(
        try_to_reach(request.get_param_value("host"), request.get_param_value("port")) + "\n", "text/plain");
  });
  server.Get("/data", [](const httplib::Request&, httplib::Response& response) {
    std::ifstream file("/srv/data/note", std::ios::binary);
    response.status = file ? 200 : 404;
    response.set_content({std::istreambuf_iterator<char>(file), {}}, "text/plain");
  });
  server.Put("/data", [](const httplib::Request& request, httplib::Response& response) {
    std::ofstream file("/srv/data/note", std::ios::binary | std::ios::app);
    file << request.body << std::flush;
    response.status = file ? 200 : 500;
    sync();
  });
  server.Get("/healthz", [](const httplib::Request&, httplib::Response& response) {
    response.status = setting("HEALTH").empty() ? 200 : std::atoi(setting("HEALTH").c_str());
    response.set_content("health\n", "text/plain");
  });
  std::thread(greet_on_second_port).detach();
  std::cout << "service: listening, GREETING=" << setting("GREETING") << std::endl;
  return server.listen("0.0.0.0", 8080) ? 0 : 1;
}
