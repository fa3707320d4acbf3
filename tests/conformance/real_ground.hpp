#pragma once
// What grounds of real machines share: the images of the fleets' tests, requests, and folders of their own.

#include <filesystem>

#include "ground.hpp"
#include "support/file.hpp"

namespace vmfleet::conformance {

class RealGround : public Ground {
 public:
  /// `images`: the folder that the tests of fleets keep their images in.
  explicit RealGround(std::filesystem::path images);

  driver::Wanted wanted(const std::string& name, Image image) override;
  bool answers(const fleet::Status& fleet) override;
  std::string setting(const std::string& fleet, const fleet::InstanceStatus& instance,
                      const std::string& variable) override;
  /// Files of fleets; what is left elsewhere is for each to add.
  std::vector<std::string> remains() override;

 protected:
  /// What a spec for this driver has besides.
  virtual std::map<std::string, std::string> driver_options() const { return {}; }
  void take_down_all();
  std::filesystem::path state() const { return folder_.path() / "state"; }
  std::filesystem::path run() const { return folder_.path() / "run"; }

 private:
  std::filesystem::path images_;
  vmimage::support::TempDir folder_;
};

}  // namespace vmfleet::conformance
