#include "driver/local/guard.hpp"

#include "support/file.hpp"

namespace vmfleet::driver {

std::vector<std::string> guarded(const Launch& launch, const vmimage::machine::Machine& vm,
                                 const std::vector<std::string>& argv) {
  using Kind = vmimage::machine::MemoryFile::Kind;
  const bool resumed = vm.memory_file && vm.memory_file->kind == Kind::Private;
  if (launch.host_loopback && !resumed)
    return argv;
  vmimage::support::write_file_atomic(launch.folder / "guard.so", guard_library(), 0644,
                                      vmimage::support::Sync::No);
  // Blanks and colons would end a name in LD_PRELOAD, so that is relative.
  std::vector<std::string> words{"env", "--chdir=" + launch.folder.string(), "LD_PRELOAD=./guard.so"};
  if (launch.host_loopback)
    words.emplace_back("VMFLEET_LOOPBACK=open");
  if (resumed)
    words.push_back("VMFLEET_MEMORY=" + vm.memory_file->path.string());
  words.insert(words.end(), argv.begin(), argv.end());
  return words;
}

}  // namespace vmfleet::driver
