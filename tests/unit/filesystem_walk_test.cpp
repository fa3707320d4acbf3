// File systems that mke2fs(8) filled, read by us: all that is there, holes, content inside inodes, damage.

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <fstream>

#include "expect.hpp"
#include "filesystem/block_device.hpp"
#include "filesystem/ext4.hpp"
#include "support/file.hpp"

namespace vmimage::filesystem {
namespace {

namespace fs = std::filesystem;

class Walk : public testing::Test {
 protected:
  fs::path folder() const { return work_.path() / "folder"; }
  fs::path disk() const { return work_.path() / "disk"; }

  void SetUp() override { fs::create_directories(folder() / "a/b"); }

  void make(const std::string& features = "") {
    support::run_checked(
        {.argv = {"mke2fs", "-q", "-F", "-t", "ext4", "-b", "1024", "-O", "^metadata_csum" + features, "-d",
                  folder().string(), disk().string(), "24M"}});
  }
  template <typename Action>
  void look(Action action) {
    RawFile device(disk(), DeviceAccess::Read);
    action(Ext4(device, 0, Ext4::Access::Read));
  }
  /// The paths that walk() comes by, with the content of files.
  std::map<std::string, std::string> all() {
    std::map<std::string, std::string> found;
    look([&](const Ext4& files) {
      files.walk("/", [&](const Entry& entry) {
        std::string content = entry.status.target;
        if (entry.status.type == NodeType::File)
          files.read(entry, [&](std::string_view bytes) { content += bytes; });
        found[entry.path] = content;
      });
    });
    found.erase("/lost+found");
    return found;
  }

  support::TempDir work_;
};

TEST_F(Walk, ComesByEverything) {
  support::write_file_atomic(folder() / "a/b/two", "2");
  support::write_file_atomic(folder() / "one", "1");
  support::write_file_atomic(folder() / "empty", "");
  const std::string far(200, 'x');
  fs::create_symlink("b/two", folder() / "a/near");
  fs::create_symlink(far, folder() / "a/far");
  make();
  const std::map<std::string, std::string> expected{{"/a", ""},      {"/a/b", ""},         {"/a/b/two", "2"},
                                                    {"/a/far", far}, {"/a/near", "b/two"}, {"/empty", ""},
                                                    {"/one", "1"}};
  EXPECT_EQ(all(), expected);
}

TEST_F(Walk, ReadsHolesAndLongRuns) {
  std::string content(3 << 20, '\0');
  for (std::size_t i = 0; i < content.size(); ++i)
    if (i / 65536 % 3 != 1 && i > 100'000)
      content[i] = static_cast<char>(i * 2654435761u >> 13);
  content.resize(content.size() - 333);
  support::write_file_atomic(folder() / "sparse", content);
  support::copy_sparse(folder() / "sparse", folder() / "again");
  support::write_file_atomic(folder() / "zeroes", std::string(5000, '\0'));
  make();
  const auto found = all();
  EXPECT_TRUE(found.at("/sparse") == content);
  EXPECT_TRUE(found.at("/again") == content);
  EXPECT_EQ(found.at("/zeroes"), std::string(5000, '\0'));
}

TEST_F(Walk, ReadsContentInsideInodes) {
  support::write_file_atomic(folder() / "small", "in the inode");
  make(",inline_data");
  EXPECT_EQ(all().at("/small"), "in the inode");
}

TEST_F(Walk, StopsAtAFolderInItself) {
  REQUIRE_PROGRAM("debugfs");
  make();
  support::run_checked({.argv = {"debugfs", "-w", "-R", "ln /a /a/b/ring", disk().string()}});
  EXPECT_TRUE(contains(error_of([&] { all(); }).what(), "the folder is there twice"));
}

}  // namespace
}  // namespace vmimage::filesystem
