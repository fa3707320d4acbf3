#include "real_ground.hpp"

#include <httplib.h>

#include <cstdlib>

#include "inspect/image.hpp"

namespace vmfleet::conformance {

namespace {

std::string get(const std::string& address, const std::string& path) {
  const std::string prefix = "http://";
  httplib::Client client(address.starts_with(prefix) ? address : prefix + address);
  client.set_read_timeout(20);
  const auto answer = client.Get(path);
  return answer && answer->status == 200 ? answer->body : "";
}

}  // namespace

RealGround::RealGround(std::filesystem::path images) : images_(std::move(images)) {
  std::filesystem::create_directory(run());
  ::setenv("XDG_STATE_HOME", state().c_str(), 1);
  ::setenv("XDG_RUNTIME_DIR", run().c_str(), 1);
}

driver::Wanted RealGround::wanted(const std::string& name, Image image) {
  const std::string file = image == Image::One   ? "service.qcow2"
                           : image == Image::Two ? "service-next.qcow2"
                                                 : "service-crash.qcow2";
  fleet::Spec spec{.name = name, .image = images_ / file, .count = 2};
  spec.driver = driver().name();
  spec.driver_options = driver_options();
  return {spec, vmimage::inspect::load_manifest(spec.image)};
}

bool RealGround::answers(const fleet::Status& fleet) {
  return !get(fleet.endpoint, "/").empty();
}

std::string RealGround::setting(const std::string&, const fleet::InstanceStatus& instance,
                                const std::string& variable) {
  const std::string value = get(instance.address, "/env/" + variable);
  return value.substr(0, value.find('\n'));
}

void RealGround::take_down_all() {
  for (const auto& name : driver().fleets())
    driver().fleet(name)->down(driver::Volumes::Remove);
}

std::vector<std::string> RealGround::remains() {
  std::vector<std::string> left;
  for (const auto& folder : {state() / "vmfleet", run() / "vmfleet"})
    if (std::filesystem::exists(folder))
      for (const auto& entry : std::filesystem::recursive_directory_iterator(folder))
        left.push_back(entry.path());
  return left;
}

}  // namespace vmfleet::conformance
