#pragma once
// A session with an OpenStack cloud: a token of Keystone's, and the services that its catalog names.

#include <memory>
#include <string>

#include "publish/http.hpp"
#include "publish/openstack/credentials.hpp"

namespace vmimage::publish::openstack {

class Session {
 public:
  /// Logs in. Throws Error.
  explicit Session(Credentials credentials);

  const std::string& token() const { return token_; }
  const std::string& project() const { return project_; }  ///< its identifier
  /// The address of the service of that type ("image") in our region. Throws Error.
  std::string endpoint(const std::string& type) const;
  const Credentials& credentials() const { return credentials_; }
  Trust trust() const { return {credentials_.authorities, credentials_.verify}; }
  /// A request with our token, a new one when it has ended. `body`: JSON; empty: none.
  Response call(const Service& service, const std::string& method, const std::string& path,
                const std::string& body = {});
  /// Gets a new token: they end, some within the hour.
  void log_in();

 private:
  Credentials credentials_;
  std::string token_;
  std::string project_;
  std::string catalog_;  ///< JSON
};

/// Of Keystone's catalog; an empty region is the only one. Throws Error that says which regions there are.
/// Pure.
std::string endpoint_of(const std::string& catalog, const std::string& type, const std::string& interface,
                        const std::string& region);

/// What a service said of a request that failed: the message in its JSON, or the beginning of its text. Pure.
std::string reason_of(const Response& response);

}  // namespace vmimage::publish::openstack
