// The suite's ground under QEMU on this machine: real images, boots and requests.

#include <fmt/format.h>
#include <httplib.h>
#include <signal.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "driver/local/driver.hpp"
#include "ground.hpp"
#include "inspect/image.hpp"
#include "support/file.hpp"

namespace vmfleet::conformance {

namespace fs = std::filesystem;
namespace support = vmimage::support;

namespace {

std::string get(const std::string& address, const std::string& path) {
  const std::string prefix = "http://";
  httplib::Client client(address.starts_with(prefix) ? address : prefix + address);
  client.set_read_timeout(20);
  const auto answer = client.Get(path);
  return answer && answer->status == 200 ? answer->body : "";
}

class LocalGround : public Ground {
 public:
  explicit LocalGround(const fs::path& images) : images_(images) {
    fs::create_directory(run());
    ::setenv("XDG_STATE_HOME", state().c_str(), 1);
    ::setenv("XDG_RUNTIME_DIR", run().c_str(), 1);
  }
  ~LocalGround() override {
    for (const auto& name : driver_.fleets())
      driver_.fleet(name)->down(driver::Volumes::Remove);
  }

  driver::Driver& driver() override { return driver_; }
  driver::Wanted wanted(const std::string& name, Image image) override {
    const std::string file = image == Image::One   ? "service.qcow2"
                             : image == Image::Two ? "service-next.qcow2"
                                                   : "service-crash.qcow2";
    fleet::Spec spec{.name = name, .image = images_ / file, .count = 2};
    return {spec, vmimage::inspect::load_manifest(spec.image)};
  }
  void destroy(const std::string&, const fleet::InstanceStatus& instance) override {
    ::kill(instance.pid, SIGKILL);
  }
  bool answers(const fleet::Status& fleet) override { return !get(fleet.endpoint, "/").empty(); }
  std::string setting(const std::string&, const fleet::InstanceStatus& instance,
                      const std::string& variable) override {
    std::string value = get(instance.address, "/env/" + variable);
    return value.substr(0, value.find('\n'));
  }
  std::vector<std::string> remains() override {
    std::vector<std::string> left;
    for (const auto& folder : {state() / "vmfleet", run() / "vmfleet"})
      if (fs::exists(folder))
        for (const auto& entry : fs::directory_iterator(folder))
          left.push_back(entry.path());
    for (const auto& entry : fs::directory_iterator("/proc"))
      if (is_ours(entry.path()))
        left.push_back("process " + entry.path().filename().string());
    return left;
  }
  void wait() override { std::this_thread::sleep_for(std::chrono::milliseconds(100)); }

 private:
  fs::path state() const { return folder_.path() / "state"; }
  fs::path run() const { return folder_.path() / "run"; }

  /// What the driver starts has its folder for state in the environment.
  bool is_ours(const fs::path& process) const {
    std::ifstream file(process / "environ");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    return process.filename() != std::to_string(::getpid()) &&
           text.find("XDG_STATE_HOME=" + state().string()) != std::string::npos;
  }

  fs::path images_;
  support::TempDir folder_;
  driver::LocalDriver driver_;
};

}  // namespace

/// VMFLEET_IMAGES: the folder that the tests of fleets keep their images in.
std::unique_ptr<Ground> local_ground() {
  const char* images = std::getenv("VMFLEET_IMAGES");
  return images ? std::make_unique<LocalGround>(images) : nullptr;
}

}  // namespace vmfleet::conformance
