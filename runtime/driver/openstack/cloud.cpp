#include "driver/openstack/cloud.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "recipe/service.hpp"
#include "support/error.hpp"
#include "support/text.hpp"
#include "support/time.hpp"

namespace vmfleet::driver::openstack {

using vmimage::publish::Response;
using vmimage::publish::Service;
using vmimage::publish::openstack::reason_of;
namespace support = vmimage::support;

namespace {

/// A key that may be absent or null.
std::string text_of(const json& object, const char* key) {
  const auto found = object.find(key);  // of null: its end
  return found != object.end() && found->is_string() ? found->get<std::string>() : "";
}

std::int64_t time_of(const json& object, const char* key) {
  return support::parse_time(text_of(object, key)).value_or(0);
}

/// What is below a key that may be absent or null.
const json& part(const json& object, const char* key) {
  static const json none;
  const auto found = object.find(key);
  return found == object.end() ? none : *found;
}

/// Where a link of this kind leads to, from "/stacks/" on; empty: there is none.
std::string linked(const json& one, const std::string& kind) {
  for (const auto& link : part(one, "links"))
    if (text_of(link, "rel") == kind) {
      const std::string href = text_of(link, "href");
      return href.substr(std::min(href.find("/stacks/"), href.size()));
    }
  return {};
}

std::vector<std::string> strings_of(const json& list) {
  std::vector<std::string> all;
  if (list.is_array())
    for (const auto& one : list)
      if (one.is_string())
        all.push_back(one.get<std::string>());
  return all;
}

std::string first_address(const json& server) {
  for (const auto& [network, addresses] : part(server, "addresses").items())
    for (const auto& one : addresses)
      return text_of(one, "addr");
  return "";
}

/// Catalogs have Neutron's address with and without its version.
std::string with_version(std::string url, const std::string& version) {
  while (url.ends_with('/'))
    url.pop_back();
  return url.ends_with(version) ? url : url + version;
}

bool is_identifier(const std::string& text) {
  return text.size() == 36 && text.find_first_not_of("0123456789abcdef-") == std::string::npos;
}

std::string about(const json& flavor) {
  return fmt::format("{} ({} processors, {} MiB, {} GiB)", text_of(flavor, "name"), flavor.value("vcpus", 0),
                     flavor.value("ram", 0), flavor.value("disk", 0));
}

bool holds(const json& flavor, const Need& need) {
  // A flavor without a disk takes the image's size.
  const auto disk = flavor.value("disk", std::uint64_t{0}) << 30;
  return flavor.value("vcpus", 0) >= need.cpus &&
         flavor.value("ram", std::uint64_t{0}) << 20 >= need.memory && (disk == 0 || disk >= need.disk);
}

}  // namespace

Stack read_stack(const json& stack) {
  Stack read{
      .id = text_of(stack, "id"),
      .status = text_of(stack, "stack_status"),
      .reason = text_of(stack, "stack_status_reason"),
      .changed = time_of(stack, text_of(stack, "updated_time").empty() ? "creation_time" : "updated_time"),
      .parameters = {},
      .address = {},
      .groups = {}};
  for (const auto& [name, value] : part(stack, "parameters").items())
    read.parameters[name] = value.is_string() ? value.get<std::string>() : value.dump();
  for (const auto& output : part(stack, "outputs")) {
    const std::string key = text_of(output, "output_key");
    if (key == "address")
      read.address = text_of(output, "output_value");
    else
      read.groups[key] = strings_of(part(output, "output_value"));
  }
  return read;
}

std::vector<Server> read_servers(const json& servers, const std::string& fleet) {
  std::vector<Server> ours;
  for (const auto& one : servers) {
    const json& about = part(one, "metadata");
    if (text_of(about, "vmfleet") != fleet)
      continue;
    ours.push_back({.id = text_of(one, "id"),
                    .status = text_of(one, "status"),
                    .group = text_of(about, "vmfleet_group"),
                    .address = first_address(one),
                    .created = time_of(one, "created"),
                    .fault = text_of(part(one, "fault"), "message")});
  }
  std::ranges::sort(ours, {}, [](const Server& one) { return std::pair(one.created, one.id); });
  return ours;
}

std::vector<fleet::Event> read_events(const json& events, const std::string& stack,
                                      const std::function<std::string(const std::string&)>& name_of) {
  std::vector<fleet::Event> read;
  for (const auto& one : events) {
    const std::string name = text_of(one, "resource_name");
    const std::string id = text_of(one, "physical_resource_id");
    const std::string status = text_of(one, "resource_status");
    const std::string reason = text_of(one, "resource_status_reason");
    // /stacks/<name>/<id>: those of a group are nested stacks.
    const std::string of = linked(one, "stack");
    const bool in_group = of.find("/" + stack + "-group_") != std::string::npos;
    const bool is_server = in_group && is_identifier(id) && name.find("group_") == std::string::npos;
    if (in_group && !is_server)
      continue;
    std::string word = support::lower(status);
    std::ranges::replace(word, '_', ' ');
    const bool told = reason.empty() || reason == "state changed";
    read.push_back({.time = time_of(one, "event_time"),
                    .event = word,
                    .instance = is_server ? name_of(id) : "",
                    .text = is_server ? (told ? "" : reason) : name + (told ? "" : ": " + reason)});
  }
  std::ranges::stable_sort(read, {}, &fleet::Event::time);
  return read;
}

std::string choose_flavor(const json& flavors, const std::string& name, const Need& need) {
  std::vector<std::string> known;
  const json* chosen = nullptr;
  const auto size = [](const json& flavor) {
    return std::tuple(flavor.value("ram", 0), flavor.value("vcpus", 0), flavor.value("disk", 0));
  };
  for (const auto& one : flavors) {
    known.push_back(about(one));
    const bool meant =
        name.empty() ? holds(one, need) : text_of(one, "name") == name || text_of(one, "id") == name;
    if (meant && (!chosen || size(one) < size(*chosen)))
      chosen = &one;
  }
  const std::string there =
      known.empty() ? "the cloud has none" : fmt::format("there are: {}", fmt::join(known, ", "));
  const std::string needed =
      fmt::format("{} processors, {} of memory and {} of disk", need.cpus,
                  vmimage::recipe::format_size(need.memory), vmimage::recipe::format_size(need.disk));
  if (!chosen && name.empty())
    throw support::invalid("no flavor is large enough for " + needed, there);
  if (!chosen)
    throw support::invalid(fmt::format("there is no flavor '{}'", name), there);
  if (!holds(*chosen, need))
    throw support::invalid(fmt::format("the flavor {} is smaller than {}", about(*chosen), needed), there);
  return text_of(*chosen, "id");
}

std::string choose_network(const json& networks, const std::string& name) {
  std::vector<std::string> known;
  std::vector<std::string> chosen;
  for (const auto& one : networks) {
    const std::string id = text_of(one, "id");
    known.push_back(text_of(one, "name"));
    if (name.empty() ? !one.value("router:external", false) : text_of(one, "name") == name || id == name)
      chosen.push_back(id);
  }
  const std::string there =
      known.empty() ? "the project has none" : fmt::format("there are: {}", fmt::join(known, ", "));
  if (chosen.size() == 1)
    return chosen.front();
  if (name.empty())
    throw support::invalid("which network the fleet is to be in has to be said", "network=NAME; " + there);
  throw support::invalid(
      fmt::format("there {} '{}'", chosen.empty() ? "is no network" : "is more than one network", name),
      chosen.empty() ? there : "give its identifier");
}

Cloud::Cloud(const std::string& name)
    : session_(vmimage::publish::openstack::find_credentials(name)),
      heat_("Heat", session_.endpoint("orchestration"), session_.trust()),
      nova_("Nova", session_.endpoint("compute"), session_.trust()),
      neutron_("Neutron", with_version(session_.endpoint("network"), "/v2.0"), session_.trust()) {}

json Cloud::get(const Service& service, const std::string& path, const std::string& what) {
  const Response response = session_.call(service, "GET", path);
  json body = json::parse(response.body, nullptr, false);
  if (response.status != 200 || !body.is_object())
    throw support::failure(fmt::format("failed to look at {}: {}", what, reason_of(response)));
  return body;
}

void Cloud::order(const Service& service, const std::string& method, const std::string& path,
                  const json& body, const std::string& what) {
  const Response response = session_.call(service, method, path, body.dump());
  if (response.status >= 200 && response.status < 300)
    return;
  const std::string message = fmt::format("failed to {}: {}", what, reason_of(response));
  // Heat looks at all that it is given before it begins: 400 is what cannot be.
  throw response.status == 400 ? support::invalid(message) : support::failure(message);
}

std::optional<Stack> Cloud::find(const std::string& name) {
  // By its name Heat answers with a redirection.
  const json listed = get(heat_, "/stacks?name=" + name, "the stacks").value("stacks", json::array());
  if (listed.empty())
    return std::nullopt;
  const std::string path = fmt::format("/stacks/{}/{}", name, text_of(listed.front(), "id"));
  const Response response = session_.call(heat_, "GET", path);
  if (response.status == 404)  // it has gone since
    return std::nullopt;
  const json body = json::parse(response.body, nullptr, false);
  if (response.status != 200 || !body.is_object())
    throw support::failure(fmt::format("failed to look at the stack '{}': {}", name, reason_of(response)));
  return read_stack(body.value("stack", json::object()));
}

std::vector<std::string> Cloud::fleets() {
  std::vector<std::string> names;
  for (const auto& one : get(heat_, "/stacks", "the project's stacks").value("stacks", json::array()))
    if (const std::string name = text_of(one, "stack_name"); name.starts_with(kStackPrefix))
      names.push_back(name.substr(kStackPrefix.size()));
  return names;
}

void Cloud::create(const std::string& name, const std::string& text,
                   const std::map<std::string, std::string>& parameters) {
  order(heat_, "POST", "/stacks",
        {{"stack_name", name},
         {"template", text},
         {"parameters", parameters},
         {"timeout_mins", 60},
         {"disable_rollback", true}},
        fmt::format("make the stack '{}'", name));
}

void Cloud::update(const std::string& name, const Stack& stack,
                   const std::map<std::string, std::string>& parameters, const std::string& text) {
  json body{{"existing", true}, {"parameters", parameters}, {"timeout_mins", 60}, {"disable_rollback", true}};
  if (!text.empty())
    body["template"] = text;
  order(heat_, "PATCH", fmt::format("/stacks/{}/{}", name, stack.id), body,
        fmt::format("change the stack '{}'", name));
}

void Cloud::remove(const std::string& name, const Stack& stack) {
  const Response response = session_.call(heat_, "DELETE", fmt::format("/stacks/{}/{}", name, stack.id));
  if (response.status != 204 && response.status != 404)
    throw support::failure(fmt::format("failed to remove the stack '{}': {}", name, reason_of(response)));
}

void Cloud::mark_unhealthy(const std::string& name, const Stack& stack, const std::string& server,
                           const std::string& reason) {
  const json all = get(heat_, fmt::format("/stacks/{}/{}/resources?nested_depth=1", name, stack.id),
                       "the stack's resources");
  for (const auto& one : part(all, "resources")) {
    const std::string of = linked(one, "stack");
    if (text_of(one, "physical_resource_id") == server && !of.empty())
      order(heat_, "PATCH", of + "/resources/" + text_of(one, "resource_name"),
            {{"mark_unhealthy", true}, {"resource_status_reason", reason}}, "mark a server as unhealthy");
  }
}

std::vector<Server> Cloud::servers(const std::string& fleet) {
  std::vector<Server> all;
  std::string marker;
  while (true) {
    const json page =
        get(nova_, "/servers/detail?limit=500" + (marker.empty() ? "" : "&marker=" + marker), "the servers")
            .value("servers", json::array());
    if (page.empty())
      return all;
    const auto ours = read_servers(page, fleet);
    all.insert(all.end(), ours.begin(), ours.end());
    marker = text_of(page.back(), "id");
    if (page.size() < 500)
      return all;
  }
}

std::string Cloud::console(const std::string& server) {
  const Response response = session_.call(nova_, "POST", fmt::format("/servers/{}/action", server),
                                          json{{"os-getConsoleOutput", json::object()}}.dump());
  const json body = json::parse(response.body, nullptr, false);
  return response.status == 200 && body.is_object() ? text_of(body, "output") : "";
}

std::vector<fleet::Event> Cloud::events(const std::string& name, const Stack& stack,
                                        const std::function<std::string(const std::string&)>& name_of) {
  const std::string place = fmt::format("/stacks/{}/{}", name, stack.id);
  const auto of = [&](const std::string& one) {
    return get(heat_, one + "/events?sort_dir=asc", "the stack's events").value("events", json::array());
  };
  json events = of(place);
  // A group is a stack of its own. 'nested_depth' leaves out those that are empty now, and with them all that
  // was.
  const json body = get(heat_, place + "/resources", "the stack's parts");
  for (const auto& resource : part(body, "resources"))
    if (const std::string group = linked(resource, "nested"); !group.empty())
      for (const auto& event : of(group))
        events.push_back(event);
  return read_events(events, name, name_of);
}

std::string Cloud::flavor(const std::string& name, const Need& need) {
  return choose_flavor(get(nova_, "/flavors/detail", "the flavors").value("flavors", json::array()), name,
                       need);
}

std::string Cloud::network(const std::string& name) {
  return choose_network(get(neutron_, "/networks", "the networks").value("networks", json::array()), name);
}

}  // namespace vmfleet::driver::openstack
