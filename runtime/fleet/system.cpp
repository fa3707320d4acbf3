#include "fleet/system.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "support/error.hpp"
#include "support/json.hpp"

namespace vmfleet::fleet {

namespace fs = std::filesystem;
using vmimage::support::Fields;
using vmimage::support::invalid;
using vmimage::support::json;

namespace {

using AddressOf = std::function<std::string(const std::string&)>;

/// The fleet in "<fleet>.address".
std::string fleet_of(const std::string& reference) {
  const auto dot = reference.rfind('.');
  if (dot == std::string::npos || reference.substr(dot) != ".address")
    throw invalid(fmt::format("'${{{}}}' is no reference to a fleet", reference),
                  "write ${<fleet>.address}; or $${ for ${ itself");
  return reference.substr(0, dot);
}

std::string replace_references(const std::string& value, const AddressOf& address_of) {
  std::string text;
  for (std::size_t at = 0; at < value.size();) {
    if (value.compare(at, 3, "$${") == 0) {
      text += "${";
      at += 3;
    } else if (value.compare(at, 2, "${") == 0) {
      const auto end = value.find('}', at);
      if (end == std::string::npos)
        throw invalid(fmt::format("'{}' has no end", value.substr(at)), "write ${<fleet>.address}");
      text += address_of(fleet_of(value.substr(at + 2, end - at - 2)));
      at = end + 1;
    } else {
      text += value[at++];
    }
  }
  return text;
}

using Specs = std::map<std::string, Spec>;

void check_references(const Specs& specs, const Spec& spec) {
  std::vector<std::string> names;
  for (const auto& [name, one] : specs)
    names.push_back(name);
  const auto wanted = references(spec);
  for (const auto& name : wanted)
    if (!specs.contains(name))
      throw invalid(fmt::format("there is no fleet '{}' in this document", name),
                    vmimage::support::did_you_mean(name, names, ""));
  if (!wanted.empty() && !spec.network.host_loopback)
    throw invalid(
        "it refers to the address of another fleet, which is on the loopback network of this machine",
        R"(let its instances reach that: "network": {"host_loopback": true})");
}

/// Appends a fleet after those that it refers to; `way` leads to it.
void append(const Specs& specs, const std::string& name, std::vector<std::string> way, System& system) {
  if (std::any_of(system.begin(), system.end(), [&](const Spec& one) { return one.name == name; }))
    return;
  const bool circle = std::find(way.begin(), way.end(), name) != way.end();
  way.push_back(name);
  if (circle)
    throw invalid(fmt::format("fleets wait for one another: {}",
                              fmt::join(std::find(way.begin(), way.end(), name), way.end(), " needs ")),
                  "one of them has to start without the address of another");
  const Spec& spec = specs.at(name);
  for (const auto& other : references(spec))
    append(specs, other, way, system);
  system.push_back(spec);
}

}  // namespace

bool is_system(const std::string& text) {
  const json document = json::parse(text, nullptr, false);
  return document.is_object() && document.contains("fleets");
}

std::set<std::string> references(const Spec& spec) {
  std::set<std::string> names;
  for (const auto& [key, value] : spec.environment)
    replace_references(value, [&](const std::string& fleet) {
      names.insert(fleet);
      return std::string();
    });
  return names;
}

Spec resolve(Spec spec, const AddressOf& address_of) {
  for (auto& [key, value] : spec.environment)
    value = replace_references(value, address_of);
  return spec;
}

System parse_system(const std::string& text, const std::string& where, const fs::path& folder) {
  const json document = vmimage::support::parse_json(text, where);
  Fields fields(document, where);
  fields.require_version(kSpecVersion, "fleet spec");
  if (fields.has("$schema"))
    fields.string("$schema");
  Fields members = fields.object("fleets");
  fields.finish();
  Specs specs;
  for (const auto& item : document.at("fleets").items()) {
    try {
      check_name(item.key());
    } catch (const vmimage::support::Error& error) {
      members.fail(item.key(), error.what(), error.hint());
    }
    Fields member = members.object(item.key());
    specs[item.key()] = read_member(member, item.key(), folder);
  }
  if (specs.empty())
    fields.fail("fleets", "is empty", "describe a fleet");
  for (const auto& [name, spec] : specs)
    try {
      check_references(specs, spec);
    } catch (const vmimage::support::Error& error) {
      members.fail(name, error.what(), error.hint());
    }
  System system;
  try {
    for (const auto& [name, spec] : specs)
      append(specs, name, {}, system);
  } catch (const vmimage::support::Error& error) {
    fields.fail("fleets", error.what(), error.hint());
  }
  return system;
}

}  // namespace vmfleet::fleet
