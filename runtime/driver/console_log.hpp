#pragma once
// The console of an instance in a cloud, which gives all that it has kept of it each time.

#include <functional>
#include <string>

#include "driver/driver.hpp"

namespace vmfleet::driver {

class ConsoleLog : public Log {
 public:
  explicit ConsoleLog(std::function<std::string()> read) : read_(std::move(read)) {}
  std::string read() override {
    const std::string text = read_();
    const std::string fresh = text.starts_with(seen_) ? text.substr(seen_.size()) : text;
    seen_ = text;
    return fresh;
  }

 private:
  std::function<std::string()> read_;
  std::string seen_;
};

}  // namespace vmfleet::driver
