#pragma once
// Who we are to AWS, and where: the environment's, else as the AWS CLI finds it (profiles, SSO, containers,
// instance roles: all of that is left to it).

#include <ctime>
#include <functional>
#include <mutex>
#include <optional>
#include <string>

#include "publish/aws/signature.hpp"
#include "publish/http.hpp"

namespace vmimage::publish::aws {

struct Credentials {
  Key key;
  std::optional<std::time_t> ends;  ///< nothing: they do not
  std::string source;               ///< for messages
};

using Variables = std::function<std::optional<std::string>(const std::string& name)>;

/// AWS_ACCESS_KEY_ID and its like; nothing when there are none. Pure.
std::optional<Credentials> from_variables(const Variables& variables);
/// What `aws configure export-credentials --format process` says. Throws Error. Pure.
Credentials from_process(const std::string& text);
/// AWS_ENDPOINT_URL_<SERVICE>, AWS_ENDPOINT_URL, or AWS's own address of that service. Pure.
std::string endpoint(const Variables& variables, const std::string& service, const std::string& region);

/// One account, region and set of credentials, for all threads.
class Identity {
 public:
  /// `profile` empty: AWS_PROFILE's, or the default one; `region` empty: AWS_REGION's, AWS_DEFAULT_REGION's,
  /// or the profile's. Throws Error{Usage} when there are no credentials, or no region.
  Identity(std::string profile, std::string region);
  const std::string& region() const { return region_; }
  std::string source() const;
  /// Fetched again shortly before it ends.
  Key key();
  /// The service says that `old` has ended. False: there is no other to be had.
  bool renew(const Key& old);
  Service service(const std::string& name, const std::string& title) const;

 private:
  Credentials fetch() const;
  std::string profile_;
  std::string region_;
  mutable std::mutex mutex_;
  Credentials credentials_;
};

}  // namespace vmimage::publish::aws
