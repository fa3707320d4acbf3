#pragma once
// Talking to a cloud's services: one request at a time, each with an end.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>

#include "support/error.hpp"
#include "support/progress.hpp"

namespace vmimage::publish {

/// Whom to trust.
struct Trust {
  std::filesystem::path authorities;  ///< PEM file; empty: those that this machine knows
  bool verify = true;
  std::string setting = "'cacert' in clouds.yaml, or OS_CACERT";  ///< how people say that file; for messages
};

struct Response {
  int status = 0;
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string body;
};

/// There was no answer, or only a part of one: whether the service did what it was asked to is not known.
class NoAnswer : public support::Error {
  using support::Error::Error;
};

using Headers = std::multimap<std::string, std::string>;

/// A service at "http(s)://host[:port][/path]"; paths of requests follow its own.
class Service {
 public:
  /// `name`: for messages. Throws Error{Usage} when `url` is none.
  Service(std::string name, const std::string& url, Trust trust);

  /// What Ctrl-C does to a request. What tidies up goes on.
  enum class OnInterrupt { End, GoOn };
  /// Throws NoAnswer when there is none; an answer of any status is returned.
  Response request(const std::string& method, const std::string& path, const Headers& headers,
                   const std::string& body = {}, OnInterrupt on_interrupt = OnInterrupt::End) const;
  /// The same with PUT and a file's contents; Ctrl-C ends it.
  Response put_file(const std::string& path, const Headers& headers, const std::filesystem::path& file,
                    std::uint64_t size, const support::Report& report) const;

  const std::string& name() const { return name_; }
  const std::string& url() const { return url_; }

 private:
  friend class Connection;
  std::string name_;
  std::string url_;   ///< whole, without a slash at the end
  std::string host_;  ///< its part before the path
  std::string path_;  ///< the path of all requests
  Trust trust_;
};

/// A connection that is kept from one request to the next, for many small ones; used by one thread at a time.
class Connection {
 public:
  explicit Connection(const Service& service);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;
  /// As Service::request(); Ctrl-C ends it.
  Response request(const std::string& method, const std::string& path, const Headers& headers,
                   const std::string& body);

 private:
  struct State;
  const Service* service_;
  std::unique_ptr<State> state_;
};

}  // namespace vmimage::publish
