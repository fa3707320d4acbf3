#include "provision/jail.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <grp.h>
#include <linux/capability.h>
#include <net/if.h>
#include <pwd.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <fstream>

#include "support/error.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::provision {

using support::failure;
using support::throw_errno;
namespace fs = std::filesystem;

namespace {

constexpr std::uint64_t kIds = 65536;
// The last 65536 of what systemd keeps for containers (systemd.io/UIDS-GIDS): no user has them.
constexpr std::uint64_t kContainerIds = 0x6FFF0000;
const fs::path kMemory = "/tmp";  // in our mount namespace only

std::string user_name() {
  const passwd* user = ::getpwuid(::getuid());
  return user ? user->pw_name : std::to_string(::getuid());
}

std::uint64_t subordinate(const char* file) {
  std::ifstream stream(file);
  const std::string text{std::istreambuf_iterator<char>(stream), {}};
  if (const auto first = first_range(text, user_name(), ::getuid(), kIds))
    return *first;
  throw failure(
      fmt::format("failed to make a user namespace: {} gives '{}' no {} numbers", file, user_name(), kIds),
      fmt::format("as root: usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {}",
                  user_name()));
}

void mount_or_fail(const char* source, const fs::path& target, const char* type, unsigned long flags,
                   const char* options) {
  if (::mount(source, target.c_str(), type, flags, options) != 0)
    throw_errno(fmt::format("mount {} in a namespace of our own", target.string()));
}

/// A mount point that the tree must not lead elsewhere.
void require_folder(const fs::path& folder) {
  struct stat status {};
  if (::lstat(folder.c_str(), &status) != 0) {
    if (::mkdir(folder.c_str(), 0755) != 0)
      throw_errno("create '" + folder.string() + "'");
  } else if (!S_ISDIR(status.st_mode)) {
    throw failure(
        fmt::format("failed to use the root file system: its /{} is no folder", folder.filename().string()));
  }
}

void make_dev(const fs::path& dev) {
  mount_or_fail("tmpfs", dev, "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755,size=1m");
  for (const char* name : {"null", "zero", "full", "random", "urandom"}) {
    const fs::path node = dev / name;
    const int file = ::open(node.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    if (file < 0)
      throw_errno("create '" + node.string() + "'");
    ::close(file);
    mount_or_fail((fs::path("/dev") / name).c_str(), node, nullptr, MS_BIND, nullptr);
  }
  for (const auto& [name, target] :
       std::array<std::pair<const char*, const char*>, 5>{{{"fd", "/proc/self/fd"},
                                                           {"stdin", "/proc/self/fd/0"},
                                                           {"stdout", "/proc/self/fd/1"},
                                                           {"stderr", "/proc/self/fd/2"},
                                                           {"ptmx", "pts/ptmx"}}})
    if (::symlink(target, (dev / name).c_str()) != 0)
      throw_errno("create '" + (dev / name).string() + "'");
  ::mkdir((dev / "shm").c_str(), 01777);
  ::mkdir((dev / "pts").c_str(), 0755);
  mount_or_fail("tmpfs", dev / "shm", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
  mount_or_fail("devpts", dev / "pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=620");
}

void make_proc(const fs::path& proc) {
  if (::mount("proc", proc.c_str(), "proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr) == 0)
    return;
  if (errno == EPERM)
    throw failure("failed to mount /proc in a namespace of our own: parts of this machine's /proc are hidden",
                  "in a container: start it with its /proc unmasked (docker: --security-opt "
                  "systempaths=unconfined)");
  throw_errno("mount /proc in a namespace of our own");
}

void loopback_up() {
  const int socket = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
  ifreq request{};
  std::copy_n("lo", 3, request.ifr_name);
  request.ifr_flags = IFF_UP | IFF_RUNNING;
  if (socket < 0 || ::ioctl(socket, SIOCSIFFLAGS, &request) != 0)
    throw_errno("set up the loopback network");
  ::close(socket);
}

}  // namespace

void map_ids(pid_t process) {
  const fs::path folder = fs::path("/proc") / std::to_string(process);
  const auto map = [&](const char* program, const char* table, const char* ranges) {
    if (::geteuid() == 0) {
      std::ofstream stream(folder / table);
      stream << fmt::format("0 {} {}", kContainerIds, kIds) << std::flush;
      if (stream)
        return;
      throw failure("failed to make a user namespace: its users cannot be mapped");
    }
    support::run_checked({.argv = {program, std::to_string(process), "0", std::to_string(subordinate(ranges)),
                                   std::to_string(kIds)}});
  };
  map("newuidmap", "uid_map", "/etc/subuid");
  map("newgidmap", "gid_map", "/etc/subgid");
}

void enter_user_namespace() {
  if (::unshare(CLONE_NEWUSER) == 0)
    return;
  throw failure(fmt::format("failed to make a user namespace: {}", std::strerror(errno)),
                "this machine forbids it: see sysctl kernel.unprivileged_userns_clone, "
                "user.max_user_namespaces, kernel.apparmor_restrict_unprivileged_userns");
}

void become_root() {
  if (::setgroups(0, nullptr) != 0 || ::setresgid(0, 0, 0) != 0 || ::setresuid(0, 0, 0) != 0)
    throw_errno("become root of a user namespace");
}

fs::path mount_memory() {
  if (::unshare(CLONE_NEWNS) != 0)
    throw_errno("make a mount namespace");
  mount_or_fail("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr);
  mount_or_fail("tmpfs", kMemory, "tmpfs", 0, "mode=0755,size=90%,nr_inodes=0");
  const fs::path root = kMemory / "root";
  if (::mkdir(root.c_str(), 0755) != 0)
    throw_errno("create '" + root.string() + "'");
  return root;
}

void unshare_for_step(Network network) {
  const int own = network == Network::None ? CLONE_NEWNET : 0;
  if (::unshare(CLONE_NEWPID | CLONE_NEWNS | CLONE_NEWUTS | CLONE_NEWIPC | CLONE_NEWCGROUP | own) != 0)
    throw_errno("make namespaces");
}

void enter_root(const fs::path& root, Network network) {
  mount_or_fail(root.c_str(), root, nullptr, MS_BIND, nullptr);
  for (const char* name : {"dev", "proc", "run", "sys", "tmp"})
    require_folder(root / name);
  make_dev(root / "dev");
  make_proc(root / "proc");
  // sysfs shows devices through the network namespace that it belongs to, so it goes with one of our own.
  if (network == Network::None) {
    mount_or_fail("sysfs", root / "sys", "sysfs", MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, nullptr);
    loopback_up();
  }
  mount_or_fail("tmpfs", root / "run", "tmpfs", MS_NOSUID | MS_NODEV, "mode=0755");
  mount_or_fail("tmpfs", root / "tmp", "tmpfs", MS_NOSUID | MS_NODEV, "mode=1777");
  // pivot_root(2), "pivot_root(".", ".")": the old root ends up above the new one, and goes.
  if (::chdir(root.c_str()) != 0 || ::syscall(SYS_pivot_root, ".", ".") != 0 ||
      ::umount2(".", MNT_DETACH) != 0 || ::chdir("/") != 0)
    throw_errno("enter the root file system");
  const std::string host = "vmimage";
  if (::sethostname(host.data(), host.size()) != 0)
    throw_errno("set the host name");
}

void drop_capabilities() {
  constexpr std::array kept{CAP_CHOWN,   CAP_DAC_OVERRIDE, CAP_FOWNER,           CAP_FSETID,
                            CAP_KILL,    CAP_SETGID,       CAP_SETUID,           CAP_SETPCAP,
                            CAP_SETFCAP, CAP_SYS_CHROOT,   CAP_NET_BIND_SERVICE, CAP_AUDIT_WRITE};
  // The program gets, when it is started as root, what the bounding set has (capabilities(7)).
  for (int capability = 0; ::prctl(PR_CAPBSET_READ, capability) >= 0; ++capability)
    if (std::find(kept.begin(), kept.end(), capability) == kept.end() &&
        ::prctl(PR_CAPBSET_DROP, capability) != 0)
      throw_errno("drop a capability");
}

}  // namespace vmimage::provision
