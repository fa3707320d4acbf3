// Fetches what a cloud hands to this instance: user data (docs/user-data.md) and the host name. It lays them
// out below FOLDER as QEMU's fw_cfg does: environment/raw (and its size), secret/<name>/raw, hostname/raw.
//   metadata openstack FOLDER                 from the config drive, a CD or a disk labelled config-2
//   metadata ec2 FOLDER                       from the instance metadata service, version 2
//   metadata files USER-DATA META-DATA FOLDER from files as they are on a config drive
// What is wrong is said on standard error and left out: a service starts with what there is.

#include <linux/fcntl.h>
#include <linux/in.h>
#include <linux/mount.h>
#include <linux/sched.h>
#include <linux/time_types.h>

#include <initializer_list>

#include "freestanding.hpp"
#include "json.hpp"

using namespace freestanding;
using json::Text;

namespace {

constexpr Word kLargest = 512 << 10;  // more than any cloud hands over
constexpr Word kSecrets = 64, kNameLength = 36, kVariableLength = 256, kHostLength = 63;

char user_data[kLargest], meta_data[kLargest], decoded[kLargest], path[4096];

void say(const char* what, const char* more = "") {
  write_text(2, "vmimage: ");
  write_text(2, what);
  write_text(2, more);
  write_text(2, "\n");
}

// Files.

/// `path` becomes these, one behind the other.
const char* join(const char* a, const char* b, const char* c = "", const char* d = "") {
  Word size = 0;
  for (const char* part : {a, b, c, d})
    for (; *part && size + 1 < sizeof path; ++part)
      path[size++] = *part;
  path[size] = 0;
  return path;
}

/// The size, or negative.
long read_file(const char* name, char* to, Word most) {
  const long file = call(__NR_open, address(name), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return file;
  Word size = 0;
  long got = 1;
  while (size < most && (got = call(__NR_read, file, address(to + size), static_cast<long>(most - size))) > 0)
    size += static_cast<Word>(got);
  call(__NR_close, file);
  return got < 0 ? got : static_cast<long>(size);
}

bool write_all(long file, const char* text, Word size) {
  while (size > 0) {
    const long written = call(__NR_write, file, address(text), static_cast<long>(size));
    if (written <= 0)
      return false;
    text += written;
    size -= static_cast<Word>(written);
  }
  return true;
}

/// FOLDER/<kind>/<name>/raw, or FOLDER/<kind>/raw; with another name for the last part.
long create(const char* folder, const char* kind, const char* name, const char* last) {
  char place[1024];
  call(__NR_mkdir, address(join(folder, "/", kind)), 0700);
  const char* made = join(folder, "/", kind, "/");
  Word size = length(made);
  if (size + kNameLength + 8 > sizeof place)
    return -1;
  memcpy(place, made, size + 1);
  if (*name) {
    call(__NR_mkdir, address(join(place, name)), 0700);
    return call(__NR_open, address(join(place, name, "/", last)), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC,
                0600);
  }
  return call(__NR_open, address(join(place, last)), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
}

bool write_file(const char* folder, const char* kind, const char* name, const char* text, Word size) {
  const long file = create(folder, kind, name, "raw");
  const bool done = file >= 0 && write_all(file, text, size);
  call(__NR_close, file);
  return done;
}

// The document. Each of these checks a part of it, and with a folder writes it there.

bool is_letter(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
}

bool is_digit(char c) {
  return c >= '0' && c <= '9';
}

bool is_variable(Text quoted) {
  const char *begin = quoted.begin + 1, *end = quoted.end - 1;
  if (begin == end || static_cast<Word>(end - begin) > kVariableLength || is_digit(*begin))
    return false;
  for (const char* at = begin; at != end; ++at)
    if (!is_letter(*at) && !is_digit(*at) && *at != '_')
      return false;
  return true;
}

bool is_secret_name(Text quoted) {
  const char *begin = quoted.begin + 1, *end = quoted.end - 1;
  if (begin == end || static_cast<Word>(end - begin) > kNameLength ||
      !(is_letter(*begin) || is_digit(*begin)))
    return false;
  for (const char* at = begin; at != end; ++at)
    if (!is_letter(*at) && !is_digit(*at) && *at != '.' && *at != '_' && *at != '-')
      return false;
  return true;
}

int base64_digit(char c) {
  return c >= 'A' && c <= 'Z'   ? c - 'A'
         : c >= 'a' && c <= 'z' ? c - 'a' + 26
         : is_digit(c)          ? c - '0' + 52
         : c == '+'             ? 62
         : c == '/'             ? 63
                                : -1;
}

/// In place; the size, or negative when it is no base64 (RFC 4648, section 4).
long decode_base64(char* text, char* end) {
  char* to = text;
  if ((end - text) % 4 != 0)
    return -1;
  for (char* at = text; at != end; at += 4) {
    const int padding = at + 4 != end ? 0 : at[3] != '=' ? 0 : at[2] != '=' ? 1 : 2;
    long bits = 0;
    for (int i = 0; i < 4; ++i) {
      const int digit = i >= 4 - padding ? 0 : base64_digit(at[i]);
      if (digit < 0)
        return -1;
      bits = bits << 6 | digit;
    }
    for (int i = 0; i < 3 - padding; ++i)
      *to++ = static_cast<char>(bits >> (16 - 8 * i));
  }
  return to - text;
}

const char* take_environment(Text object, const char* folder) {
  if (*object.begin != '{')
    return "'environment' is no object";
  const long file = folder ? create(folder, "environment", "", "raw") : -1;
  Text key, value;
  for (json::Members members(object); members.next(key, value);) {
    if (!is_variable(key))
      return "a name in 'environment' is none of an environment variable";
    if (!json::is_string(value))
      return "a value in 'environment' is no string";
    char* end = json::decode(value, decoded);
    for (const char* at = decoded; at != end; ++at)
      if (*at == '\n' || *at == 0)
        return "a value in 'environment' has a line break or a NUL";
    *end++ = '\n';
    if (folder && !(write_all(file, key.begin + 1, static_cast<Word>(key.end - key.begin - 2)) &&
                    write_all(file, "=", 1) && write_all(file, decoded, static_cast<Word>(end - decoded))))
      return "the environment cannot be written";
  }
  call(__NR_close, file);
  if (folder) {  // fw_cfg's, for which alone it matters
    const long size = create(folder, "environment", "", "size");
    write_text(size, "1\n");
    call(__NR_close, size);
  }
  return nullptr;
}

const char* take_secrets(Text object, const char* folder) {
  if (*object.begin != '{')
    return "'secrets' is no object";
  Word count = 0;
  Text key, value;
  for (json::Members members(object); members.next(key, value);) {
    if (!is_secret_name(key))
      return "a name in 'secrets' is none of a secret";
    if (++count > kSecrets)
      return "'secrets' has more than 64";
    if (!json::is_string(value))
      return "a value in 'secrets' is no string";
    const long size = decode_base64(decoded, json::decode(value, decoded));
    if (size < 0)
      return "a value in 'secrets' is no base64";
    char name[kNameLength + 1];
    const Word name_size = static_cast<Word>(key.end - key.begin - 2);
    memcpy(name, key.begin + 1, name_size);
    name[name_size] = 0;
    if (folder && !write_file(folder, "secret", name, decoded, static_cast<Word>(size)))
      return "a secret cannot be written";
  }
  return nullptr;
}

const char* take_members(Text document, const char* folder) {
  Text key, value;
  for (json::Members members(document); members.next(key, value);) {
    const char* wrong = key.is("\"vmimage\"")       ? nullptr
                        : key.is("\"environment\"") ? take_environment(value, folder)
                        : key.is("\"secrets\"")     ? take_secrets(value, folder)
                                                    : "it has a key that version 1 does not have";
    if (wrong)
      return wrong;
  }
  return nullptr;
}

const char* wrong_version(Text document) {
  Text key, value;
  for (json::Members members(document); members.next(key, value);)
    if (key.is("\"vmimage\""))
      return value.is("1") ? nullptr : "it is of a version that this image does not know: 1 is what it knows";
  return "it has no \"vmimage\": 1, so that it is meant for others";
}

void take_user_data(Text document, const char* folder) {
  if (document.begin == document.end)
    return;
  const char* wrong = json::is_object(document) ? wrong_version(document) : "it is no JSON object";
  if (!wrong)
    wrong = take_members(document, nullptr);
  if (!wrong)
    wrong = take_members(document, folder);
  if (wrong)
    say("the user data is ignored: ", wrong);
}

/// The first label is the host's name.
void take_host_name(const char* name, const char* end, const char* folder) {
  const char* at = name;
  while (at != end && (is_letter(*at) || is_digit(*at) || *at == '-'))
    ++at;
  const Word size = static_cast<Word>(at - name);
  if (size == 0 || size > kHostLength || (at != end && *at != '.' && *at != '\n')) {
    say("the host name is ignored: it is none");
    return;
  }
  if (!write_file(folder, "hostname", "", name, size))
    say("the host name cannot be written");
}

void take_meta_data(Text document, const char* folder) {
  if (!json::is_object(document)) {
    say("the metadata is ignored: it is no JSON object");
    return;
  }
  Text key, value;
  for (json::Members members(document); members.next(key, value);)
    if (key.is("\"hostname\"") && json::is_string(value))
      take_host_name(decoded, json::decode(value, decoded), folder);
}

/// Whether there was one.
bool take_files(const char* user, const char* meta, const char* folder) {
  const long meta_size = read_file(meta, meta_data, sizeof meta_data);
  if (meta_size >= 0)
    take_meta_data({meta_data, meta_data + meta_size}, folder);
  const long user_size = read_file(user, user_data, sizeof user_data);
  if (user_size == static_cast<long>(sizeof user_data))
    say("the user data is ignored: it is too large");
  else if (user_size >= 0)
    take_user_data({user_data, user_data + user_size}, folder);
  return meta_size >= 0 || user_size >= 0;
}

// Time.

void pause(long milliseconds) {
  const __kernel_timespec time{milliseconds / 1000, milliseconds % 1000 * 1000000};
  call(__NR_nanosleep, address(&time));
}

long now() {
  __kernel_timespec time{};
  call(__NR_clock_gettime, 1, address(&time));  // CLOCK_MONOTONIC
  return static_cast<long>(time.tv_sec * 1000 + time.tv_nsec / 1000000);
}

// OpenStack's config drive.

constexpr const char kLabel[] = "config-2";
constexpr long kScanTime =
    2000;  // devices behind a SCSI host appear some time after its driver has been loaded

/// A label, padded with blanks, in whatever case.
bool is_label(const Byte* field, Word size) {
  for (Word i = 0; i < size; ++i) {
    const char wanted = i < sizeof kLabel - 1 ? kLabel[i] : ' ';
    const char c =
        field[i] >= 'A' && field[i] <= 'Z' ? static_cast<char>(field[i] + 32) : static_cast<char>(field[i]);
    if (c != wanted)
      return false;
  }
  return true;
}

/// The type of the file system, if that has the label: ECMA-119, 8.4; FAT's boot sector.
const char* labelled(const char* device) {
  static Byte sector[2048];
  const long file = call(__NR_open, address(device), O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return nullptr;
  const char* type = nullptr;
  constexpr long kDescriptor = 16 * 2048;
  if (call(__NR_pread64, file, address(sector), sizeof sector, kDescriptor) == sizeof sector &&
      sector[0] == 1 &&
      Text{reinterpret_cast<char*>(sector) + 1, reinterpret_cast<char*>(sector) + 6}.is("CD001") &&
      is_label(sector + 40, 32))
    type = "iso9660";
  else if (call(__NR_pread64, file, address(sector), 512, 0) == 512 && sector[510] == 0x55 &&
           sector[511] == 0xaa && (is_label(sector + 43, 11) || is_label(sector + 71, 11)))
    type = "vfat";
  call(__NR_close, file);
  return type;
}

struct Directory {
  long file;
  long size = 0, at = 0;
  alignas(8) char entries[4096];

  explicit Directory(const char* name)
      : file(call(__NR_open, address(name), O_RDONLY | O_DIRECTORY | O_CLOEXEC)) {}
  ~Directory() { call(__NR_close, file); }

  /// The next entry's name; nullptr: there is none. linux_dirent64: getdents(2).
  const char* next() {
    if (at >= size) {
      size = call(__NR_getdents64, file, address(entries), sizeof entries);
      at = 0;
      if (size <= 0)
        return nullptr;
    }
    const char* entry = entries + at;
    at += *reinterpret_cast<const unsigned short*>(entry + 16);
    return entry[19] == '.' ? next() : entry + 19;
  }
};

bool has_entries(const char* folder) {
  Directory directory(folder);
  return directory.file >= 0 && directory.next();
}

void read_drive(const char* device, const char* type, const char* folder) {
  // In a namespace of its own: nobody else sees what is on the drive, and it is unmounted however this ends.
  static char point[1024], user[1100], meta[1100];
  const char* made = join(folder, "/drive");
  memcpy(point, made, length(made) + 1);
  made = join(point, "/openstack/latest/user_data");
  memcpy(user, made, length(made) + 1);
  made = join(point, "/openstack/latest/meta_data.json");
  memcpy(meta, made, length(made) + 1);
  call(__NR_mkdir, address(point), 0700);
  if (call(__NR_unshare, CLONE_NEWNS) < 0 ||
      call(__NR_mount, address("none"), address("/"), 0, MS_REC | MS_PRIVATE) < 0 ||
      call(__NR_mount, address(device), address(point), address(type),
           MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC) < 0) {
    say("the config drive cannot be mounted");
    return;
  }
  if (!take_files(user, meta, folder))
    say("the config drive has nothing in openstack/latest");
  call(__NR_umount2, address(point), 0);
  call(__NR_rmdir, address(point));
}

bool find_drive(const char* folder) {
  Directory disks("/sys/block");
  if (disks.file < 0)
    return false;
  while (const char* name = disks.next()) {
    char device[64];
    const char* made = join("/dev/", name);
    if (length(made) >= sizeof device)
      continue;
    memcpy(device, made, length(made) + 1);
    if (const char* type = labelled(device)) {
      read_drive(device, type, folder);
      return true;
    }
  }
  return false;
}

void openstack(const char* folder) {
  const long begun = now();
  while (!find_drive(folder)) {
    if (!has_entries("/sys/class/scsi_host") || now() - begun > kScanTime)
      return;  // not every cloud gives one
    pause(20);
  }
}

// EC2's instance metadata service, version 2.

constexpr long kServiceTime = 60000;
constexpr long kStream = 1, kSocketLevel = 1, kReceiveTimeout = 20,
               kSendTimeout = 21;  // SOCK_STREAM, SOL_SOCKET, SO_…

struct Answer {
  long status = 0;  ///< of HTTP; 0: there was none
  Text body;
};

Text after_headers(char* begin, char* end) {
  for (char* at = begin; end - at >= 4; ++at)
    if (at[0] == '\r' && at[1] == '\n' && at[2] == '\r' && at[3] == '\n')
      return {at + 4, end};
  return {};
}

/// A header's number; negative: there is no such header.
long header(const char* begin, const char* end, const char* name) {
  for (const char* at = begin; at < end; ++at) {
    if (at[-1] != '\n')
      continue;
    const char *c = at, *wanted = name;
    while (c < end && *wanted && (*c == *wanted || *c + 32 == *wanted))
      ++c, ++wanted;
    if (*wanted)
      continue;
    while (c < end && (*c == ' ' || *c == ':'))
      ++c;
    return static_cast<long>(number(c));
  }
  return -1;
}

long connect_service() {
  const long socket = call(__NR_socket, 2, kStream);  // AF_INET
  const __kernel_old_timeval timeout{3, 0};
  for (const long option : {kReceiveTimeout, kSendTimeout})
    call(__NR_setsockopt, socket, kSocketLevel, option, address(&timeout), sizeof timeout);
  sockaddr_in service{};
  service.sin_family = 2;
  service.sin_port = __builtin_bswap16(80);
  service.sin_addr.s_addr = __builtin_bswap32(0xa9fea9fe);  // 169.254.169.254
  if (call(__NR_connect, socket, address(&service), sizeof service) == 0)
    return socket;
  call(__NR_close, socket);
  return -1;
}

/// The answer is kept in `to`.
Answer request(const char* method, const char* resource, const char* line, const char* value, char* to,
               Word most) {
  const long socket = connect_service();
  if (socket < 0)
    return {};
  static char text[2048];
  Word size = 0;
  for (const char* part :
       {method, " ", resource, " HTTP/1.1\r\nHost: 169.254.169.254\r\nConnection: close\r\n", line, ": ",
        value, *method == 'P' ? "\r\nContent-Length: 0\r\n\r\n" : "\r\n\r\n"})
    for (; *part && size < sizeof text; ++part)
      text[size++] = *part;
  Word got = 0;
  if (write_all(socket, text, size)) {
    long piece = 0;
    while (got < most &&
           (piece = call(__NR_read, socket, address(to + got), static_cast<long>(most - got))) > 0)
      got += static_cast<Word>(piece);
  }
  call(__NR_close, socket);
  Answer answer;
  answer.body = after_headers(to, to + got);
  if (!answer.body.begin || got < 12)
    return {};
  const long announced = header(to + 1, answer.body.begin, "content-length");
  if (announced >= 0) {
    if (answer.body.end - answer.body.begin < announced)
      return {};  // cut
    answer.body.end = answer.body.begin + announced;
  }
  answer.status = static_cast<long>(number(to + 9));
  return answer;
}

/// Waits for network and service; empty: there is no token to be had.
const char* fetch_token() {
  static char answer[4096];
  const long begun = now();
  for (;;) {
    const Answer got = request("PUT", "/latest/api/token", "X-aws-ec2-metadata-token-ttl-seconds", "300",
                               answer, sizeof answer - 1);
    if (got.status == 200) {
      const_cast<char*>(got.body.end)[0] = 0;
      return got.body.begin;
    }
    if (got.status >= 400 && got.status < 500) {
      say("the metadata service refuses: is it disabled for this instance?");
      return "";
    }
    if (now() - begun > kServiceTime) {
      say("the metadata service did not answer within 60 s");
      return "";
    }
    pause(100);
  }
}

/// Without a body when there is none.
Answer fetch(const char* resource, const char* token, char* to, Word most) {
  Answer answer;
  for (int tries = 0; tries < 5; ++tries) {
    answer = request("GET", resource, "X-aws-ec2-metadata-token", token, to, most);
    if (answer.status == 200 || answer.status == 404)
      return answer.status == 200 ? answer : Answer{};
    pause(200);
  }
  say("the metadata service does not give ", resource);
  return {};
}

void ec2(const char* folder) {
  const char* token = fetch_token();
  if (!*token)
    return;
  const Answer host = fetch("/latest/meta-data/local-hostname", token, meta_data, sizeof meta_data);
  if (host.body.begin)
    take_host_name(host.body.begin, host.body.end, folder);
  take_user_data(fetch("/latest/user-data", token, user_data, sizeof user_data).body, folder);
}

}  // namespace

extern "C" [[noreturn]] void start(const Word* stack) {
  const char* const* argv = reinterpret_cast<const char* const*>(stack + 1);
  const Word count = stack[0];
  if (count < 3 || length(argv[count - 1]) > 512) {
    say("usage: metadata openstack|ec2 FOLDER");
    end(2);
  }
  const char* folder = argv[count - 1];
  call(__NR_mkdir, address(folder), 0700);
  if (count == 3 && same(argv[1], "openstack"))
    openstack(folder);
  else if (count == 3 && same(argv[1], "ec2"))
    ec2(folder);
  else if (count == 5 && same(argv[1], "files"))
    take_files(argv[2], argv[3], folder);
  else
    end(2);
  end(0);
}
