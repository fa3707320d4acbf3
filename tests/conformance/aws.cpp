// The suite's ground on the double of AWS (tests/aws/double.py): real images are published there, and what
// the double has of stacks, groups and balancers behaves; no instance really boots.

#include <algorithm>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "driver/aws/driver.hpp"
#include "driver/aws/sight.hpp"
#include "publish/http.hpp"
#include "real_ground.hpp"

namespace vmfleet::conformance {

namespace fs = std::filesystem;
using vmimage::support::json;

namespace {

class AwsGround : public RealGround {
 public:
  AwsGround(const fs::path& images, const std::string& url)
      : RealGround(images), double_("the double", url, {}) {
    control({{"broken", json::array({RealGround::wanted("x", Image::Broken).manifest.digest})}});
  }
  ~AwsGround() override { take_down_all(); }

  driver::Driver& driver() override { return driver_; }
  void destroy(const std::string& fleet, const fleet::InstanceStatus& instance) override {
    control({{"terminate", json::array({driver::aws::instance_of(fleet, instance.id)})}});
  }
  /// A balancer leads to those that are healthy, in each target group.
  bool answers(const fleet::Status&) override {
    const auto healthy = look().at("healthy");
    return !healthy.empty() &&
           std::all_of(healthy.begin(), healthy.end(), [](const json& one) { return !one.empty(); });
  }
  std::string setting(const std::string& fleet, const fleet::InstanceStatus& instance,
                      const std::string& variable) override {
    const auto there = look().at("instances").at(driver::aws::instance_of(fleet, instance.id));
    return json::parse(there.at("user_data").get<std::string>()).at("environment").at(variable);
  }
  /// AMIs stay: 'vmimage unpublish' is for them.
  std::vector<std::string> remains() override {
    auto left = RealGround::remains();
    const auto seen = look();
    for (const auto* kind : {"stacks", "groups", "healthy", "launch_templates"})
      for (const auto& [name, one] : seen.at(kind).items())
        left.push_back(std::string(kind) + " " + name);
    for (const auto& [name, one] : seen.at("instances").items())
      if (one.at("state") != "terminated")
        left.push_back("instance " + name);
    return left;
  }
  void wait() override { std::this_thread::sleep_for(std::chrono::milliseconds(200)); }

 private:
  void control(const json& wanted) { double_.request("POST", "/_control", {}, wanted.dump()); }
  json look() { return json::parse(double_.request("GET", "/_state", {}).body); }

  vmimage::publish::Service double_;
  driver::AwsDriver driver_;
};

}  // namespace

/// VMFLEET_IMAGES: the folder that the tests of fleets keep their images in; AWS_ENDPOINT_URL: the double.
std::unique_ptr<Ground> aws_ground() {
  const char* images = std::getenv("VMFLEET_IMAGES");
  const char* url = std::getenv("AWS_ENDPOINT_URL");
  return images && url ? std::make_unique<AwsGround>(images, url) : nullptr;
}

}  // namespace vmfleet::conformance
