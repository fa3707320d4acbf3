#pragma once
// For programs that run inside images: without any library, so that they are small and the same bytes for
// every distribution. A program has `extern "C" [[noreturn]] void start(const Word* stack)`. One file each;
// this one is included once.

#include <asm/ioctl.h>
#include <asm/unistd.h>

namespace freestanding {

using Word = unsigned long;
using Byte = unsigned char;

/// A system call (System V ABI, AMD64, A.2.1); negative: an error.
inline long call(long number, long a = 0, long b = 0, long c = 0, long d = 0, long e = 0) {
  long result;
  register long fourth asm("r10") = d;
  register long fifth asm("r8") = e;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(number), "D"(a), "S"(b), "d"(c), "r"(fourth), "r"(fifth)
               : "rcx", "r11", "memory");
  return result;
}

inline long address(const void* pointer) {
  return reinterpret_cast<long>(pointer);
}

[[noreturn]] inline void end(long status) {
  for (;;)
    call(__NR_exit_group, status);
}

inline Word length(const char* text) {
  Word count = 0;
  while (text[count])
    ++count;
  return count;
}

inline void write_text(long fd, const char* text) {
  call(__NR_write, fd, address(text), static_cast<long>(length(text)));
}

inline bool same(const char* a, const char* b) {
  while (*a && *a == *b)
    ++a, ++b;
  return *a == *b;
}

/// The digits that a text begins with.
inline Word number(const char* text) {
  Word value = 0;
  for (; *text >= '0' && *text <= '9'; ++text)
    value = value * 10 + static_cast<Word>(*text - '0');
  return value;
}

}  // namespace freestanding

// What compilers put in where they see a loop that does the same.
extern "C" void* memset(void* to, int value, freestanding::Word size) {
  for (freestanding::Word i = 0; i < size; ++i)
    static_cast<volatile freestanding::Byte*>(to)[i] = static_cast<freestanding::Byte>(value);
  return to;
}
extern "C" void* memcpy(void* to, const void* from, freestanding::Word size) {
  for (freestanding::Word i = 0; i < size; ++i)
    static_cast<volatile freestanding::Byte*>(to)[i] = static_cast<const freestanding::Byte*>(from)[i];
  return to;
}

// The kernel gives arguments on the stack (System V ABI, AMD64, 3.4.1).
asm(".globl _start\n_start:\n  xor %ebp, %ebp\n  mov %rsp, %rdi\n  and $-16, %rsp\n  call start\n");
