// The suite's ground in a real OpenStack (tests/openstack/up): real images, servers and requests. It has to
// run in the cloud's network.

#include <httplib.h>

#include <cstdlib>
#include <filesystem>
#include <thread>

#include "driver/openstack/driver.hpp"
#include "ground.hpp"
#include "inspect/image.hpp"
#include "publish/http.hpp"
#include "publish/openstack/session.hpp"
#include "support/file.hpp"

namespace vmfleet::conformance {

namespace fs = std::filesystem;
namespace openstack = vmimage::publish::openstack;
using vmimage::support::json;

namespace {

std::string get(const std::string& address, const std::string& path) {
  const std::string prefix = "http://";
  httplib::Client client(address.starts_with(prefix) ? address : prefix + address);
  client.set_read_timeout(20);
  const auto answer = client.Get(path);
  return answer && answer->status == 200 ? answer->body : "";
}

class OpenstackGround : public Ground {
 public:
  explicit OpenstackGround(const fs::path& images)
      : images_(images), session_(openstack::find_credentials("")) {
    fs::create_directory(run());
    ::setenv("XDG_STATE_HOME", state().c_str(), 1);
    ::setenv("XDG_RUNTIME_DIR", run().c_str(), 1);
  }
  ~OpenstackGround() override {
    for (const auto& name : driver_.fleets())
      driver_.fleet(name)->down(driver::Volumes::Remove);
  }

  driver::Driver& driver() override { return driver_; }
  driver::Wanted wanted(const std::string& name, Image image) override {
    const std::string file = image == Image::One   ? "service.qcow2"
                             : image == Image::Two ? "service-next.qcow2"
                                                   : "service-crash.qcow2";
    fleet::Spec spec{.name = name, .image = images_ / file, .count = 2};
    spec.driver = driver_.name();
    spec.driver_options = {{"network", "guests"}};
    return {spec, vmimage::inspect::load_manifest(spec.image)};
  }
  void destroy(const std::string&, const fleet::InstanceStatus& instance) override {
    for (const auto& server : list("compute", "/servers/detail", "servers"))
      if (instance.address.starts_with(address_of(server) + ":"))
        ask("DELETE", "compute", "/servers/" + server.at("id").get<std::string>());
  }
  bool answers(const fleet::Status& fleet) override { return !get(fleet.endpoint, "/").empty(); }
  std::string setting(const std::string&, const fleet::InstanceStatus& instance,
                      const std::string& variable) override {
    const std::string value = get(instance.address, "/env/" + variable);
    return value.substr(0, value.find('\n'));
  }
  /// Images stay in Glance: 'vmimage unpublish' is for them.
  std::vector<std::string> remains() override {
    std::vector<std::string> left;
    if (fs::exists(state() / "vmfleet"))
      for (const auto& entry : fs::recursive_directory_iterator(state() / "vmfleet"))
        left.push_back(entry.path());
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
  fs::path state() const { return folder_.path() / "state"; }
  fs::path run() const { return folder_.path() / "run"; }

  static std::string address_of(const json& server) {
    for (const auto& [network, addresses] : server.at("addresses").items())
      for (const auto& one : addresses)
        return one.at("addr");
    return "none";
  }
  vmimage::publish::Response ask(const std::string& method, const std::string& type,
                                 const std::string& path) {
    session_.log_in();
    const vmimage::publish::Service service(type, session_.endpoint(type), session_.trust());
    return service.request(method, path, {{"X-Auth-Token", session_.token()}});
  }
  json list(const std::string& type, const std::string& path, const std::string& key) {
    return json::parse(ask("GET", type, path).body).at(key);
  }

  fs::path images_;
  vmimage::support::TempDir folder_;
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
