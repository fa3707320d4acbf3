// Loaded into QEMU (LD_PRELOAD): the memory of a machine that is resumed from a snapshot is a file, mapped
// privately, which all machines of that snapshot share and none may write. QEMU 7.2 opens such a file for
// writing all the same, and with its option "readonly" maps it so that the guest could not write either.

#include <fcntl.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

namespace {

int open_file(const char* path, int flags, unsigned mode) {
  const char* memory = getenv("VMFLEET_MEMORY");
  if (memory && strcmp(path, memory) == 0)
    flags = O_RDONLY | O_CLOEXEC;
  return static_cast<int>(syscall(SYS_openat, AT_FDCWD, path, flags, mode));
}

}  // namespace

extern "C" {

int open64(const char* path, int flags, ...) {
  va_list arguments;
  va_start(arguments, flags);
  const unsigned mode = va_arg(arguments, unsigned);  // garbage when there is none, and then not looked at
  va_end(arguments);
  return open_file(path, flags, mode);
}

/// What open64() becomes with _FORTIFY_SOURCE.
int __open64_2(const char* path, int flags) {
  return open_file(path, flags, 0);
}
}
