#include "filesystem/ext4.hpp"

#include <ext2fs/ext2fs.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>
#include <utility>

#include "filesystem/block_device.hpp"
#include "filesystem/ext4_io.hpp"
#include "support/error.hpp"
#include "support/process.hpp"

namespace vmimage::filesystem {

using support::failure;
namespace fs = std::filesystem;

namespace {

std::uint16_t type_bits(NodeType type) {
  switch (type) {
    case NodeType::File:
      return LINUX_S_IFREG;
    case NodeType::Directory:
      return LINUX_S_IFDIR;
    case NodeType::Symlink:
      return LINUX_S_IFLNK;
    case NodeType::CharacterDevice:
      return LINUX_S_IFCHR;
    case NodeType::BlockDevice:
      return LINUX_S_IFBLK;
    case NodeType::Fifo:
      return LINUX_S_IFIFO;
    case NodeType::Socket:
      return LINUX_S_IFSOCK;
  }
  return 0;
}

NodeType node_type(std::uint16_t mode) {
  switch (mode & LINUX_S_IFMT) {
    case LINUX_S_IFDIR:
      return NodeType::Directory;
    case LINUX_S_IFLNK:
      return NodeType::Symlink;
    case LINUX_S_IFCHR:
      return NodeType::CharacterDevice;
    case LINUX_S_IFBLK:
      return NodeType::BlockDevice;
    case LINUX_S_IFIFO:
      return NodeType::Fifo;
    case LINUX_S_IFSOCK:
      return NodeType::Socket;
    default:
      return NodeType::File;
  }
}

/// File type in a directory entry (struct ext2_dir_entry_2).
int entry_type(NodeType type) {
  switch (type) {
    case NodeType::File:
      return EXT2_FT_REG_FILE;
    case NodeType::Directory:
      return EXT2_FT_DIR;
    case NodeType::Symlink:
      return EXT2_FT_SYMLINK;
    case NodeType::CharacterDevice:
      return EXT2_FT_CHRDEV;
    case NodeType::BlockDevice:
      return EXT2_FT_BLKDEV;
    case NodeType::Fifo:
      return EXT2_FT_FIFO;
    case NodeType::Socket:
      return EXT2_FT_SOCK;
  }
  return EXT2_FT_UNKNOWN;
}

/// "/a//b/" → {"/a", "b"}; the root gives {"/", ""}.
std::pair<std::string, std::string> split(const std::string& path) {
  const fs::path clean = fs::path(path).lexically_normal();
  std::string text = clean.string();
  while (text.size() > 1 && text.back() == '/')
    text.pop_back();
  if (text == "/" || text.empty() || text[0] != '/')
    return {"/", ""};
  const auto slash = text.rfind('/');
  return {slash == 0 ? "/" : text.substr(0, slash), text.substr(slash + 1)};
}

/// Signed seconds, and two more bits that count the epochs of 2^32 seconds from there (kernel docs,
/// filesystems/ext4/inodes, "Inode Timestamps").
void put_time(std::uint32_t& seconds, std::uint32_t& extra, std::int64_t time) {
  seconds = static_cast<std::uint32_t>(time);
  extra = static_cast<std::uint32_t>(((time - static_cast<std::int32_t>(time)) >> 32) & 3);
}

std::int64_t get_time(std::uint32_t seconds, std::uint32_t extra) {
  return static_cast<std::int32_t>(seconds) + (static_cast<std::int64_t>(extra & 3) << 32);
}

/// Of e2fsprogs' codes and of errno's, which libext2fs returns too.
std::string text_of(errcode_t problem) {
  static const bool initialized = [] {
    initialize_ext2_error_table();
    return true;
  }();
  return initialized ? error_message(problem) : "";
}

}  // namespace

/// Named one by one, because no configuration file of the host is to be asked: what mke2fs.conf(5) of Debian
/// 12 gives an ext4 file system, which any kernel since 3.18 takes.
constexpr const char* kFeatures =
    "none,has_journal,ext_attr,resize_inode,dir_index,filetype,extent,64bit,flex_bg,sparse_super,large_file,"
    "huge_file,dir_nlink,extra_isize,metadata_csum";

void format_ext4(const fs::path& file, std::uint64_t offset, std::uint64_t size, const std::string& label,
                 const std::string& uuid, std::int64_t time) {
  // Small journals: the whole disk of a service VM is small, and zeroes cost nothing in a sparse image.
  const std::uint64_t journal_mib = size < (512ull << 20) ? 4 : 16;
  const std::string options =
      fmt::format("offset={},hash_seed={},assume_storage_prezeroed=1,root_owner=0:0,nodiscard", offset, uuid);
  const std::string fake_time = std::to_string(std::max<std::int64_t>(time, 1));
  support::run_checked({.argv = {"mke2fs",
                                 "-q",
                                 "-F",
                                 "-t",
                                 "ext4",
                                 "-b",
                                 "4096",
                                 "-I",
                                 "256",
                                 "-m",
                                 "0",
                                 "-L",
                                 label,
                                 "-U",
                                 uuid,
                                 "-J",
                                 fmt::format("size={}", journal_mib),
                                 "-O",
                                 kFeatures,
                                 "-E",
                                 options,
                                 file.string(),
                                 fmt::format("{}k", size / 1024)},
                        .environment = {{"E2FSPROGS_FAKE_TIME", fake_time}, {"MKE2FS_CONFIG", "/dev/null"}},
                        .timeout = std::chrono::minutes(5),
                        .on_line = {}});
}

constexpr std::size_t kLongestPath = 4 * 4096;  // PATH_MAX is what programs can name at once (limits.h)

struct Ext4::State {
  ext2_filsys fs = nullptr;
  std::int64_t time = 0;
  std::set<ext2_ino_t> removing;              ///< folders whose content is being removed
  std::map<std::string, ext2_ino_t> folders;  ///< resolved parents: most files of a tree share them

  ~State() {
    if (fs)
      ext2fs_free(fs);
  }

  void check(errcode_t problem, const char* what, const std::string& path) const {
    if (!problem)
      return;
    support::check_interrupt();
    std::string cause = text_of(problem);
    std::string hint;
    if (problem == EXT2_ET_BLOCK_ALLOC_FAIL || problem == EXT2_ET_INODE_ALLOC_FAIL) {
      const auto block_size = static_cast<std::uint64_t>(fs->blocksize);
      cause = fmt::format("no space left in the image's root file system of {} MiB",
                          ext2fs_blocks_count(fs->super) * block_size >> 20);
      hint = "give the image a larger DISK";
    } else if (problem == EXT2_ET_SHORT_WRITE) {
      cause = "the disk image cannot be written (is the host's disk full?)";
    }
    throw failure(fmt::format("failed to {} '{}' in the image: {}", what, path, cause), hint);
  }

  ext2_ino_t find(const std::string& path) const {
    ext2_ino_t inode = 0;
    const auto [parent, name] = split(path);
    if (name.empty())
      return EXT2_ROOT_INO;
    ext2_ino_t folder = 0;
    if (ext2fs_namei_follow(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, parent.c_str(), &folder))
      return 0;
    if (ext2fs_lookup(fs, folder, name.c_str(), static_cast<int>(name.size()), nullptr, &inode))
      return 0;
    return inode;
  }

  ext2_ino_t require(const std::string& path, const char* what) const {
    const ext2_ino_t inode = find(path);
    if (!inode)
      throw failure(fmt::format("failed to {} '{}' in the image: no such file", what, path));
    return inode;
  }

  struct ext2_inode_large read_inode(ext2_ino_t number, const std::string& path) const {
    struct ext2_inode_large inode {};
    check(ext2fs_read_inode_full(fs, number, reinterpret_cast<ext2_inode*>(&inode), sizeof(inode)), "read",
          path);
    return inode;
  }

  void write_inode(ext2_ino_t number, struct ext2_inode_large& inode, const std::string& path) const {
    check(ext2fs_write_inode_full(fs, number, reinterpret_cast<ext2_inode*>(&inode), sizeof(inode)), "write",
          path);
  }

  void apply(struct ext2_inode_large& inode, NodeType type, const Attributes& attributes) const {
    inode.i_mode = static_cast<std::uint16_t>(type_bits(type) | (attributes.mode & 07777));
    inode.i_uid = static_cast<std::uint16_t>(attributes.uid & 0xffff);
    inode.osd2.linux2.l_i_uid_high = static_cast<std::uint16_t>(attributes.uid >> 16);
    inode.i_gid = static_cast<std::uint16_t>(attributes.gid & 0xffff);
    inode.osd2.linux2.l_i_gid_high = static_cast<std::uint16_t>(attributes.gid >> 16);
    inode.i_extra_isize = sizeof(inode) - EXT2_GOOD_OLD_INODE_SIZE;
    const std::int64_t stamp = attributes.mtime.value_or(time);
    put_time(inode.i_mtime, inode.i_mtime_extra, stamp);
    put_time(inode.i_atime, inode.i_atime_extra, stamp);
    put_time(inode.i_ctime, inode.i_ctime_extra, stamp);
    put_time(inode.i_crtime, inode.i_crtime_extra, stamp);
  }

  ext2_ino_t folder_of(const std::string& path);
  ext2_ino_t add_folder(ext2_ino_t parent, const std::string& name, const std::string& path);
  void add_entry(ext2_ino_t folder, const std::string& name, ext2_ino_t inode, NodeType type,
                 const std::string& path);
  ext2_ino_t new_inode(ext2_ino_t folder, NodeType type, const std::string& path);
  void count_blocks(ext2_ino_t number, struct ext2_inode_large& inode, const std::string& path);
  void write_extents(ext2_ino_t number, std::uint64_t size, const ContentReader& content,
                     const std::string& path);
  void drop(ext2_ino_t number, const std::string& path);
  void remove_entry(ext2_ino_t folder, const std::string& name, const std::string& path);
  std::vector<std::pair<std::string, ext2_ino_t>> entries(ext2_ino_t folder, const std::string& path) const;
  void replace_with(const std::string& path, ext2_ino_t& folder, std::string& name);
  Status status_of(ext2_ino_t number, const std::string& path) const;
  void read_inline(ext2_ino_t number, std::uint64_t size, const ContentSink& sink,
                   const std::string& path) const;
  void read_content(ext2_ino_t number, const ContentSink& sink, const std::string& path) const;
  void enter(ext2_ino_t folder, const std::string& path, std::set<ext2_ino_t>& known) const;
  void walk(ext2_ino_t folder, const std::string& path, std::set<ext2_ino_t>& known,
            const std::function<void(const Entry&)>& each) const;
};

Ext4::Ext4(BlockDevice& device, std::uint64_t offset, Access access, std::int64_t time)
    : state_(std::make_unique<State>()) {
  const DeviceScope scope(device, offset);
  const int flags = EXT2_FLAG_64BITS | (access == Access::Write ? EXT2_FLAG_RW : 0);
  const errcode_t problem = ext2fs_open("image", flags, 0, 0, DeviceScope::manager(), &state_->fs);
  if (problem)
    throw failure(fmt::format("failed to read the image's root file system: {}", text_of(problem)));
  state_->time = time;
  // libext2fs stamps what it changes with this instead of the clock; 0 would mean the clock.
  state_->fs->now = static_cast<time_t>(std::max<std::int64_t>(time, 1));
  if (access == Access::Write)
    state_->check(ext2fs_read_bitmaps(state_->fs), "read", "block bitmaps");
}

Ext4::~Ext4() = default;

void Ext4::close() {
  if (!state_->fs)
    return;
  const ext2_filsys open = state_->fs;
  open->super->s_kbytes_written = 0;  // counts writes, so it would tell one build from another
  const errcode_t problem = ext2fs_close_free(&state_->fs);
  if (problem)
    throw failure(fmt::format("failed to write the image's root file system: {}", text_of(problem)),
                  "is the host's disk full?");
}

/// libext2fs keeps eight bits of the length, and would write a damaged folder.
void check_name(const std::string& name, const std::string& path) {
  if (name.size() > EXT2_NAME_LEN)
    throw failure(
        fmt::format("failed to make '{}' in the image: a name has at most {} bytes", path, EXT2_NAME_LEN));
}

ext2_ino_t Ext4::State::add_folder(ext2_ino_t parent, const std::string& name, const std::string& path) {
  check_name(name, path);
  errcode_t problem = ext2fs_mkdir(fs, parent, 0, name.c_str());
  if (problem == EXT2_ET_DIR_NO_SPACE) {
    check(ext2fs_expand_dir(fs, parent), "make folder", path);
    problem = ext2fs_mkdir(fs, parent, 0, name.c_str());
  }
  check(problem, "make folder", path);
  ext2_ino_t inode = 0;
  check(ext2fs_lookup(fs, parent, name.c_str(), static_cast<int>(name.size()), nullptr, &inode),
        "make folder", path);
  struct ext2_inode_large node = read_inode(inode, path);
  apply(node, NodeType::Directory, {.mode = 0755});
  write_inode(inode, node, path);
  return inode;
}

ext2_ino_t Ext4::State::folder_of(const std::string& path) {
  const std::string parent = split(path).first;
  if (const auto known = folders.find(parent); known != folders.end())
    return known->second;
  ext2_ino_t inode = 0;
  if (ext2fs_namei_follow(fs, EXT2_ROOT_INO, EXT2_ROOT_INO, parent.c_str(), &inode)) {
    const auto [above, name] = split(parent);
    inode = add_folder(folder_of(parent), name, parent);
  }
  if (ext2fs_check_directory(fs, inode))
    throw failure(fmt::format("failed to make '{}' in the image: '{}' is no folder", path, parent));
  folders[parent] = inode;
  return inode;
}

void Ext4::State::add_entry(ext2_ino_t folder, const std::string& name, ext2_ino_t inode, NodeType type,
                            const std::string& path) {
  errcode_t problem = ext2fs_link(fs, folder, name.c_str(), inode, entry_type(type));
  if (problem == EXT2_ET_DIR_NO_SPACE) {
    check(ext2fs_expand_dir(fs, folder), "make", path);
    problem = ext2fs_link(fs, folder, name.c_str(), inode, entry_type(type));
  }
  check(problem, "make", path);
}

ext2_ino_t Ext4::State::new_inode(ext2_ino_t folder, NodeType type, const std::string& path) {
  ext2_ino_t inode = 0;
  check(ext2fs_new_inode(fs, folder, type_bits(type) | 0644, nullptr, &inode), "make", path);
  ext2fs_inode_alloc_stats2(fs, inode, +1, 0);
  return inode;
}

/// ext2fs_fallocate() loses count of a file whose extents need a tree of blocks.
void Ext4::State::count_blocks(ext2_ino_t number, struct ext2_inode_large& inode, const std::string& path) {
  blk64_t count = 0;
  const auto each = [](ext2_filsys, blk64_t*, e2_blkcnt_t, blk64_t, int, void* data) {
    ++*static_cast<blk64_t*>(data);
    return 0;
  };
  check(ext2fs_block_iterate3(fs, number, BLOCK_FLAG_READ_ONLY, nullptr, each, &count), "write", path);
  check(ext2fs_iblk_set(fs, reinterpret_cast<ext2_inode*>(&inode), count), "write", path);
}

/// All blocks at once, so that a file is one piece where the disk has room, then the data in large writes.
void Ext4::State::write_extents(ext2_ino_t number, std::uint64_t size, const ContentReader& content,
                                const std::string& path) {
  struct ext2_inode_large inode = read_inode(number, path);
  const std::uint64_t block_size = fs->blocksize;
  const blk64_t blocks = (size + block_size - 1) / block_size;
  auto* plain = reinterpret_cast<ext2_inode*>(&inode);
  if (blocks > 0) {
    check(ext2fs_fallocate(fs, EXT2_FALLOCATE_FORCE_INIT, number, plain, ~0ull, 0, blocks), "write", path);
    inode = read_inode(number, path);
    count_blocks(number, inode, path);
  }
  check(ext2fs_inode_size_set(fs, plain, static_cast<ext2_off64_t>(size)), "write", path);
  write_inode(number, inode, path);

  std::vector<char> buffer;
  std::string_view rest;
  std::uint64_t done = 0;
  for (blk64_t logical = 0; logical < blocks;) {
    support::check_interrupt();
    blk64_t physical = 0;
    check(ext2fs_bmap2(fs, number, plain, nullptr, 0, logical, nullptr, &physical), "write", path);
    blk64_t run = 1;  // neighbours on disk, up to 4 MiB at a time
    for (blk64_t next = 0; logical + run < blocks && run * block_size < (4u << 20); ++run) {
      check(ext2fs_bmap2(fs, number, plain, nullptr, 0, logical + run, nullptr, &next), "write", path);
      if (next != physical + run)
        break;
    }
    buffer.assign(run * block_size, 0);
    const std::uint64_t wanted = std::min<std::uint64_t>(buffer.size(), size - done);
    for (std::uint64_t filled = 0; filled < wanted;) {
      if (rest.empty())
        rest = content();
      if (rest.empty())
        throw failure(
            fmt::format("failed to write '{}' in the image: its source got shorter meanwhile", path));
      const auto part = std::min<std::uint64_t>(rest.size(), wanted - filled);
      std::memcpy(buffer.data() + filled, rest.data(), part);
      rest.remove_prefix(part);
      filled += part;
    }
    done += wanted;
    check(io_channel_write_blk64(fs->io, physical, static_cast<int>(run), buffer.data()), "write", path);
    logical += run;
  }
}

std::vector<std::pair<std::string, ext2_ino_t>> Ext4::State::entries(ext2_ino_t folder,
                                                                     const std::string& path) const {
  std::vector<std::pair<std::string, ext2_ino_t>> list;
  const auto collect = [](struct ext2_dir_entry* entry, int, int, char*, void* data) {
    const std::string name(entry->name, static_cast<std::size_t>(ext2fs_dirent_name_len(entry)));
    if (name != "." && name != ".." && entry->inode)
      static_cast<std::vector<std::pair<std::string, ext2_ino_t>>*>(data)->emplace_back(name, entry->inode);
    return 0;
  };
  check(ext2fs_dir_iterate(fs, folder, 0, nullptr, collect, &list), "list", path);
  std::sort(list.begin(), list.end());
  return list;
}

/// One link less; the last one frees inode and blocks.
void Ext4::State::drop(ext2_ino_t number, const std::string& path) {
  struct ext2_inode_large inode = read_inode(number, path);
  const bool folder = LINUX_S_ISDIR(inode.i_mode);
  if (!folder && inode.i_links_count > 1) {
    --inode.i_links_count;
    write_inode(number, inode, path);
    return;
  }
  auto* plain = reinterpret_cast<ext2_inode*>(&inode);
  if (ext2fs_inode_has_valid_blocks2(fs, plain))
    check(ext2fs_punch(fs, number, plain, nullptr, 0, ~0ull), "remove", path);
  ext2fs_free_ext_attr(fs, number, &inode);
  inode.i_links_count = 0;
  inode.i_dtime = static_cast<std::uint32_t>(fs->now);
  write_inode(number, inode, path);
  ext2fs_inode_alloc_stats2(fs, number, -1, folder ? 1 : 0);
}

/// A folder is in one place, and paths have an end; in a damaged file system, or one made to harm, neither
/// holds.
void Ext4::State::enter(ext2_ino_t folder, const std::string& path, std::set<ext2_ino_t>& known) const {
  if (path.size() > kLongestPath)
    throw failure(
        fmt::format("failed to go into '{}…' in the image: its path is too long", path.substr(0, 64)));
  if (!known.insert(folder).second)
    throw failure(fmt::format("failed to go into '{}' in the image: the folder is there twice", path),
                  "the file system is damaged; e2fsck(8) repairs it");
}

void Ext4::State::remove_entry(ext2_ino_t folder, const std::string& name, const std::string& path) {
  ext2_ino_t number = 0;
  if (ext2fs_lookup(fs, folder, name.c_str(), static_cast<int>(name.size()), nullptr, &number))
    return;
  const struct ext2_inode_large inode = read_inode(number, path);
  if (LINUX_S_ISDIR(inode.i_mode)) {
    enter(number, path, removing);
    for (const auto& entry : entries(number, path))
      remove_entry(number, entry.first, path + "/" + entry.first);
    removing.erase(number);
    struct ext2_inode_large above = read_inode(folder, path);
    --above.i_links_count;  // the child's ".."
    write_inode(folder, above, path);
  }
  if (LINUX_S_ISDIR(inode.i_mode) || LINUX_S_ISLNK(inode.i_mode))
    folders.clear();  // paths may have led through it
  check(ext2fs_unlink(fs, folder, name.c_str(), number, 0), "remove", path);
  drop(number, path);
}

void Ext4::State::replace_with(const std::string& path, ext2_ino_t& folder, std::string& name) {
  name = split(path).second;
  if (name.empty())
    throw failure(fmt::format("failed to make '{}' in the image: it is the root folder", path));
  check_name(name, path);
  folder = folder_of(path);
  remove_entry(folder, name, path);
}

Status Ext4::State::status_of(ext2_ino_t number, const std::string& path) const {
  struct ext2_inode_large inode = read_inode(number, path);
  Status status{node_type(inode.i_mode),
                {inode.i_mode & 07777u, inode_uid(inode), inode_gid(inode),
                 get_time(inode.i_mtime, inode.i_mtime_extra)},
                EXT2_I_SIZE(&inode),
                {}};
  if (status.type != NodeType::Symlink)
    return status;
  if (ext2fs_is_fast_symlink(reinterpret_cast<ext2_inode*>(&inode)))
    status.target.assign(reinterpret_cast<const char*>(inode.i_block),
                         std::min<std::size_t>(inode.i_size, sizeof(inode.i_block)));
  else if (status.size <= fs->blocksize)  // what a link can have: filesystems/ext4/ifork, "Symbolic Links"
    read_content(
        number, [&](std::string_view bytes) { status.target += bytes; }, path);
  return status;
}

std::optional<Status> Ext4::status(const std::string& path) const {
  const ext2_ino_t number = state_->find(path);
  if (!number)
    return std::nullopt;
  return state_->status_of(number, path);
}

/// Content that is kept inside the inode, which libext2fs fills up with zeroes.
void Ext4::State::read_inline(ext2_ino_t number, std::uint64_t size, const ContentSink& sink,
                              const std::string& path) const {
  ext2_file_t file = nullptr;
  check(ext2fs_file_open(fs, number, 0, &file), "read", path);
  std::vector<char> buffer(fs->blocksize);
  unsigned got = 0;
  const errcode_t problem = ext2fs_file_read(
      file, buffer.data(), static_cast<unsigned>(std::min<std::uint64_t>(size, buffer.size())), &got);
  ext2fs_file_close(file);
  check(problem, "read", path);
  sink({buffer.data(), std::min<std::uint64_t>(got, size)});
}

/// Neighbours on disk are read at once: a request to the device for each block would cost more than the
/// copying.
void Ext4::State::read_content(ext2_ino_t number, const ContentSink& sink, const std::string& path) const {
  struct ext2_inode_large inode = read_inode(number, path);
  if (inode.i_flags & EXT4_INLINE_DATA_FL)
    return read_inline(number, EXT2_I_SIZE(&inode), sink, path);
  auto* plain = reinterpret_cast<ext2_inode*>(&inode);
  const std::uint64_t size = EXT2_I_SIZE(&inode), block_size = fs->blocksize;
  const blk64_t blocks = (size + block_size - 1) / block_size;
  const auto place = [&](blk64_t logical) {  // 0: a hole, or written to never
    blk64_t physical = 0;
    int flags = 0;
    check(ext2fs_bmap2(fs, number, plain, nullptr, 0, logical, &flags, &physical), "read", path);
    return (flags & BMAP_RET_UNINIT) ? 0 : physical;
  };
  std::vector<char> buffer;
  blk64_t next = blocks ? place(0) : 0;
  for (blk64_t logical = 0; logical < blocks;) {
    support::check_interrupt();
    const blk64_t physical = next;
    blk64_t run = 1;
    for (; logical + run < blocks && run * block_size < (1u << 20); ++run) {
      next = place(logical + run);
      if (next != (physical ? physical + run : 0))
        break;
    }
    if (run * block_size >= (1u << 20) && logical + run < blocks)
      next = place(logical + run);
    buffer.resize(run * block_size);
    if (physical)
      check(io_channel_read_blk64(fs->io, physical, static_cast<int>(run), buffer.data()), "read", path);
    else
      std::fill(buffer.begin(), buffer.end(), '\0');
    sink({buffer.data(), std::min<std::uint64_t>(buffer.size(), size - logical * block_size)});
    logical += run;
  }
}

void Ext4::read(const std::string& path, const ContentSink& sink) const {
  state_->read_content(state_->require(path, "read"), sink, path);
}

void Ext4::read(const Entry& entry, const ContentSink& sink) const {
  state_->read_content(entry.inode, sink, entry.path);
}

void Ext4::State::walk(ext2_ino_t folder, const std::string& path, std::set<ext2_ino_t>& known,
                       const std::function<void(const Entry&)>& each) const {
  support::check_interrupt();
  enter(folder, path, known);
  for (const auto& [name, number] : entries(folder, path)) {
    const std::string below = (path == "/" ? "" : path) + "/" + name;
    if (name.find_first_of(std::string("/\0", 2)) != std::string::npos)
      throw failure(fmt::format("failed to list '{}' in the image: its name is no file name", below),
                    "the file system is damaged; e2fsck(8) repairs it");
    const Entry entry{below, status_of(number, below), number};
    each(entry);
    if (entry.status.type == NodeType::Directory)
      walk(number, below, known, each);
  }
}

void Ext4::walk(const std::string& folder, const std::function<void(const Entry&)>& each) const {
  std::set<ext2_ino_t> known;
  state_->walk(state_->require(folder, "list"), folder, known, each);
}

std::string Ext4::read(const std::string& path) const {
  std::string content;
  read(path, [&](std::string_view bytes) { content += bytes; });
  return content;
}

std::vector<std::string> Ext4::list(const std::string& path) const {
  std::vector<std::string> names;
  for (const auto& entry : state_->entries(state_->require(path, "list"), path))
    names.push_back(entry.first);
  return names;
}

void Ext4::make_directory(const std::string& path, const Attributes& attributes) {
  ext2_ino_t number = state_->find(path);
  if (number && !LINUX_S_ISDIR(state_->read_inode(number, path).i_mode)) {
    remove(path);
    number = 0;
  }
  if (!number)
    number = state_->add_folder(state_->folder_of(path), split(path).second, path);
  struct ext2_inode_large inode = state_->read_inode(number, path);
  state_->apply(inode, NodeType::Directory, attributes);
  state_->write_inode(number, inode, path);
}

void Ext4::write_file(const std::string& path, const Attributes& attributes, std::uint64_t size,
                      const ContentReader& content) {
  ext2_ino_t folder = 0;
  std::string name;
  state_->replace_with(path, folder, name);
  const ext2_ino_t number = state_->new_inode(folder, NodeType::File, path);
  struct ext2_inode_large inode {};
  state_->apply(inode, NodeType::File, attributes);
  inode.i_links_count = 1;
  if (ext2fs_has_feature_extents(state_->fs->super)) {  // ext2 and ext3 have maps of blocks
    ext2_extent_handle_t handle = nullptr;
    inode.i_flags |= EXT4_EXTENTS_FL;
    state_->check(ext2fs_extent_open2(state_->fs, number, reinterpret_cast<ext2_inode*>(&inode), &handle),
                  "write", path);
    ext2fs_extent_free(handle);
  }
  state_->write_inode(number, inode, path);
  state_->write_extents(number, size, content, path);
  state_->add_entry(folder, name, number, NodeType::File, path);
}

void Ext4::write_file(const std::string& path, const Attributes& attributes, std::string_view content) {
  write_file(path, attributes, content.size(),
             [rest = content]() mutable { return std::exchange(rest, {}); });
}

void Ext4::make_symlink(const std::string& path, const std::string& target, const Attributes& attributes) {
  ext2_ino_t folder = 0;
  std::string name;
  state_->replace_with(path, folder, name);
  ext2_ino_t number = 0;
  state_->check(ext2fs_new_inode(state_->fs, folder, LINUX_S_IFLNK | 0777, nullptr, &number), "make link",
                path);
  state_->check(ext2fs_symlink(state_->fs, folder, number, nullptr, target.c_str()), "make link", path);
  state_->add_entry(folder, name, number, NodeType::Symlink, path);
  struct ext2_inode_large inode = state_->read_inode(number, path);
  state_->apply(inode, NodeType::Symlink, {0777, attributes.uid, attributes.gid, attributes.mtime});
  state_->write_inode(number, inode, path);
}

void Ext4::make_node(const std::string& path, NodeType type, const Attributes& attributes, unsigned major,
                     unsigned minor) {
  ext2_ino_t folder = 0;
  std::string name;
  state_->replace_with(path, folder, name);
  const ext2_ino_t number = state_->new_inode(folder, type, path);
  struct ext2_inode_large inode {};
  state_->apply(inode, type, attributes);
  inode.i_links_count = 1;
  // Linux encodes small numbers in the first word, large ones in the second (ext4_set_inode, new_encode_dev).
  if (major < 256 && minor < 256)
    inode.i_block[0] = major * 256 + minor;
  else
    inode.i_block[1] = (minor & 0xff) | (major << 8) | ((minor & ~0xffu) << 12);
  state_->write_inode(number, inode, path);
  state_->add_entry(folder, name, number, type, path);
}

void Ext4::link(const std::string& existing, const std::string& path) {
  const ext2_ino_t number = state_->require(existing, "link to");
  if (state_->find(path) == number)
    return;
  ext2_ino_t folder = 0;
  std::string name;
  state_->replace_with(path, folder, name);
  struct ext2_inode_large inode = state_->read_inode(number, existing);
  state_->add_entry(folder, name, number, node_type(inode.i_mode), path);
  ++inode.i_links_count;
  state_->write_inode(number, inode, path);
}

void Ext4::set_xattr(const std::string& path, const std::string& name, std::string_view value) {
  struct ext2_xattr_handle* handle = nullptr;
  state_->check(ext2fs_xattrs_open(state_->fs, state_->require(path, "set attributes of"), &handle),
                "set attributes of", path);
  errcode_t problem = ext2fs_xattrs_read(handle);
  if (!problem)
    problem = ext2fs_xattr_set(handle, name.c_str(), value.data(), value.size());
  const errcode_t closing = ext2fs_xattrs_close(&handle);
  state_->check(problem ? problem : closing, "set attributes of", path);
}

std::vector<std::pair<std::string, std::string>> Ext4::xattrs(const Entry& entry) const {
  struct ext2_xattr_handle* handle = nullptr;
  state_->check(ext2fs_xattrs_open(state_->fs, entry.inode, &handle), "read attributes of", entry.path);
  std::vector<std::pair<std::string, std::string>> attributes;
  errcode_t problem = ext2fs_xattrs_read(handle);
  if (!problem)
    problem = ext2fs_xattrs_iterate(
        handle,
        [](char* name, char* value, std::size_t size, void* list) {
          static_cast<decltype(attributes)*>(list)->emplace_back(name, std::string(value, size));
          return 0;
        },
        &attributes);
  const errcode_t closing = ext2fs_xattrs_close(&handle);
  state_->check(problem ? problem : closing, "read attributes of", entry.path);
  return attributes;
}

void Ext4::remove(const std::string& path) {
  const auto [parent, name] = split(path);
  if (!state_->find(path))
    return;
  state_->remove_entry(state_->folder_of(path), name, path);
}

}  // namespace vmimage::filesystem
