// Makes a guest that has been resumed from a snapshot an instance of its own, before it gets its first
// request. It waits on the second serial port for lines, and answers each with one:
//   hello                                             "ready", or "never: <why>" when a snapshot of this
//                                                     guest must not be used
//   address                                           "address 192.0.2.1", of the first network card, or
//                                                     "address none"
//   identity HOST MAC SECONDS NANOSECONDS SEED        "done", or "failed: <what>"
//   identity HOST MAC SECONDS NANOSECONDS SEED renew  the same; the card gives its addresses up, and asks for
//   others
// MAC: 12 hexadecimal digits; the time is UTC's since the epoch; SEED: 64 hexadecimal digits of randomness.
// Without such a port it ends at once.

#include <asm/ioctls.h>
#include <asm/termbits.h>
#include <linux/fcntl.h>
#include <linux/if.h>
#include <linux/if_arp.h>
#include <linux/random.h>
#include <linux/sockios.h>
#include <linux/time_types.h>

#include "freestanding.hpp"

using namespace freestanding;

namespace {

constexpr const char* kPort = "/dev/ttyS1";
constexpr const char* kMachineId = "/etc/machine-id";
constexpr const char* kSshKey = "/etc/ssh/ssh_host_ed25519_key";  // of debian-ssh-keys.service
constexpr const char kDhcpClient[] = "/run/udhcpc.";  // pid, in a file for each card: minimal-start
constexpr long kTerminate = 15;                       // SIGTERM
constexpr long kRealtime = 0;                         // CLOCK_REALTIME
constexpr long kInet = 2, kDatagram = 2;              // AF_INET, SOCK_DGRAM
constexpr int kInterfaces = 16;                       // among them the Ethernet card is found
constexpr Word kSeed = 32, kMac = 6, kId = 16;

struct Identity {
  const char* host;
  Byte mac[kMac];
  __kernel_timespec time;
  Byte seed[kSeed];
  bool renew;
};

/// Takes "0123…" apart; false: it is no such text of this length.
bool parse_hex(const char* text, Byte* bytes, Word count) {
  for (Word i = 0; i < 2 * count; ++i) {
    const char c = text[i];
    const int digit = c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
    if (digit < 0)
      return false;
    bytes[i / 2] = static_cast<Byte>(i % 2 == 0 ? digit << 4 : bytes[i / 2] | digit);
  }
  return text[2 * count] == 0;
}

/// Whole lines, without echo, as they are.
bool set_up(long port) {
  termios settings{};
  if (call(__NR_ioctl, port, TCGETS, address(&settings)) < 0)
    return false;
  settings.c_iflag = IGNBRK;
  settings.c_oflag = 0;
  settings.c_lflag = ICANON;
  settings.c_cflag = B115200 | CS8 | CREAD | CLOCAL;
  return call(__NR_ioctl, port, TCSETS, address(&settings)) == 0;
}

bool set_clock(const Identity& identity) {
  return call(__NR_clock_settime, kRealtime, address(&identity.time)) == 0;
}

/// What the generators of two instances have in common is worth nothing from here on.
bool add_entropy(const Identity& identity) {
  struct {
    int bits = kSeed * 8;
    int size = kSeed;
    Byte bytes[kSeed];
  } pool;  // rand_pool_info of random(4)
  memcpy(pool.bytes, identity.seed, kSeed);
  const long random = call(__NR_open, address("/dev/urandom"), O_WRONLY | O_CLOEXEC);
  const bool done = random >= 0 && call(__NR_ioctl, random, RNDADDENTROPY, address(&pool)) == 0 &&
                    call(__NR_ioctl, random, RNDRESEEDCRNG) == 0;
  call(__NR_close, random);
  return done;
}

bool set_host_name(const Identity& identity) {
  return call(__NR_sethostname, address(identity.host), static_cast<long>(length(identity.host))) == 0;
}

/// The first Ethernet card, with its hardware address; netdevice(7).
bool find_card(long socket, ifreq& request) {
  for (int index = 1; index < kInterfaces; ++index) {
    request = {};
    request.ifr_ifindex = index;
    if (call(__NR_ioctl, socket, SIOCGIFNAME, address(&request)) == 0 &&
        call(__NR_ioctl, socket, SIOCGIFHWADDR, address(&request)) == 0 &&
        request.ifr_hwaddr.sa_family == ARPHRD_ETHER)
      return true;
  }
  return false;
}

bool set_mac(long socket, ifreq card, const Identity& identity) {
  memcpy(card.ifr_hwaddr.sa_data, identity.mac, kMac);
  return call(__NR_ioctl, socket, SIOCSIFHWADDR, address(&card)) == 0;
}

/// A card that is down loses its IPv6 addresses, and its IPv4 address when that is set to none.
bool set_down(long socket, ifreq card) {
  if (call(__NR_ioctl, socket, SIOCGIFFLAGS, address(&card)) < 0)
    return false;
  card.ifr_flags = static_cast<short>(card.ifr_flags & ~IFF_UP);
  if (call(__NR_ioctl, socket, SIOCSIFFLAGS, address(&card)) < 0)
    return false;
  memset(&card.ifr_addr, 0, sizeof card.ifr_addr);
  card.ifr_addr.sa_family = kInet;
  call(__NR_ioctl, socket, SIOCSIFADDR, address(&card));  // it may have none
  return true;
}

bool set_up(long socket, ifreq card) {
  if (call(__NR_ioctl, socket, SIOCGIFFLAGS, address(&card)) < 0)
    return false;
  card.ifr_flags = static_cast<short>(card.ifr_flags | IFF_UP);
  return call(__NR_ioctl, socket, SIOCSIFFLAGS, address(&card)) == 0;
}

/// That of the base "minimal" is started anew when it ends; systemd-networkd sees for itself what its card
/// is.
void end_dhcp_client(const ifreq& card) {
  char path[sizeof kDhcpClient + IFNAMSIZ] = {};
  char pid[16] = {};
  memcpy(path, kDhcpClient, sizeof kDhcpClient - 1);
  memcpy(path + sizeof kDhcpClient - 1, card.ifr_name, length(card.ifr_name));
  const long file = call(__NR_open, address(path), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return;
  if (call(__NR_read, file, address(pid), sizeof pid - 1) > 0 && number(pid) > 1)
    call(__NR_kill, static_cast<long>(number(pid)), kTerminate);
  call(__NR_close, file);
}

bool set_card(const Identity& identity) {
  const long socket = call(__NR_socket, kInet, kDatagram);
  ifreq card{};
  bool done = find_card(socket, card);
  if (done && identity.renew)
    done = set_down(socket, card);
  done = done && set_mac(socket, card, identity);
  if (done && identity.renew) {
    done = set_up(socket, card);
    end_dhcp_client(card);
  }
  call(__NR_close, socket);
  return done;
}

/// Appends a number of up to three digits; returns where the text goes on.
char* append(char* text, Byte value) {
  if (value >= 100)
    *text++ = static_cast<char>('0' + value / 100);
  if (value >= 10)
    *text++ = static_cast<char>('0' + value / 10 % 10);
  *text++ = static_cast<char>('0' + value % 10);
  return text;
}

const char* tell_address() {
  static char text[] = "address 255.255.255.255\n";
  constexpr Word kPrefix = 8, kBytes = 4;
  const long socket = call(__NR_socket, kInet, kDatagram);
  ifreq card{};
  const bool known = find_card(socket, card) && call(__NR_ioctl, socket, SIOCGIFADDR, address(&card)) == 0;
  call(__NR_close, socket);
  if (!known)
    return "address none\n";
  const Byte* bytes = reinterpret_cast<const Byte*>(card.ifr_addr.sa_data) + 2;  // behind the port, in_addr
  char* end = text + kPrefix;
  for (Word i = 0; i < kBytes; ++i) {
    end = append(end, bytes[i]);
    *end++ = i + 1 < kBytes ? '.' : '\n';
  }
  *end = 0;
  return text;
}

/// machine-id(5). In place: whoever opens it finds the old one or the new one.
bool set_machine_id() {
  Byte id[kId];
  if (call(__NR_getrandom, address(id), kId, 0) != static_cast<long>(kId))
    return false;
  id[6] = static_cast<Byte>((id[6] & 0x0f) | 0x40);  // as systemd's are: a UUID of version 4
  id[8] = static_cast<Byte>((id[8] & 0x3f) | 0x80);
  char text[2 * kId + 1];
  for (Word i = 0; i < 2 * kId; ++i)
    text[i] = "0123456789abcdef"[i % 2 == 0 ? id[i / 2] >> 4 : id[i / 2] & 15];
  text[2 * kId] = '\n';
  const long file = call(__NR_open, address(kMachineId), O_WRONLY | O_CLOEXEC);
  if (file == -2)  // ENOENT: nobody here has one
    return true;
  const bool done = call(__NR_write, file, address(text), sizeof text) == static_cast<long>(sizeof text);
  call(__NR_close, file);
  return done;
}

const char* take_on(const Identity& identity) {
  if (!set_clock(identity))
    return "failed: the clock\n";
  if (!add_entropy(identity))
    return "failed: the entropy\n";
  if (!set_host_name(identity))
    return "failed: the host name\n";
  if (!set_card(identity))
    return "failed: the network card's address\n";
  if (!set_machine_id())
    return "failed: the machine's id\n";
  return "done\n";
}

/// From now on the kernel tells the network when the card gets another address (ip-sysctl, "arp_notify").
bool announce_mac() {
  const long file = call(__NR_open, address("/proc/sys/net/ipv4/conf/all/arp_notify"), O_WRONLY | O_CLOEXEC);
  const bool done = call(__NR_write, file, address("1"), 1) == 1;
  call(__NR_close, file);
  return done;
}

const char* prepare() {
  if (call(__NR_access, address(kSshKey), 0) == 0)
    return "never: its SSH host keys would be those of all instances\n";
  return announce_mac() ? "ready\n" : "never: its kernel does not announce another network address\n";
}

/// Cuts a line into words; returns how many there are.
Word split(char* line, char** words, Word most) {
  Word count = 0;
  while (*line && count < most) {
    words[count++] = line;
    while (*line && *line != ' ')
      ++line;
    if (*line)
      *line++ = 0;
  }
  return count;
}

const char* answer(char* line) {
  constexpr Word kWords = 6;
  char* words[kWords + 1];
  const Word count = split(line, words, kWords + 1);
  if (count == 1 && same(words[0], "hello"))
    return prepare();
  if (count == 1 && same(words[0], "address"))
    return tell_address();
  Identity identity{};
  identity.renew = count == kWords + 1 && same(words[kWords], "renew");
  if ((count != kWords && !identity.renew) || !same(words[0], "identity") ||
      !parse_hex(words[2], identity.mac, kMac) || !parse_hex(words[5], identity.seed, kSeed))
    return "failed: no such order\n";
  identity.host = words[1];
  identity.time = {static_cast<long long>(number(words[3])), static_cast<long long>(number(words[4]))};
  return take_on(identity);
}

}  // namespace

extern "C" [[noreturn]] void start(const Word*) {
  static char line[512];
  const long port = call(__NR_open, address(kPort), O_RDWR | O_NOCTTY | O_CLOEXEC);
  if (port < 0 || !set_up(port))
    end(0);
  for (;;) {
    long size = call(__NR_read, port, address(line), sizeof line - 1);
    if (size == -4)  // EINTR
      continue;
    if (size <= 0)
      end(0);
    while (size > 0 && line[size - 1] == '\n')
      --size;
    line[size] = 0;
    if (size > 0)
      write_text(port, answer(line));
  }
}
