#include "driver/local/confine.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <fstream>
#include <map>

#include "provision/jail.hpp"
#include "support/descriptor.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/process.hpp"

namespace vmfleet::driver {

namespace support = vmimage::support;
using support::Descriptor;
using support::failure;
using support::throw_errno;

namespace {

// In our mount namespace only; everything that is mounted below it is opened before.
const fs::path kRoot = "/tmp";
constexpr const char* kKvm = "/dev/kvm";
constexpr uid_t kFirstUser = 0x6FFE0000;  // systemd.io/UIDS-GIDS; provisioning has the 65536 after them
constexpr uid_t kFleets = 512, kMachines = 128;

enum class Access { Read, Write };

/// Something of the host, to be found at the same path.
struct Source {
  Descriptor opened;
  Access access = Access::Read;
  bool folder = false;
};
using Sources = std::map<fs::path, Source>;  // parents come before what is in them

void write_text(const char* file, const std::string& text) {
  std::ofstream stream(file);
  stream << text << std::flush;
  if (!stream)
    throw failure(fmt::format("failed to make a user namespace: {} cannot be written", file));
}

/// Without privileges: a namespace in which we are who we are, and have the right to mount.
void own_user_namespace() {
  const uid_t user = ::geteuid();
  const gid_t group = ::getegid();
  vmimage::provision::enter_user_namespace();
  write_text("/proc/self/setgroups", "deny");
  write_text("/proc/self/uid_map", fmt::format("{0} {0} 1", user));
  write_text("/proc/self/gid_map", fmt::format("{0} {0} 1", group));
}

void add(Sources& sources, const fs::path& path, Access access) {
  Source source{Descriptor(::open(path.c_str(), O_PATH | O_CLOEXEC)), access};
  struct stat status {};
  if (!source.opened.open() || ::fstat(source.opened.fd, &status) != 0)
    throw_errno("open '" + path.string() + "'");
  source.folder = S_ISDIR(status.st_mode);
  sources.insert_or_assign(path.lexically_normal(), std::move(source));
}

void add_if_there(Sources& sources, const fs::path& path, Access access) {
  if (::access(path.c_str(), F_OK) == 0)
    add(sources, path, access);
}

/// What every QEMU needs: programs and their libraries, devices, names of hosts (its user network asks them).
Sources open_sources(const Confinement& confinement) {
  Sources sources;
  for (const char* path : {"/usr", "/etc/ld.so.cache", "/etc/resolv.conf"})
    add_if_there(sources, path, Access::Read);
  for (const char* name : {"bin", "sbin", "lib", "lib32", "lib64"})
    if (!fs::is_symlink(fs::path("/") / name))
      add_if_there(sources, fs::path("/") / name, Access::Read);
  for (const char* device : {"null", "zero", "full", "random", "urandom"})
    add_if_there(sources, fs::path("/dev") / device, Access::Write);
  if (confinement.user == 0)
    add_if_there(sources, kKvm, Access::Write);
  for (const auto& path : confinement.read)
    add(sources, path, Access::Read);
  for (const auto& path : confinement.write)
    add(sources, path, Access::Write);
  return sources;
}

void make_mount_point(const fs::path& path, bool folder) {
  fs::create_directories(folder ? path : path.parent_path());
  if (folder)
    return;
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  if (!file.open())
    throw_errno("create '" + path.string() + "'");
}

/// Read-only for this mount and all below it; no mount that there is loses a restriction.
void make_read_only(const fs::path& path, unsigned flags) {
  mount_attr attributes{};
  attributes.attr_set = MOUNT_ATTR_RDONLY;
  if (::mount_setattr(AT_FDCWD, path.c_str(), flags, &attributes, sizeof attributes) != 0)
    throw_errno("make '" + path.string() + "' read-only");
}

void mount_source(const fs::path& path, const Source& source) {
  const fs::path target = kRoot / path.relative_path();
  if (!fs::exists(target))  // it is below another source
    make_mount_point(target, source.folder);
  const std::string from = fmt::format("/proc/self/fd/{}", source.opened.fd);
  if (::mount(from.c_str(), target.c_str(), nullptr, MS_BIND | MS_REC, nullptr) != 0)
    throw_errno(fmt::format("mount '{}' in a namespace of our own", path.string()));
  if (source.access == Access::Read)
    make_read_only(target, AT_RECURSIVE);
}

/// KVM is for root or its group; a user of ours gets a device of its own.
void make_kvm(uid_t user) {
  struct stat kvm {};
  if (::stat(kKvm, &kvm) != 0)
    return;
  const fs::path node = kRoot / fs::path(kKvm).relative_path();
  if (::mknod(node.c_str(), S_IFCHR | 0600, kvm.st_rdev) != 0 || ::chown(node.c_str(), user, user) != 0)
    throw_errno("create '" + node.string() + "'");
}

void enter_own_root(const Confinement& confinement) {
  const Sources sources = open_sources(confinement);
  if (::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      ::mount("tmpfs", kRoot.c_str(), "tmpfs", MS_NOSUID, "mode=0755,size=1m") != 0)
    throw_errno("mount a root in a namespace of our own");
  for (const char* name : {"bin", "sbin", "lib", "lib32", "lib64"})
    if (const fs::path path = fs::path("/") / name; fs::is_symlink(path))
      fs::create_symlink(fs::read_symlink(path), kRoot / name);
  for (const auto& [path, source] : sources)
    mount_source(path, source);
  if (confinement.user != 0)
    make_kvm(confinement.user);
  make_read_only(kRoot, 0);
  // pivot_root(2), "pivot_root(".", ".")": the old root ends up above the new one, and goes.
  if (::chdir(kRoot.c_str()) != 0 || ::syscall(SYS_pivot_root, ".", ".") != 0 ||
      ::umount2(".", MNT_DETACH) != 0 || ::chdir("/") != 0)
    throw_errno("enter a root of our own");
}

/// No privileges from here on.
void become(uid_t user) {
  if (::setgroups(0, nullptr) != 0 || ::setresgid(user, user, user) != 0 ||
      ::setresuid(user, user, user) != 0)
    throw_errno("become an unprivileged user");
}

}  // namespace

std::vector<std::string> confined(const std::vector<std::string>& argv, const Confinement& confinement) {
  std::vector<std::string> words{"/proc/self/exe", kConfineCommand};
  for (const auto& path : confinement.read)
    words.insert(words.end(), {"--read", path});
  for (const auto& path : confinement.write)
    words.insert(words.end(), {"--write", path});
  if (confinement.user != 0)
    words.insert(words.end(), {"--user", std::to_string(confinement.user)});
  words.emplace_back("--");
  words.insert(words.end(), argv.begin(), argv.end());
  return words;
}

const ConfinementSupport& probe_confinement() {
  static const ConfinementSupport support = []() -> ConfinementSupport {
    const Confinement nothing{.read = {}, .write = {}, .user = ::geteuid() == 0 ? kFirstUser : 0};
    const auto result = support::run({.argv = confined({"qemu-system-x86_64", "--version"}, nothing),
                                      .timeout = std::chrono::seconds(20)});
    if (result.ok())
      return {true, {}};
    std::string cause = result.err.substr(0, result.err.find('\n'));
    const std::string prefix = "vmfleet: ";
    return {false, cause.starts_with(prefix) ? cause.substr(prefix.size()) : cause};
  }();
  return support;
}

uid_t user_of(const fs::path& fleet, const std::string& id) {
  const auto hash = std::stoul(support::sha256(fleet.string()).substr(0, 8), nullptr, 16);
  const auto number = std::strtoul(id.c_str() + id.rfind('-') + 1, nullptr, 10);
  return static_cast<uid_t>(kFirstUser + hash % kFleets * kMachines + number % kMachines);
}

void confine(const std::vector<std::string>& argv, const Confinement& confinement) {
  const fs::path program = support::find_program(argv.at(0));
  if (program.empty())
    throw failure(fmt::format("failed to run '{}': it is not installed", argv.at(0)));
  if (::geteuid() != 0)
    own_user_namespace();
  if (::unshare(CLONE_NEWNS | CLONE_NEWIPC | CLONE_NEWUTS) != 0)
    throw_errno("make namespaces");
  const mode_t mask = ::umask(022);  // of the folders that lead to what is mounted
  enter_own_root(confinement);
  ::umask(mask);
  if (confinement.user != 0)
    become(confinement.user);
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0)
    throw_errno("give up new privileges");
  std::vector<char*> words;
  for (const auto& word : argv)
    words.push_back(const_cast<char*>(word.c_str()));
  words.push_back(nullptr);
  ::execv(program.c_str(), words.data());
  throw_errno(fmt::format("run '{}'", program.string()));
}

}  // namespace vmfleet::driver
