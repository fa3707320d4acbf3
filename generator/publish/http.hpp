#pragma once
// Talking to a cloud's services: one request at a time, each with an end.

#include <cstdint>
#include <filesystem>
#include <map>
#include <string>

#include "support/progress.hpp"

namespace vmimage::publish {

/// Whom to trust.
struct Trust {
  std::filesystem::path authorities;  ///< PEM file; empty: those that this machine knows
  bool verify = true;
};

struct Response {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

using Headers = std::multimap<std::string, std::string>;

/// A service at "http(s)://host[:port][/path]"; paths of requests follow its own.
class Service {
 public:
  /// `name`: for messages. Throws Error{Usage} when `url` is none.
  Service(std::string name, const std::string& url, Trust trust);

  /// What Ctrl-C does to a request. What tidies up goes on.
  enum class OnInterrupt { End, GoOn };
  /// Throws Error when there is no answer; an answer of any status is returned.
  Response request(const std::string& method, const std::string& path, const Headers& headers,
                   const std::string& body = {}, OnInterrupt on_interrupt = OnInterrupt::End) const;
  /// The same with PUT and a file's contents; Ctrl-C ends it.
  Response put_file(const std::string& path, const Headers& headers, const std::filesystem::path& file,
                    std::uint64_t size, const support::Report& report) const;

  const std::string& name() const { return name_; }
  const std::string& url() const { return url_; }

 private:
  std::string name_;
  std::string url_;   ///< whole, without a slash at the end
  std::string host_;  ///< its part before the path
  std::string path_;  ///< the path of all requests
  Trust trust_;
};

}  // namespace vmimage::publish
