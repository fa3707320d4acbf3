#include "driver/local/network.hpp"

#include <fstream>
#include <sstream>

namespace vmfleet::driver {

bool parse_ipv6(const std::string& if_inet6) {
  std::istringstream lines(if_inet6);
  std::string address, index, prefix, scope, flags, name;
  while (lines >> address >> index >> prefix >> scope >> flags >> name)
    if (scope == "00" && name != "lo")
      return true;
  return false;
}

bool has_ipv6() {
  std::ifstream file("/proc/net/if_inet6");
  std::ostringstream text;
  text << file.rdbuf();
  return parse_ipv6(text.str());
}

}  // namespace vmfleet::driver
