// The suite's ground under the driver without machines.

#include "driver/memory/driver.hpp"
#include "ground.hpp"
#include "recipe/manifest.hpp"
#include "support/file.hpp"

namespace vmfleet::conformance {

namespace fs = std::filesystem;
namespace recipe = vmimage::recipe;

namespace {

std::string name_of(Image image) {
  return image == Image::One ? "one" : image == Image::Two ? "two" : "broken";
}

recipe::Manifest manifest_of(Image image) {
  recipe::Manifest one;
  one.name = one.service = one.user = "service";
  one.version = "1";
  one.digest = "sha256:" + name_of(image);
  one.base = "minimal";
  one.base_digest = "sha256:0";
  one.init = "busybox";
  one.ports = {{8080}};
  one.health = recipe::parse_health("http://:8080/");
  one.disk = 1 << 20;
  one.formats = {"qcow2"};
  one.boot = {"sha256:1", "6.1", "/EFI/BOOT/BOOTX64.EFI", "quiet"};
  return one;
}

class MemoryGround : public Ground {
 public:
  MemoryGround() { driver_.broken = manifest_of(Image::Broken).digest; }

  driver::Driver& driver() override { return driver_; }
  driver::Wanted wanted(const std::string& name, Image image) override {
    fleet::Spec spec{.name = name, .image = images_.path() / name_of(image), .count = 2};
    spec.driver = driver_.name();
    vmimage::support::write_file_atomic(spec.image, name_of(image));
    return {spec, manifest_of(image)};
  }
  void destroy(const std::string& fleet, const fleet::InstanceStatus& instance) override {
    driver_.world(fleet).machines.alive.erase(instance.id);
  }
  bool answers(const fleet::Status& fleet) override { return driver_.world(fleet.name).balancer.ready() > 0; }
  std::string setting(const std::string& fleet, const fleet::InstanceStatus& instance,
                      const std::string& variable) override {
    return driver_.world(fleet).machines.known.at(instance.id).environment.at(variable);
  }
  std::vector<std::string> remains() override {
    std::vector<std::string> left;
    for (const auto& entry : fs::directory_iterator(driver_.folder()))
      left.push_back(entry.path());
    return left;
  }
  void wait() override {}  // a look is a second

 private:
  vmimage::support::TempDir images_;
  driver::MemoryDriver driver_;
};

}  // namespace

std::unique_ptr<Ground> memory_ground() {
  return std::make_unique<MemoryGround>();
}

}  // namespace vmfleet::conformance
