#include "supervisor/secrets.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cstring>

#include "support/descriptor.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/file.hpp"

namespace vmfleet::supervisor {

namespace support = vmimage::support;
using support::invalid;

namespace {

// Passwords, keys and certificates are small; and a guest reads fw_cfg byte by byte, from the beginning for
// each page.
constexpr std::size_t kLargest = 64 << 10;
constexpr std::size_t kMost = 64;

[[noreturn]] void refuse(const std::string& name, const fs::path& file, const std::string& cause,
                         const std::string& hint) {
  throw invalid(fmt::format("failed to read the secret '{}' from '{}': {}", name, file.string(), cause),
                hint);
}

std::string read_secret(const std::string& name, const fs::path& file) {
  // O_NONBLOCK: what turns out to be a pipe is refused, and not waited for.
  const support::Descriptor opened(::open(file.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  struct stat status {};
  if (!opened.open() || ::fstat(opened.fd, &status) != 0)
    refuse(name, file, std::strerror(errno), "give a file that you can read: NAME=FILE");
  if (!S_ISREG(status.st_mode))
    refuse(name, file, "it is no regular file", "write it to a file: it is read again for each deployment");
  std::string text(kLargest + 1, '\0');
  std::size_t size = 0;
  ssize_t got = 0;
  while (size < text.size() && (got = ::read(opened.fd, text.data() + size, text.size() - size)) > 0)
    size += static_cast<std::size_t>(got);
  if (got < 0)
    refuse(name, file, std::strerror(errno), "");
  if (size > kLargest)
    refuse(name, file, fmt::format("it has more than {} KiB", kLargest >> 10),
           "secrets are passwords, keys and the like; put larger files into the image");
  text.resize(size);
  return text;
}

}  // namespace

std::map<std::string, std::string> read_secrets(const std::map<std::string, fs::path>& files) {
  if (files.size() > kMost)
    throw invalid(fmt::format("{} secrets are too many", files.size()),
                  fmt::format("give at most {}", kMost));
  std::map<std::string, std::string> secrets;
  for (const auto& [name, file] : files)
    secrets[name] = read_secret(name, file);
  return secrets;
}

std::string keep_secrets(const Place& place, const std::map<std::string, fs::path>& files) {
  const auto secrets = read_secrets(files);
  if (secrets.empty())
    return {};
  support::Digest all;
  for (const auto& [name, text] : secrets)
    all.add(name).add(text);
  const std::string digest = all.hex();
  const fs::path folder = place.secrets(digest);
  if (fs::exists(folder))
    return digest;
  fs::path unfinished = folder;
  unfinished += ".new";
  fs::remove_all(unfinished);
  fs::create_directories(unfinished);
  fs::permissions(unfinished, fs::perms::owner_all);
  for (const auto& [name, text] : secrets)
    support::write_file_atomic(unfinished / name, text, 0600);
  fs::rename(unfinished, folder);
  return digest;
}

void drop_secrets_but(const Place& place, const std::set<std::string>& used) {
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(place.secrets("").parent_path(), ignored))
    if (!used.contains(entry.path().filename()))
      fs::remove_all(entry.path(), ignored);
  if (used.empty())
    fs::remove(place.secrets("").parent_path(), ignored);
}

}  // namespace vmfleet::supervisor
