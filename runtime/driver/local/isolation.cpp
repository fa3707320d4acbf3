#include "driver/local/isolation.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include "support/descriptor.hpp"
#include "support/error.hpp"

namespace vmfleet::driver {

namespace machine = vmimage::machine;
namespace support = vmimage::support;

namespace {

void make_file(const fs::path& path) {
  const support::Descriptor file(::open(path.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600));
  if (!file.open())
    support::throw_errno("create '" + path.string() + "'");
}

void give(const fs::path& path, uid_t user) {
  if (::lchown(path.c_str(), user, user) != 0)
    support::throw_errno("give '" + path.string() + "' to a machine's user");
}

void give_all(const fs::path& path, uid_t user) {
  give(path, user);
  if (fs::is_directory(fs::symlink_status(path)))
    for (const auto& entry : fs::recursive_directory_iterator(path))
      give(entry.path(), user);
}

}  // namespace

Confinement confinement_of(const Launch& launch, const machine::Machine& vm) {
  Confinement confinement;
  confinement.read = {launch.image.parent_path()};
  if (vm.kernel && vm.firmware == machine::Firmware::Direct)
    for (const auto& file : {vm.kernel->kernel, vm.kernel->plain, vm.kernel->initrd})
      if (!file.empty())
        confinement.read.push_back(file);
  if (!vm.uefi_code.empty())
    confinement.read.push_back(vm.uefi_code);
  confinement.write = {launch.folder, launch.socket.parent_path(), launch.log};
  for (const auto& disk : vm.data_disks)
    confinement.write.push_back(disk.file);
  if (vm.memory_file) {
    const bool shared = vm.memory_file->kind == machine::MemoryFile::Kind::Shared;
    (shared ? confinement.write : confinement.read).push_back(vm.memory_file->path);
  }
  if (::geteuid() == 0)
    confinement.user = user_of(launch.folder.parent_path().parent_path(), launch.id);
  return confinement;
}

std::vector<std::string> isolated(const Launch& launch, const machine::Machine& vm,
                                  const std::vector<std::string>& argv) {
  if (!probe_confinement().possible)
    return argv;
  const Confinement confinement = confinement_of(launch, vm);
  make_file(launch.log);
  if (confinement.user != 0)
    for (const auto& path : confinement.write)
      give_all(path, confinement.user);
  return confined(argv, confinement);
}

std::string confinement_of(pid_t process) {
  const auto mounts = [](const std::string& who) {
    std::error_code problem;
    return fs::read_symlink(fmt::format("/proc/{}/ns/mnt", who), problem);
  };
  if (mounts(std::to_string(process)) != mounts("self"))
    return "namespaces";
  const auto& support = probe_confinement();
  return "none: " + (support.possible ? "it was started without" : support.reason);
}

}  // namespace vmfleet::driver
