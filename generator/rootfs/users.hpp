#pragma once
// Users of the image: the text of passwd(5), group(5) and shadow(5). Pure.

#include <cstdint>
#include <string>

namespace vmimage::rootfs {

struct User {
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

/// Throws Error{Failure} when `passwd` has no such user.
User find_user(const std::string& passwd, const std::string& name);
bool has_user(const std::string& passwd, const std::string& name);

struct UserFiles {
  std::string passwd, group, shadow;
};
/// Adds a locked system user with a group of its own, or the group of its name that there is; its number is
/// the highest free one below 999.
UserFiles add_system_user(UserFiles files, const std::string& name, const std::string& home);

}  // namespace vmimage::rootfs
