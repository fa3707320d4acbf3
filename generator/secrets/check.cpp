#include "secrets/check.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include <algorithm>

#include "secrets/scan.hpp"
#include "support/descriptor.hpp"
#include "support/error.hpp"
#include "support/json.hpp"

namespace vmimage::secrets {

namespace fs = std::filesystem;

namespace {

/// A file's bytes where they are, in the page cache: a program is read once more for its digest.
class Mapped {
 public:
  explicit Mapped(const fs::path& file) {
    const support::Descriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (descriptor.fd < 0 || ::fstat(descriptor.fd, &status) != 0)
      support::throw_errno("read '" + file.string() + "'");
    size_ = static_cast<std::size_t>(status.st_size);
    if (size_ == 0)
      return;
    data_ = ::mmap(nullptr, size_, PROT_READ, MAP_PRIVATE | MAP_POPULATE, descriptor.fd, 0);
    if (data_ == MAP_FAILED)
      support::throw_errno("read '" + file.string() + "'");
  }
  ~Mapped() {
    if (size_ != 0)
      ::munmap(data_, size_);
  }
  Mapped(const Mapped&) = delete;
  Mapped& operator=(const Mapped&) = delete;
  std::string_view text() const { return {static_cast<const char*>(data_), size_}; }

 private:
  void* data_ = nullptr;
  std::size_t size_ = 0;
};

struct Named {
  std::string name;     ///< as allow_secrets would name it
  std::string message;  ///< what was found where
};

std::vector<Named> find_all(const recipe::Recipe& recipe, const rootfs::Tree& tree) {
  std::vector<Named> found;
  for (const auto& [path, node] : tree) {
    if (node.type != filesystem::NodeType::File || is_allowed(recipe, path))
      continue;
    const auto finding =
        node.source.empty() ? scan(path, node.content) : scan(path, Mapped(node.source).text());
    if (finding)
      found.push_back(
          {path, fmt::format("'{}' holds what looks like {} (line {}{})", path, finding->what, finding->line,
                             node.source.empty() ? "" : " of '" + node.source.string() + "'")});
  }
  for (const auto& [name, value] : recipe.environment)
    if (!is_allowed(recipe, name))
      if (const auto finding = scan_variable(name, value))
        found.push_back({name, fmt::format("the environment variable '{}' holds what looks like {}", name,
                                           finding->what)});
  return found;
}

}  // namespace

bool is_allowed(const recipe::Recipe& recipe, const std::string& name) {
  return std::any_of(recipe.allowed_secrets.begin(), recipe.allowed_secrets.end(), [&](std::string allowed) {
    const bool is_path = allowed.starts_with('/');
    while (allowed.ends_with('/'))
      allowed.pop_back();
    return is_path ? name == allowed || name.starts_with(allowed + "/") : name == allowed;
  });
}

void check(const recipe::Recipe& recipe, const rootfs::Tree& tree) {
  const std::vector<Named> found = find_all(recipe, tree);
  if (found.empty())
    return;
  support::json names = support::json::array();
  std::string words;
  for (const auto& one : found) {
    names.push_back(one.name);
    words += " " + one.name;
  }
  throw support::invalid(
      found.size() == 1 ? found[0].message
                        : fmt::format("{}; and {} more", found[0].message, found.size() - 1),
      fmt::format(
          "leave it out, and give it to each deployment (vmimage boot --env, vmfleet up --env); or, if it "
          "belongs into the image, name it: \"allow_secrets\": {} in the recipe, ALLOW_SECRETS{} in "
          "vm_image()",
          names.dump(-1, ' ', false, support::json::error_handler_t::replace), words));
}

}  // namespace vmimage::secrets
