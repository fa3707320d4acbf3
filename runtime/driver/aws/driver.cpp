#include "driver/aws/driver.hpp"

#include "driver/aws/fleet.hpp"

namespace vmfleet::driver {

const std::string& AwsDriver::name() const {
  static const std::string name = "aws";
  return name;
}

std::vector<std::string> AwsDriver::fleets() {
  return Note::fleets(name());
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
