#pragma once
// What the suite needs beside a driver: images, and hands that reach behind the driver's back.

#include <memory>
#include <string>
#include <vector>

#include "driver/driver.hpp"

namespace vmfleet::conformance {

enum class Image {
  One,
  Two,
  Broken  ///< its instances never become healthy
};

class Ground {
 public:
  virtual ~Ground() = default;
  virtual driver::Driver& driver() = 0;
  /// A fleet of this name and image, and of two instances.
  virtual driver::Wanted wanted(const std::string& name, Image image) = 0;
  /// Ends an instance's machine, without a word to the driver.
  virtual void destroy(const std::string& fleet, const fleet::InstanceStatus& instance) = 0;
  virtual bool answers(const fleet::Status& fleet) = 0;  ///< its endpoint does
  /// What the service in an instance has as this environment variable.
  virtual std::string setting(const std::string& fleet, const fleet::InstanceStatus& instance,
                              const std::string& variable) = 0;
  virtual std::vector<std::string> remains() = 0;  ///< of all fleets: processes, files, what costs money
  virtual void wait() = 0;                         ///< between two looks
};

std::unique_ptr<Ground> memory_ground();
std::unique_ptr<Ground> local_ground();
std::unique_ptr<Ground> openstack_ground();
std::unique_ptr<Ground> aws_ground();

}  // namespace vmfleet::conformance
