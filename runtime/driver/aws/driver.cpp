#include "driver/aws/driver.hpp"

#include <algorithm>

#include "driver/aws/fleet.hpp"

namespace vmfleet::driver {

namespace fs = std::filesystem;

const std::string& AwsDriver::name() const {
  static const std::string name = "aws";
  return name;
}

std::vector<std::string> AwsDriver::fleets() {
  std::vector<std::string> names;
  std::error_code none;
  for (const auto& entry : fs::directory_iterator(aws::known_folder(), none))
    if (fs::exists(entry.path() / "account.json"))
      names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

void AwsDriver::find(const std::map<std::string, std::string>& options) {
  const auto where = aws::read_options(options);
  aws::Cloud cloud(where.profile, where.region);
  for (const auto& name : cloud.fleets())
    aws::AwsFleet(name).remember(where.profile, cloud.region());
}

std::unique_ptr<Fleet> AwsDriver::fleet(const std::string& name) {
  return std::make_unique<aws::AwsFleet>(name);
}

}  // namespace vmfleet::driver
