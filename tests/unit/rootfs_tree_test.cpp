// What goes into an image: files, users, and the libraries that programs need.

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <algorithm>
#include <fstream>
#include <functional>

#include "expect.hpp"
#include "filesystem/block_device.hpp"
#include "rootfs/closure.hpp"
#include "rootfs/tree.hpp"
#include "rootfs/users.hpp"
#include "support/digest.hpp"
#include "support/file.hpp"

namespace vmimage::rootfs {
namespace {

namespace fs = std::filesystem;
using filesystem::NodeType;
using support::run_checked;
using support::TempDir;
using support::write_file_atomic;

constexpr const char* kPasswd =
    "root:x:0:0:root:/root:/bin/bash\nwww-data:x:33:33:www:/var/www:/usr/sbin/nologin\n";
constexpr const char* kGroup = "root:x:0:\nwww-data:x:33:\nvideo:x:44:\n";
constexpr const char* kShadow = "root:*:1::::::\n";

Node file(const fs::path& source, std::uint32_t mode = 0644) {
  return {.type = NodeType::File, .mode = mode, .owner = {}, .source = source, .content = {}};
}
Node text(const std::string& content, const std::string& owner = {}) {
  return {.type = NodeType::File, .mode = 0644, .owner = owner, .source = {}, .content = content};
}
Node link(const std::string& target) {
  return {.type = NodeType::Symlink, .mode = 0777, .owner = {}, .source = {}, .content = target};
}
Node folder(std::uint32_t mode, const std::string& owner = {}) {
  return {.type = NodeType::Directory, .mode = mode, .owner = owner, .source = {}, .content = {}};
}

TEST(Users, AreFound) {
  EXPECT_TRUE(has_user(kPasswd, "root"));
  EXPECT_TRUE(has_user(kPasswd, "www-data"));
  for (const char* name : {"www", "data", "x", "", "roo", "root:x"})
    EXPECT_FALSE(has_user(kPasswd, name)) << name;
  EXPECT_EQ(33u, find_user(kPasswd, "www-data").uid);
  EXPECT_EQ(33u, find_user(kPasswd, "www-data").gid);
  EXPECT_EQ(7u, find_user("a:x:5:7:::\n", "a").gid);
  const auto error = error_of([] { find_user(kPasswd, "orders"); });
  EXPECT_STREQ("failed to find the user 'orders' in the image", error.what());
}

TEST(Users, AreAddedAsLockedSystemUsers) {
  const UserFiles files = add_system_user({kPasswd, kGroup, kShadow}, "orders", "/var/lib/orders");
  EXPECT_EQ(std::string(kPasswd) + "orders:x:998:998::/var/lib/orders:/usr/sbin/nologin\n", files.passwd);
  EXPECT_EQ(std::string(kGroup) + "orders:x:998:\n", files.group);
  EXPECT_EQ(std::string(kShadow) + "orders:!*:0::::::\n", files.shadow);
  const UserFiles more = add_system_user(files, "mail", "/var/lib/mail");
  EXPECT_EQ(997u, find_user(more.passwd, "mail").uid);
}

TEST(Users, ANumberOfAGroupIsTakenToo) {
  const UserFiles files =
      add_system_user({kPasswd, std::string(kGroup) + "x:x:998:\ny:x:996:\n", ""}, "orders", "/");
  EXPECT_EQ(997u, find_user(files.passwd, "orders").uid);
  EXPECT_EQ("", files.shadow) << "an image without shadow passwords gets none";
}

TEST(Users, AGroupOfThatNameIsUsed) {
  const UserFiles files = add_system_user({kPasswd, kGroup, kShadow}, "video", "/var/lib/video");
  EXPECT_EQ(44u, find_user(files.passwd, "video").gid);
  EXPECT_EQ(kGroup, files.group) << "two groups of one name";
}

TEST(Users, FilesWithoutALineBreakAtTheirEndAreKeptApart) {
  const UserFiles files = add_system_user({"root:x:0:0:::", "root:x:0:", ""}, "orders", "/");
  EXPECT_TRUE(files.passwd.starts_with("root:x:0:0:::\norders:"));
}

TEST(Users, WithoutAFreeNumberThereIsAnError) {
  std::string passwd;
  for (int i = 0; i < 1000; ++i)
    passwd += fmt::format("u{0}:x:{0}:{0}:::\n", i);
  EXPECT_TRUE(contains(error_of([&] {
                         add_system_user({passwd, "", ""}, "orders", "/");
                       }).what(),
                       "are taken"));
}

class TreeTest : public testing::Test {
 protected:
  fs::path put(const std::string& path, const std::string& content, mode_t mode = 0644) {
    fs::create_directories((folder_.path() / path).parent_path());
    write_file_atomic(folder_.path() / path, content, mode);
    return folder_.path() / path;
  }
  fs::path path(const std::string& below) const { return folder_.path() / below; }

  static std::string describe(const Tree& tree) {
    std::string text;
    for (const auto& [where, node] : tree)
      text += fmt::format("{} {} {:o} {}\n", where, static_cast<int>(node.type), node.mode, node.content);
    return text;
  }

  TempDir folder_;
  recipe::Recipe recipe_;
};

TEST_F(TreeTest, ATreeGoesToTheRoot) {
  put("stage/usr/bin/orders", "x", 0751);
  put("stage/usr/share/a b/\xc3\xa4", "y", 0600);
  fs::create_symlink("orders", path("stage/usr/bin/link"));
  fs::create_symlink("/nonexistent", path("stage/dangling"));
  fs::create_directory(path("stage/empty"));
  recipe_.trees = {path("stage")};
  EXPECT_EQ(
      "/dangling 2 777 /nonexistent\n/empty 1 755 \n/usr 1 755 \n/usr/bin 1 755 \n/usr/bin/link 2 777 "
      "orders\n"
      "/usr/bin/orders 0 755 \n/usr/share 1 755 \n/usr/share/a b 1 755 \n/usr/share/a b/\xc3\xa4 0 644 \n",
      describe(collect(recipe_)));
}

TEST_F(TreeTest, LaterOnesWin) {
  recipe_.trees = {put("one/etc/a", "1").parent_path().parent_path(),
                   put("two/etc/a", "2").parent_path().parent_path()};
  EXPECT_EQ(path("two/etc/a"), collect(recipe_).at("/etc/a").source);
  recipe_.files = {{put("third", "3"), "/etc/a"}};
  EXPECT_EQ(path("third"), collect(recipe_).at("/etc/a").source);
}

TEST_F(TreeTest, FilesGoWhereTheyAreSent) {
  const fs::path file = put("a.conf", "x");
  put("folder/deep/b", "y", 0755);
  fs::create_symlink("a.conf", path("link"));
  recipe_.files = {{file, "/etc/x.conf"},
                   {file, "/etc/conf.d/"},
                   {path("folder"), "/srv/data/"},
                   {path("link"), "/etc/linked"},
                   {path("folder/deep"), "/"}};
  const Tree tree = collect(recipe_);
  EXPECT_EQ(NodeType::File, tree.at("/etc/x.conf").type);
  EXPECT_EQ(NodeType::File, tree.at("/etc/conf.d/a.conf").type);
  EXPECT_EQ(NodeType::Directory, tree.at("/srv/data").type);
  EXPECT_EQ(0755u, tree.at("/srv/data/deep/b").mode);
  EXPECT_EQ(NodeType::File, tree.at("/etc/linked").type) << "what a link named in the recipe leads to";
  EXPECT_EQ(fs::canonical(file), tree.at("/etc/linked").source);
  EXPECT_TRUE(tree.contains("/b"));
  EXPECT_FALSE(tree.contains("/"));
}

TEST_F(TreeTest, WhatIsNotThereIsNamed) {
  recipe_.trees = {path("absent")};
  auto error = error_of([&] { collect(recipe_); });
  EXPECT_EQ(support::ErrorKind::Usage, error.kind());
  EXPECT_EQ("failed to add the tree '" + path("absent").string() + "': no such folder",
            std::string(error.what()));
  recipe_.trees = {};
  recipe_.files = {{path("absent"), "/etc/a"}};
  error = error_of([&] { collect(recipe_); });
  EXPECT_EQ(support::ErrorKind::Usage, error.kind());
  EXPECT_EQ("failed to add '" + path("absent").string() + "': no such file", std::string(error.what()));
  recipe_.files = {};
  fs::create_directory(path("stage"));
  ASSERT_EQ(0, ::mkfifo(path("stage/fifo").c_str(), 0600));
  recipe_.trees = {path("stage")};
  EXPECT_TRUE(
      contains(error_of([&] { collect(recipe_); }).what(), "neither a file, a folder nor a symbolic link"));
}

TEST_F(TreeTest, ProgramsAreFoundOnTheImagesPath) {
  const Tree tree{{"/usr/bin/a", {}}, {"/usr/local/bin/a", {}}, {"/sbin/b", {}}, {"/opt/c", {}}};
  EXPECT_EQ("/usr/bin/a", find_program(tree, "a"));
  EXPECT_EQ("/sbin/b", find_program(tree, "b"));
  EXPECT_EQ("", find_program(tree, "c"));
  EXPECT_EQ("/opt/c", find_program(tree, "/opt/c"));
  EXPECT_EQ("", find_program(tree, "/opt/d"));
}

TEST_F(TreeTest, RecordsHaveSizeAndDigest) {
  Tree tree;
  tree["/a"] = file(put("a", "abc"));
  tree["/b"] = text("abc");
  tree["/c"] = link("abc");
  const auto list = records(tree);
  ASSERT_EQ(3u, list.size());
  EXPECT_EQ(support::sha256("abc"), list[0].sha256);
  EXPECT_EQ(support::sha256("abc"), list[1].sha256);
  EXPECT_EQ(3u, list[0].size);
  EXPECT_EQ("", list[2].sha256);
}

class WrittenTree : public TreeTest {
 protected:
  void SetUp() override {
    write_file_atomic(path("disk"), "");
    fs::resize_file(path("disk"), 32 << 20);
    filesystem::format_ext4(path("disk"), 0, 32 << 20, "root", "01234567-89ab-8def-8123-456789abcdef",
                            315532800);
  }

  void change(const std::function<void(filesystem::Ext4&)>& action) {
    filesystem::RawFile device(path("disk"), filesystem::DeviceAccess::Write);
    filesystem::Ext4 root(device, 0, filesystem::Ext4::Access::Write, 315532800);
    action(root);
    root.close();
  }
  std::string debugfs(const std::string& request) {
    return run_checked({.argv = {"debugfs", "-R", request, path("disk")}});
  }
};

TEST_F(WrittenTree, HasOwnersAndKeepsTheBasesFolders) {
  change([](filesystem::Ext4& root) {
    root.make_directory("/usr/bin", {.mode = 0755});
    root.make_symlink("/bin", "usr/bin", {});
    root.make_directory("/tmp", {.mode = 01777});
    root.write_file("/etc/passwd", {}, "orders:x:123:456::/:/bin/sh\n");
  });
  Tree tree;
  tree["/bin"] = folder(0755);
  tree["/bin/orders"] = file(put("orders", std::string(3'000'000, 'o')), 0755);
  tree["/tmp"] = folder(0755);
  tree["/var/lib/orders"] = {
      .type = NodeType::Directory, .mode = 0750, .owner = "orders", .source = {}, .content = {}};
  tree["/link"] = link("tmp");
  change([&](filesystem::Ext4& root) { write(tree, root); });
  EXPECT_TRUE(support::run({.argv = {"e2fsck", "-f", "-n", path("disk")}}).ok());
  EXPECT_EQ(std::string(3'000'000, 'o'), debugfs("cat /usr/bin/orders"));
  EXPECT_TRUE(contains(debugfs("stat /bin"), "Type: symlink"));
  EXPECT_TRUE(contains(debugfs("stat /tmp"), "Mode:  01777"));
  EXPECT_TRUE(contains(debugfs("stat /var/lib/orders"), "User:   123   Group:   456"));
  EXPECT_TRUE(contains(debugfs("stat /link"), "Fast link dest: \"tmp\""));
}

TEST_F(WrittenTree, AnOwnerThatIsNotThereIsAnError) {
  Tree tree;
  tree["/a"] = text("x", "nobody-here");
  change([&](filesystem::Ext4& root) {
    EXPECT_TRUE(contains(error_of([&] { write(tree, root); }).what(), "'nobody-here'"));
  });
}

TEST(LoaderList, IsParsed) {
  std::vector<std::string> missing;
  const auto libraries = parse_loader_list(
      "\tlinux-vdso.so.1 (0x00007ffd)\n"
      "\tlibssl.so.3 => /lib/x86_64-linux-gnu/libssl.so.3 (0x00007f1)\n"
      "\tlibown.so => /home/me/my project/build (2)/libown.so (0x00007f2)\n"
      "\tlibgone.so.1 => not found\n"
      "\t/lib64/ld-linux-x86-64.so.2 (0x00007f3)\n"
      "\t/opt/by path/lib.so (0x00007f4)\n"
      "\tstatically linked\n",
      missing);
  ASSERT_EQ(4u, libraries.size());
  EXPECT_EQ("libssl.so.3", libraries[0].name);
  EXPECT_EQ("/lib/x86_64-linux-gnu/libssl.so.3", libraries[0].path);
  EXPECT_EQ("/home/me/my project/build (2)/libown.so", libraries[1].path);
  EXPECT_EQ("/lib64/ld-linux-x86-64.so.2", libraries[2].path);
  EXPECT_EQ("/opt/by path/lib.so", libraries[3].path);
  EXPECT_EQ((std::vector<std::string>{"libgone.so.1"}), missing);
  EXPECT_TRUE(parse_loader_list("", missing).empty());
}

class Closure : public TreeTest {
 protected:
  /// A program that needs libown.so beside it, which needs the C library.
  void SetUp() override {
    REQUIRE_PROGRAM("cc");
    fs::create_directories(path("a folder"));
    write_file_atomic(path("own.c"), "#include <stdlib.h>\nint own(void) { return abs(-1); }\n");
    write_file_atomic(path("main.c"), "int own(void);\nint main(void) { return own(); }\n");
    run_checked({.argv = {"cc", "-shared", "-fPIC", "-o", path("a folder/libown.so"), path("own.c")}});
    run_checked({.argv = {"cc", "-o", path("program"), path("main.c"), "-L" + path("a folder").string(),
                          "-lown", "-Wl,-rpath," + path("a folder").string()}});
    run_checked(
        {.argv = {"cc", "-static", "-o", path("static"), path("own.c"), "-Wl,--entry=own", "-nostartfiles"}});
  }
};

TEST_F(Closure, KnowsProgramsByTheirFirstBytes) {
  EXPECT_EQ(ProgramKind::Elf, program_kind(path("program")));
  EXPECT_EQ(ProgramKind::Elf, program_kind(path("static")));
  EXPECT_EQ(ProgramKind::Script, program_kind(put("script", "#!/bin/sh\n")));
  EXPECT_EQ(ProgramKind::Other, program_kind(put("text", "hello\n")));
  EXPECT_EQ(ProgramKind::Other, program_kind(put("empty", "")));
  EXPECT_EQ(ProgramKind::Other, program_kind("/nonexistent"));
  std::string elf = support::read_file(path("program"));
  EXPECT_EQ(ProgramKind::ForeignElf, program_kind(put("cut", elf.substr(0, 20))));
  elf[18] = '\xb7';  // EM_AARCH64
  EXPECT_EQ(ProgramKind::ForeignElf, program_kind(put("arm", elf)));
  EXPECT_TRUE(is_shared_elf(path("program")));
  EXPECT_TRUE(is_shared_elf(path("a folder/libown.so")));
  EXPECT_FALSE(is_shared_elf(path("static")));
  EXPECT_FALSE(is_shared_elf(path("text")));
  EXPECT_FALSE(is_shared_elf(path("arm")));
}

TEST_F(Closure, ADamagedProgramIsNoCrash) {
  const std::string elf = support::read_file(path("program")).substr(0, 2000);
  for (std::size_t at = 0; at < 64; ++at)
    for (const char other : {'\0', '\xff', '\x7f'}) {
      std::string damaged = elf;
      damaged[at] = other;
      std::ofstream(path("damaged"), std::ios::binary) << damaged;
      program_kind(path("damaged"));
      is_shared_elf(path("damaged"));
    }
}

std::vector<std::string> names(const std::vector<Library>& libraries) {
  std::vector<std::string> list;
  for (const auto& library : libraries)
    list.push_back(library.path.filename());
  std::sort(list.begin(), list.end());
  return list;
}

TEST_F(Closure, FindsLibrariesInFoldersWithSpaces) {
  Tree tree;
  tree["/usr/bin/program"] = file(path("program"), 0755);
  const auto libraries = host_libraries(tree);
  EXPECT_EQ((std::vector<std::string>{"ld-linux-x86-64.so.2", "libc.so.6", "libown.so"}), names(libraries));
  for (const auto& library : libraries)
    EXPECT_TRUE(fs::exists(library.path)) << library.path;
  add_libraries(tree, libraries);
  EXPECT_TRUE(tree.contains("/usr/lib/x86_64-linux-gnu/libc.so.6"));
  EXPECT_TRUE(tree.contains("/usr/lib64/ld-linux-x86-64.so.2"));
  EXPECT_EQ(NodeType::File, tree.at((path("a folder") / "libown.so").string()).type);
  EXPECT_EQ((path("a folder") / "libown.so").string(), tree.at("/usr/lib/x86_64-linux-gnu/libown.so").content)
      << "the image's loader looks where it always does";
}

TEST_F(Closure, ALibraryOfTheTreeIsNotTheHosts) {
  Tree tree;
  tree["/usr/bin/program"] = file(path("program"), 0755);
  tree["/usr/lib/libown.so"] = file(path("a folder/libown.so"));
  EXPECT_EQ((std::vector<std::string>{"ld-linux-x86-64.so.2", "libc.so.6"}), names(host_libraries(tree)));
}

TEST_F(Closure, StaticProgramsAndOthersNeedNothing) {
  Tree tree;
  tree["/usr/bin/static"] = file(path("static"), 0755);
  tree["/usr/bin/script"] = file(put("script", "#!/bin/sh\n"), 0755);
  tree["/etc/text"] = text("x");
  EXPECT_TRUE(host_libraries(tree).empty());
}

TEST_F(Closure, AMissingLibraryIsNamedWithWhoNeedsIt) {
  fs::remove(path("a folder/libown.so"));
  Tree tree;
  tree["/usr/bin/program"] = file(path("program"), 0755);
  const auto error = error_of([&] { host_libraries(tree); });
  EXPECT_EQ(support::ErrorKind::Usage, error.kind());
  EXPECT_TRUE(contains(error.what(), "'/usr/bin/program' needs")) << error.what();
  EXPECT_TRUE(contains(error.what(), "libown.so")) << error.what();
}

TEST_F(Closure, PackagesOfLibrariesAreDpkgs) {
  REQUIRE_PROGRAM("dpkg-query");
  Tree tree;
  tree["/usr/bin/program"] = file(path("program"), 0755);
  const auto libraries = host_libraries(tree);
  const auto owners = owning_packages(libraries);
  for (const auto& library : libraries) {
    const auto owner = owners.find(library.path);
    if (library.path.filename() == "libown.so") {
      EXPECT_EQ(owners.end(), owner) << "belongs to no package";
    } else {
      ASSERT_NE(owners.end(), owner) << library.path;
      EXPECT_EQ("libc6", owner->second);
    }
  }
  EXPECT_TRUE(owning_packages({}).empty());
}

}  // namespace
}  // namespace vmimage::rootfs
