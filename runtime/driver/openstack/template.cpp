#include "driver/openstack/template.hpp"

#include "fleet/spec.hpp"
#include "support/json.hpp"

namespace vmfleet::driver::openstack {

using vmimage::support::json;

namespace {

json parameter(const std::string& name) {
  return {{"get_param", name}};
}
json resource(const std::string& name) {
  return {{"get_resource", name}};
}
json attribute(const json& path) {
  return {{"get_attr", path}};
}

json tcp(std::uint16_t port) {
  return {{"protocol", "tcp"}, {"port_range_min", port}, {"port_range_max", port}};
}

json parameters() {
  const json text{{"type", "string"}};
  const json count{{"type", "number"},
                   {"constraints", json::array({{{"range", {{"min", 0}, {"max", fleet::kMaximumCount}}}}})}};
  const json which{{"type", "string"}, {"constraints", json::array({{{"allowed_values", {"1", "2"}}}})}};
  const json hidden{{"type", "string"}, {"hidden", true}};
  json all{{"network", text},
           {"balancer_image", text},
           {"balancer_flavor", text},
           {"balancer_settings", hidden},
           {"settings_1", hidden},
           {"settings_2", hidden},
           {"key", {{"type", "string"}, {"description", "What vmfleet and the balancer know each other by"}}},
           {"ports", {{"type", "string"}, {"description", "The service's TCP ports"}}},
           {"fleet", {{"type", "string"}, {"description", "What vmfleet keeps of the fleet"}}}};
  for (const std::string group : {"a", "b"}) {
    all[group + "_image"] = all[group + "_flavor"] = text;
    all[group + "_count"] = count;
    all[group + "_settings"] = which;
  }
  return all;
}

json server(const std::string& image, const std::string& flavor, const json& user_data) {
  return {{"type", "OS::Nova::Server"},
          {"properties",
           {{"image", parameter(image)},
            {"flavor", parameter(flavor)},
            {"config_drive", true},
            {"user_data_format", "RAW"},
            {"user_data", user_data}}}};
}

json group(const std::string& name, const std::string& fleet) {
  json one = server(name + "_image", name + "_flavor",
                    {{"if", {name + "_has_1", parameter("settings_1"), parameter("settings_2")}}});
  json& properties = one["properties"];
  properties["networks"] = json::array({{{"network", parameter("network")}}});
  properties["security_groups"] = json::array({resource("access")});
  properties["scheduler_hints"] = {{"group", resource("apart")}};
  properties["metadata"] = {{"vmfleet", fleet}, {"vmfleet_group", name}};
  return {{"type", "OS::Heat::AutoScalingGroup"},
          {"properties",
           {{"min_size", 0},
            {"max_size", parameter(name + "_count")},  // a desired capacity of 0 alone is taken for none
            {"desired_capacity", parameter(name + "_count")},
            {"rolling_updates", {{"max_batch_size", 1}, {"min_in_service", 1}}},
            {"resource", one}}}};
}

json balancer(const std::string& fleet) {
  json one = server("balancer_image", "balancer_flavor", parameter("balancer_settings"));
  one["properties"]["networks"] = json::array({{{"port", resource("address")}}});
  one["properties"]["metadata"] = {{"vmfleet", fleet}, {"vmfleet_group", "balancer"}};
  return one;
}

json security_group(const std::vector<std::uint16_t>& ports) {
  json rules = json::array({{{"protocol", "icmp"}}});
  for (const auto port : ports)
    rules.push_back(tcp(port));
  return {{"type", "OS::Neutron::SecurityGroup"}, {"properties", {{"rules", rules}}}};
}

}  // namespace

std::string make_template(const Shape& shape) {
  auto outside = shape.ports;
  if (!outside.empty())
    outside.front() = shape.front;
  outside.push_back(shape.control);
  const auto has_1 = [](const std::string& group) -> json {
    return {{"equals", {parameter(group + "_settings"), "1"}}};
  };
  json document{
      {"heat_template_version", "2018-08-31"},
      {"description", "The fleet " + shape.fleet +
                          ", made by vmfleet: two groups of servers that take turns when its image or its "
                          "settings change, and a "
                          "balancer in front of them."},
      {"parameters", parameters()},
      {"conditions", {{"a_has_1", has_1("a")}, {"b_has_1", has_1("b")}}},
      {"resources",
       {{"apart",
         {{"type", "OS::Nova::ServerGroup"},
          {"properties", {{"policies", json::array({"soft-anti-affinity"})}}}}},
        {"access", security_group(shape.ports)},
        {"front", security_group(outside)},
        {"address",
         {{"type", "OS::Neutron::Port"},
          {"properties",
           {{"network", parameter("network")}, {"security_groups", json::array({resource("front")})}}}}},
        {"balancer", balancer(shape.fleet)},
        {"group_a", group("a", shape.fleet)},
        {"group_b", group("b", shape.fleet)}}},
      {"outputs",
       {{"address", {{"value", attribute({"address", "fixed_ips", 0, "ip_address"})}}},
        {"a", {{"value", attribute({"group_a", "refs"})}}},
        {"b", {{"value", attribute({"group_b", "refs"})}}}}}};
  return document.dump(2);
}

}  // namespace vmfleet::driver::openstack
