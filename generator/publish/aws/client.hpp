#pragma once
// Requests to a service of AWS: signed, repeated while that may help, at the pace that the service allows.

#include <chrono>
#include <condition_variable>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "publish/aws/credentials.hpp"
#include "publish/http.hpp"

namespace vmimage::publish::aws {

/// The service has answered, and will not do it.
class Refused : public support::Error {
 public:
  enum class Lasts { Yes, No };
  Refused(std::string code, const std::string& message, std::string hint, Lasts lasts = Lasts::Yes)
      : Error(support::ErrorKind::Failure, message, std::move(hint)), code_(std::move(code)), lasts_(lasts) {}
  const std::string& code() const { return code_; }      ///< as AWS documents it: "UnauthorizedOperation"
  bool may_pass() const { return lasts_ == Lasts::No; }  ///< later the service may well do it

 private:
  std::string code_;
  Lasts lasts_;
};

/// What a service says of a request that failed: {"message", …} or an XML <Error>. Pure.
struct Reason {
  std::string code;
  std::string message;
  std::string detail;  ///< the "Reason" of EBS: "INVALID_BLOCK"
};
Reason reason_of(const Response& response);

/// How many requests may be under way: fewer while the service says that they are too many.
class Pace {
 public:
  explicit Pace(double most) : most_(most), allowed_(most) {}
  void enter();
  enum class End { Done, Throttled, Failed };
  void leave(End end);
  /// For how long, since then, all requests were put off.
  std::chrono::steady_clock::duration starved(std::chrono::steady_clock::time_point since) const;
  bool answered() const;  ///< it ever has

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  double most_;
  double allowed_;
  int under_way_ = 0;
  bool answered_ = false;
  std::chrono::steady_clock::time_point last_done_ = std::chrono::steady_clock::now();
};

/// A service, for all threads that talk to it.
struct Endpoint {
  Endpoint(Identity& who, const std::string& service_name, const std::string& title, double most)
      : identity(who), name(service_name), service(who.service(service_name, title)), pace(most) {}
  Identity& identity;
  std::string name;
  Service service;
  Pace pace;
};

struct Call {
  std::string what;  ///< for messages: "start the snapshot"
  std::string method;
  std::string path;
  std::vector<std::pair<std::string, std::string>> query = {};
  std::map<std::string, std::string> headers = {};  ///< names in lower case
  std::string body = {};
  std::string body_sha256 = {};  ///< lower-case digits; empty: not known yet
  bool order = false;  ///< it changes something: whoever takes that back has to know that it was heard
};

/// For one thread.
class Client {
 public:
  /// `on_interrupt`: with GoOn, Ctrl-C does not end an order, and what is asked after it is still asked:
  /// somebody tidies up.
  explicit Client(Endpoint& endpoint, Service::OnInterrupt on_interrupt = Service::OnInterrupt::End)
      : endpoint_(endpoint), connection_(endpoint.service), on_interrupt_(on_interrupt) {}
  /// The answer, with a status below 300. Throws Refused, NoAnswer or Error{Interrupted}.
  Response operator()(const Call& call);

 private:
  Response once(const Call& call, const Key& key);
  Endpoint& endpoint_;
  Connection connection_;
  Service::OnInterrupt on_interrupt_;
};

/// Sleeps, but not on when we are to stop.
void pause(std::chrono::milliseconds time);

}  // namespace vmimage::publish::aws
