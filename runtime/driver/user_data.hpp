#pragma once
// What a cloud hands to an instance at its start (docs/user-data.md). Pure.

#include <map>
#include <string>

namespace vmfleet::driver {

/// The document that an instance reads.
std::string make_user_data(const std::map<std::string, std::string>& environment,
                           const std::map<std::string, std::string>& secrets);

}  // namespace vmfleet::driver
