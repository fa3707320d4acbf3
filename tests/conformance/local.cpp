// The suite's ground under QEMU on this machine: real images, boots and requests.

#include <fmt/format.h>
#include <signal.h>

#include <cstdlib>
#include <fstream>
#include <thread>

#include "driver/local/driver.hpp"
#include "real_ground.hpp"

namespace vmfleet::conformance {

namespace fs = std::filesystem;
namespace support = vmimage::support;

namespace {

class LocalGround : public RealGround {
 public:
  explicit LocalGround(const fs::path& images) : RealGround(images) {}
  ~LocalGround() override { take_down_all(); }

  driver::Driver& driver() override { return driver_; }
  void destroy(const std::string&, const fleet::InstanceStatus& instance) override {
    ::kill(instance.pid, SIGKILL);
  }
  std::vector<std::string> remains() override {
    auto left = RealGround::remains();
    for (const auto& entry : fs::directory_iterator("/proc"))
      if (is_ours(entry.path()))
        left.push_back("process " + entry.path().filename().string());
    return left;
  }
  void wait() override { std::this_thread::sleep_for(std::chrono::milliseconds(100)); }

 private:
  /// What the driver starts has its folder for state in the environment.
  bool is_ours(const fs::path& process) const {
    std::ifstream file(process / "environ");
    const std::string text{std::istreambuf_iterator<char>(file), {}};
    return process.filename() != std::to_string(::getpid()) &&
           text.find("XDG_STATE_HOME=" + state().string()) != std::string::npos;
  }

  driver::LocalDriver driver_;
};

}  // namespace

/// VMFLEET_IMAGES: the folder that the tests of fleets keep their images in.
std::unique_ptr<Ground> local_ground() {
  const char* images = std::getenv("VMFLEET_IMAGES");
  return images ? std::make_unique<LocalGround>(images) : nullptr;
}

}  // namespace vmfleet::conformance
