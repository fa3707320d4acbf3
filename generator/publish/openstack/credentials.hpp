#pragma once
// Who we are to an OpenStack cloud, as its own clients find it: clouds.yaml, or OS_* in the environment.

#include <filesystem>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

namespace vmimage::publish::openstack {

/// What openstacksdk's clouds.yaml has for one cloud, and the same by OS_*.
struct Credentials {
  std::string source;  ///< where they are from, for messages: "cloud 'x' of '…/clouds.yaml'"
  /// "auth": username, password, project_name, user_domain_name, application_credential_id, token …
  std::map<std::string, std::string> auth;
  std::string region;
  std::string interface = "public";
  std::filesystem::path authorities;  ///< "cacert"
  bool verify = true;
  std::string image_endpoint;  ///< "image_endpoint_override"; empty: by the catalog

  const std::string& url() const { return auth.at("auth_url"); }
};

using Variables = std::function<std::optional<std::string>(const std::string& name)>;

/// From OS_*; nothing when there is no OS_AUTH_URL. Pure.
std::optional<Credentials> from_variables(const Variables& variables);
/// The cloud of that name in a clouds.yaml; `name` empty: the only one. `secure` is secure.yaml, which adds
/// to it, or empty. Throws Error{Usage}. Pure.
Credentials from_yaml(const std::string& text, const std::string& secure, const std::string& where,
                      const std::string& name);

/// As 'openstack' looks for them: the cloud named here or by OS_CLOUD, in the file that
/// OS_CLIENT_CONFIG_FILE names, or clouds.yaml in this folder, ~/.config/openstack, /etc/openstack; with no
/// name, OS_AUTH_URL and its like first. Throws Error{Usage} when there are none.
Credentials find_credentials(const std::string& name);

/// The request for a token (Identity API v3): by password, token or application credential. Throws
/// Error{Usage} when something is missing. Returns JSON. Pure.
std::string token_request(const Credentials& credentials);
/// Where it goes to: auth_url, with /v3.
std::string identity_url(const std::string& auth_url);

}  // namespace vmimage::publish::openstack
