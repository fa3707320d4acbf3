#include "publish/openstack/credentials.hpp"

#include <fmt/format.h>
#include <yaml-cpp/yaml.h>

#include <algorithm>
#include <array>
#include <cstdlib>

#include "support/error.hpp"
#include "support/file.hpp"
#include "support/json.hpp"

namespace vmimage::publish::openstack {

namespace fs = std::filesystem;
using support::invalid;
using support::json;

namespace {

/// Keys of "auth", each also OS_<KEY>.
constexpr std::array kAuth{"auth_url",
                           "username",
                           "user_id",
                           "password",
                           "user_domain_name",
                           "user_domain_id",
                           "project_name",
                           "project_id",
                           "project_domain_name",
                           "project_domain_id",
                           "domain_name",
                           "domain_id",
                           "token",
                           "application_credential_id",
                           "application_credential_name",
                           "application_credential_secret"};

std::string upper(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text;
}

bool is_true(const std::string& text) {
  const std::string word = upper(text);
  return word == "1" || word == "TRUE" || word == "YES" || word == "ON";
}

YAML::Node load(const std::string& text, const std::string& where) {
  try {
    return YAML::Load(text);
  } catch (const YAML::Exception& error) {
    throw invalid(fmt::format("{}: line {}: not valid YAML ({})", where, error.mark.line + 1, error.msg));
  }
}

std::string scalar(const YAML::Node& node, const std::string& where, const std::string& key) {
  if (!node.IsScalar())
    throw invalid(fmt::format("{}: '{}' must be one value", where, key));
  return node.Scalar();
}

/// Into `credentials`, what a cloud's entry says.
void read_cloud(const YAML::Node& cloud, const std::string& where, Credentials& credentials) {
  if (!cloud || cloud.IsNull())
    return;
  if (!cloud.IsMap())
    throw invalid(where + ": must have keys and values");
  if (const YAML::Node auth = cloud["auth"]) {
    if (!auth.IsMap())
      throw invalid(where + ": 'auth' must have keys and values");
    for (const auto& entry : auth)
      credentials.auth[entry.first.Scalar()] = scalar(entry.second, where, entry.first.Scalar());
  }
  const auto text = [&](const char* key, const std::string& fallback) {
    const YAML::Node node = cloud[key];
    return node ? scalar(node, where, key) : fallback;
  };
  credentials.region = text("region_name", credentials.region);
  credentials.interface = text("interface", text("endpoint_type", credentials.interface));
  credentials.authorities = text("cacert", credentials.authorities);
  credentials.image_endpoint = text("image_endpoint_override", credentials.image_endpoint);
  credentials.verify = is_true(text("verify", credentials.verify ? "true" : "false"));
}

void check(const Credentials& credentials) {
  if (!credentials.auth.contains("auth_url") || credentials.url().empty())
    throw invalid(credentials.source + " has no auth_url");
}

std::vector<std::string> names_in(const YAML::Node& clouds) {
  std::vector<std::string> names;
  for (const auto& entry : clouds)
    names.push_back(entry.first.Scalar());
  return names;
}

std::optional<std::string> variable(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value && *value ? std::optional<std::string>(value) : std::nullopt;
}

/// The first that is there.
fs::path clouds_file() {
  if (const auto file = variable("OS_CLIENT_CONFIG_FILE"))
    return *file;
  const fs::path home = variable("HOME").value_or("/");
  const fs::path configuration = variable("XDG_CONFIG_HOME").value_or(home / ".config");
  for (const fs::path& folder :
       {fs::path("."), configuration / "openstack", home / ".config/openstack", fs::path("/etc/openstack")})
    for (const char* name : {"clouds.yaml", "clouds.yml"})
      if (fs::exists(folder / name))
        return folder / name;
  return {};
}

/// "domain": {…} of a user or a project, by whichever of the two is given.
json domain(const Credentials& credentials, const std::string& whose) {
  for (const char* key : {"id", "name"}) {
    const auto found = credentials.auth.find(whose + "_domain_" + key);
    if (found != credentials.auth.end())
      return {{key, found->second}};
  }
  const auto common = credentials.auth.find("domain_id");
  return {{"id", common != credentials.auth.end() ? common->second : "default"}};
}

class Request {
 public:
  explicit Request(const Credentials& credentials) : credentials_(credentials) {}

  json identity() const {
    if (has("application_credential_secret"))
      return {{"methods", {"application_credential"}}, {"application_credential", application()}};
    if (has("token"))
      return {{"methods", {"token"}}, {"token", {{"id", need("token")}}}};
    json who = user();
    who["password"] = need("password");
    return {{"methods", {"password"}}, {"password", {{"user", who}}}};
  }

  /// An application credential has its own.
  std::optional<json> scope() const {
    if (has("application_credential_secret"))
      return {};
    if (has("project_id"))
      return json{{"project", {{"id", need("project_id")}}}};
    if (has("project_name"))
      return json{{"project", {{"name", need("project_name")}, {"domain", domain(credentials_, "project")}}}};
    throw invalid(credentials_.source + " has no project_name or project_id",
                  "images belong to a project: say which");
  }

 private:
  bool has(const std::string& key) const { return credentials_.auth.contains(key); }

  std::string need(const std::string& key) const {
    const auto found = credentials_.auth.find(key);
    if (found == credentials_.auth.end())
      throw invalid(fmt::format("{} has no {}", credentials_.source, key));
    return found->second;
  }

  json user() const {
    if (has("user_id"))
      return {{"id", need("user_id")}};
    return {{"name", need("username")}, {"domain", domain(credentials_, "user")}};
  }

  json application() const {
    json named;
    if (has("application_credential_id"))
      named = {{"id", need("application_credential_id")}};
    else
      named = {{"name", need("application_credential_name")}, {"user", user()}};
    named["secret"] = need("application_credential_secret");
    return named;
  }

  const Credentials& credentials_;
};

}  // namespace

std::optional<Credentials> from_variables(const Variables& variables) {
  if (!variables("OS_AUTH_URL"))
    return {};
  Credentials credentials;
  credentials.source = "the environment (OS_*)";
  for (const char* key : kAuth)
    if (const auto value = variables("OS_" + upper(key)))
      credentials.auth[key] = *value;
  credentials.region = variables("OS_REGION_NAME").value_or("");
  credentials.interface = variables("OS_INTERFACE").value_or(credentials.interface);
  credentials.authorities = variables("OS_CACERT").value_or("");
  credentials.verify = !is_true(variables("OS_INSECURE").value_or("false"));
  credentials.image_endpoint = variables("OS_IMAGE_ENDPOINT_OVERRIDE").value_or("");
  return credentials;
}

Credentials from_yaml(const std::string& text, const std::string& secure, const std::string& where,
                      const std::string& name) {
  const YAML::Node document = load(text, where);
  const YAML::Node clouds = document.IsMap() ? document["clouds"] : YAML::Node();
  if (!clouds || !clouds.IsMap() || clouds.size() == 0)
    throw invalid(where + " has no clouds", "it has to start with 'clouds:' and a name below it");
  const auto names = names_in(clouds);
  if (name.empty() && names.size() > 1)
    throw invalid(where + " has several clouds",
                  fmt::format("name one with --cloud or OS_CLOUD: {}", fmt::join(names, ", ")));
  const std::string chosen = name.empty() ? names.front() : name;
  if (std::find(names.begin(), names.end(), chosen) == names.end())
    throw invalid(fmt::format("{} has no cloud '{}'", where, chosen),
                  support::did_you_mean(chosen, names, fmt::format("it has: {}", fmt::join(names, ", "))));
  Credentials credentials;
  credentials.source = fmt::format("cloud '{}' of {}", chosen, where);
  read_cloud(clouds[chosen], credentials.source, credentials);
  if (!secure.empty()) {
    const YAML::Node secrets = load(secure, "secure.yaml beside " + where);
    if (secrets.IsMap() && secrets["clouds"] && secrets["clouds"].IsMap())
      read_cloud(secrets["clouds"][chosen], "secure.yaml beside " + where, credentials);
  }
  check(credentials);
  return credentials;
}

Credentials find_credentials(const std::string& given) {
  const std::string name = given.empty() ? variable("OS_CLOUD").value_or("") : given;
  if (name.empty())
    if (const auto credentials = from_variables(variable))
      return *credentials;
  const fs::path file = clouds_file();
  if (file.empty())
    throw invalid(
        "no credentials of an OpenStack cloud are found",
        "clouds.yaml in this folder, ~/.config/openstack or /etc/openstack has them, or OS_AUTH_URL "
        "and its like");
  const fs::path secure = file.parent_path() / "secure.yaml";
  return from_yaml(support::read_file(file), fs::exists(secure) ? support::read_file(secure) : "",
                   "'" + file.string() + "'", name);
}

std::string token_request(const Credentials& credentials) {
  const Request request(credentials);
  json auth{{"identity", request.identity()}};
  if (const auto scope = request.scope())
    auth["scope"] = *scope;
  return json{{"auth", auth}}.dump();
}

std::string identity_url(const std::string& auth_url) {
  std::string url = auth_url;
  while (url.ends_with('/'))
    url.pop_back();
  return url.ends_with("/v3") ? url : url + "/v3";
}

}  // namespace vmimage::publish::openstack
