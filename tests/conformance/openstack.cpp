// The suite's ground in a real OpenStack (tests/openstack/up): real images, servers and requests. It has to
// run in the cloud's network.

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "driver/openstack/driver.hpp"
#include "publish/http.hpp"
#include "publish/openstack/session.hpp"
#include "real_ground.hpp"

namespace vmfleet::conformance {

namespace fs = std::filesystem;
namespace openstack = vmimage::publish::openstack;
using vmimage::support::json;

namespace {

class OpenstackGround : public RealGround {
 public:
  explicit OpenstackGround(const fs::path& images)
      : RealGround(images), session_(openstack::find_credentials("")) {}
  ~OpenstackGround() override { take_down_all(); }

  driver::Driver& driver() override { return driver_; }
  void destroy(const std::string&, const fleet::InstanceStatus& instance) override {
    for (const auto& server : list("compute", "/servers/detail", "servers"))
      if (instance.address.starts_with(address_of(server) + ":"))
        ask("DELETE", "compute", "/servers/" + server.at("id").get<std::string>());
  }
  /// Images stay in Glance: 'vmimage unpublish' is for them.
  std::vector<std::string> remains() override {
    auto left = RealGround::remains();
    for (const auto& stack : list("orchestration", "/stacks", "stacks"))
      left.push_back("stack " + stack.at("stack_name").get<std::string>());
    for (const auto& server : list("compute", "/servers/detail", "servers"))
      left.push_back("server " + server.at("name").get<std::string>());
    for (const auto& group : list("network", "/v2.0/security-groups", "security_groups"))
      if (group.at("name") != "default")
        left.push_back("security group " + group.at("name").get<std::string>());
    for (const auto& port : list("network", "/v2.0/ports", "ports"))
      if (!port.at("device_owner").get<std::string>().starts_with("network:"))
        left.push_back("port " + port.at("id").get<std::string>());
    return left;
  }
  void wait() override { std::this_thread::sleep_for(std::chrono::milliseconds(200)); }

 private:
  std::map<std::string, std::string> driver_options() const override { return {{"network", "guests"}}; }
  static std::string address_of(const json& server) {
    for (const auto& [network, addresses] : server.at("addresses").items())
      for (const auto& one : addresses)
        return one.at("addr");
    return "none";
  }
  vmimage::publish::Response ask(const std::string& method, const std::string& type,
                                 const std::string& path) {
    return session_.call({type, session_.endpoint(type), session_.trust()}, method, path);
  }
  json list(const std::string& type, const std::string& path, const std::string& key) {
    return json::parse(ask("GET", type, path).body).at(key);
  }

  openstack::Session session_;
  driver::OpenstackDriver driver_;
};

}  // namespace

/// VMFLEET_IMAGES: the folder that the tests of fleets keep their images in; OS_CLOUD: the cloud.
std::unique_ptr<Ground> openstack_ground() {
  const char* images = std::getenv("VMFLEET_IMAGES");
  return images && std::getenv("OS_CLOUD") ? std::make_unique<OpenstackGround>(images) : nullptr;
}

}  // namespace vmfleet::conformance
