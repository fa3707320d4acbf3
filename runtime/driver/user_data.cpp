#include "driver/user_data.hpp"

#include "support/base64.hpp"
#include "support/json.hpp"

namespace vmfleet::driver {

using vmimage::support::json;

std::string make_user_data(const std::map<std::string, std::string>& environment,
                           const std::map<std::string, std::string>& secrets) {
  json document{{"vmimage", 1}, {"environment", environment}, {"secrets", json::object()}};
  for (const auto& [name, bytes] : secrets)
    document["secrets"][name] = vmimage::support::base64(bytes);
  return document.dump();
}

}  // namespace vmfleet::driver
