#pragma once
// Unix sockets with one question and one answer per connection.

#include <chrono>
#include <filesystem>
#include <functional>
#include <string>

#include "supervisor/wake.hpp"

namespace vmfleet::supervisor {

/// Connects, sends `question`, returns all that comes until the other side closes. Throws Error.
std::string exchange(const std::filesystem::path& socket, const std::string& question,
                     std::chrono::milliseconds timeout);

/// A socket that answers lines.
class Server {
 public:
  /// `path` is taken from whoever had it: the caller holds the lock that says so.
  explicit Server(std::filesystem::path path);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// Waits up to `wait` for questions and answers them, one line each; shorter when `wake` is rung.
  void serve(std::chrono::milliseconds wait, const Wake& wake,
             const std::function<std::string(const std::string&)>& answer);

 private:
  std::filesystem::path path_;
  int fd_ = -1;
};

}  // namespace vmfleet::supervisor
