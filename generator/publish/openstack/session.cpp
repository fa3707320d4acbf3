#include "publish/openstack/session.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <vector>

#include "support/error.hpp"
#include "support/json.hpp"

namespace vmimage::publish::openstack {

using support::failure;
using support::json;

std::string reason_of(const Response& response) {
  const json body = json::parse(response.body, nullptr, false);
  if (body.is_object())
    for (const auto& [key, value] : body.items()) {
      const json& said = value.is_object() && value.contains("message") ? value["message"] : value;
      if (said.is_string())
        return said.get<std::string>();
    }
  constexpr std::size_t kShown = 200;
  std::string text;
  bool in_tag = false;  // Glance answers in HTML
  for (const char c : response.body.substr(0, 2 * kShown)) {
    in_tag = c == '<' || (in_tag && c != '>');
    if (!in_tag)
      text += c == '>' ? ' ' : c;
  }
  text.resize(std::min(text.size(), kShown));
  return fmt::format("HTTP {}{}{}", response.status, text.empty() ? "" : ": ", text);
}

std::string endpoint_of(const std::string& catalog, const std::string& type, const std::string& interface,
                        const std::string& region) {
  const json services = json::parse(catalog, nullptr, false);
  std::map<std::string, std::string> urls;  // by region
  for (const auto& service : services) {
    if (service.value("type", "") != type)
      continue;
    for (const auto& endpoint : service.value("endpoints", json::array()))
      if (endpoint.value("interface", "") == interface)
        urls.emplace(endpoint.value("region_id", endpoint.value("region", "")), endpoint.value("url", ""));
  }
  if (urls.empty())
    throw failure(
        fmt::format("the cloud has no service of the type '{}' with a {} address", type, interface));
  // A catalog has no order: the first region of several would be another one each time.
  if (region.empty() && urls.size() == 1)
    return urls.begin()->second;
  if (const auto found = urls.find(region); !region.empty() && found != urls.end())
    return found->second;
  std::vector<std::string> regions;
  for (const auto& [name, url] : urls)
    regions.push_back(name);
  const std::string which = fmt::format("{}", fmt::join(regions, ", "));
  if (region.empty())
    throw support::invalid("the cloud has more than one region: " + which,
                           "say which: 'region_name' in clouds.yaml, or OS_REGION_NAME");
  throw support::invalid(
      fmt::format("the cloud has no service of the type '{}' in the region '{}'", type, region),
      "it has: " + which);
}

Session::Session(Credentials credentials) : credentials_(std::move(credentials)) {
  log_in();
}

void Session::log_in() {
  const Service keystone("Keystone", identity_url(credentials_.url()), trust());
  const Response response = keystone.request("POST", "/auth/tokens", {{"Content-Type", "application/json"}},
                                             token_request(credentials_));
  const auto token = response.headers.find("x-subject-token");
  if (response.status != 201 || token == response.headers.end())
    throw failure(fmt::format("failed to log in at '{}': {}", keystone.url(), reason_of(response)),
                  response.status == 401 ? "the credentials are those of " + credentials_.source : "");
  token_ = token->second;
  const json body = json::parse(response.body, nullptr, false);
  const json about = body.is_object() ? body.value("token", json::object()) : json::object();
  catalog_ = about.value("catalog", json::array()).dump();
  project_ = about.value("project", json::object()).value("id", "");
}

Response Session::call(const Service& service, const std::string& method, const std::string& path,
                       const std::string& body) {
  const auto ask = [&] {
    Headers headers{{"X-Auth-Token", token_}, {"Accept", "application/json"}};
    if (!body.empty())
      headers.emplace("Content-Type", "application/json");
    return service.request(method, path, headers, body);
  };
  Response response = ask();
  if (response.status == 401) {
    log_in();
    response = ask();
  }
  return response;
}

std::string Session::endpoint(const std::string& type) const {
  if (type == "image" && !credentials_.image_endpoint.empty())
    return credentials_.image_endpoint;
  return endpoint_of(catalog_, type, credentials_.interface, credentials_.region);
}

}  // namespace vmimage::publish::openstack
