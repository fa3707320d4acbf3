// Native modules of Node.js: what they say of themselves, and which Node.js an image has. Real images that
// refuse them are in tests/stacks.

#include <gtest/gtest.h>

#include "expect.hpp"
#include "stack/node.hpp"
#include "support/file.hpp"
#include "support/process.hpp"

namespace vmimage::stack {
namespace {

namespace fs = std::filesystem;
using support::run_checked;

recipe::Package package(const std::string& name, const std::string& version = "1") {
  return {.name = name, .version = version, .architecture = "amd64", .license = ""};
}

TEST(NodeModuleVersion, IsThatOfDebiansLibraryOrOfTheRelease) {
  EXPECT_EQ(
      108, node_module_version({package("libc6"), package("libnode108"), package("nodejs", "18.20.4+dfsg")}));
  EXPECT_EQ(115, node_module_version({package("nodejs", "20.20.2-1nodesource1")}));
  EXPECT_EQ(72, node_module_version({package("nodejs", "2:12.22.9~dfsg")}));
  EXPECT_EQ(0, node_module_version({package("nodejs", "99.1"), package("libnode-dev"), package("libc6")}));
  EXPECT_EQ(0, node_module_version({}));
}

TEST(NodeModule, SaysItsVersionByASymbol) {
  EXPECT_EQ(115, built_for("0000000000001120 T _init\n0000000000001120 T node_register_module_v115\n"));
  EXPECT_EQ(0, built_for("0000000000001120 T napi_register_module_v1\n"));
  EXPECT_EQ(0, built_for("0000000000001120 T node_register_module_v\n"));
  EXPECT_EQ(0, built_for(""));
}

TEST(NpmPackage, IsTheInnermost) {
  EXPECT_EQ("/srv/a/node_modules/b/node_modules/c",
            npm_package_of("/srv/a/node_modules/b/node_modules/c/d/e.node"));
  EXPECT_EQ("/srv/node_modules/@img/sharp", npm_package_of("/srv/node_modules/@img/sharp/lib/sharp.node"));
  EXPECT_EQ("", npm_package_of("/srv/a/build/e.node"));
}

class NativeModules : public testing::Test {
 protected:
  void SetUp() override { REQUIRE_PROGRAM("cc"); }
  /// A module of this version at this place in the image, with bytes changed: {offset, byte}.
  void module(const std::string& place, int version, std::pair<int, char> change = {0, '\x7f'}) {
    const std::string stem = (folder_.path() / std::to_string(tree_.size())).string();
    support::write_file_atomic(stem + ".c",
                               "void node_register_module_v" + std::to_string(version) + "(void) {}\n");
    run_checked({.argv = {"cc", "-shared", "-fPIC", "-o", stem + ".node", stem + ".c"}});
    std::string bytes = support::read_file(stem + ".node");
    bytes[static_cast<std::size_t>(change.first)] = change.second;
    support::write_file_atomic(stem + ".node", bytes);
    tree_["/srv/node_modules/" + place].source = stem + ".node";
  }
  std::string refusal() const {
    try {
      check_native_modules(tree_, {package("libnode108")});
      return {};
    } catch (const support::Error& error) {
      EXPECT_EQ(2, error.exit_status());
      return error.what();
    }
  }
  support::TempDir folder_;
  rootfs::Tree tree_;
};

TEST_F(NativeModules, OfThisNodeAreTaken) {
  module("a/build/Release/a.node", 108);
  EXPECT_EQ("", refusal());
}

TEST_F(NativeModules, OfAnotherNodeAreRefused) {
  module("a/a.node", 999);
  EXPECT_EQ(
      "failed to use '/srv/node_modules/a/a.node': it is built for a Node.js with module version 999, and "
      "the "
      "image has Node.js 18 (module version 108)",
      refusal());
  check_native_modules(tree_, {});  // no Node.js of ours, so that nobody knows
}

TEST_F(NativeModules, OfAnotherMachineOrSystemAreRefused) {
  module("a/a.node", 108, {18, '\xb7'});
  EXPECT_NE(std::string::npos, refusal().find("another machine than x86-64"));
  tree_.clear();
  support::write_file_atomic(folder_.path() / "mac.node", "\xcf\xfa\xed\xfe and more");
  tree_["/srv/node_modules/a/a.node"].source = folder_.path() / "mac.node";
  EXPECT_NE(std::string::npos, refusal().find("another system than Linux"));
}

TEST_F(NativeModules, OfManyKindsAreTakenWhenOneFits) {
  module("a/prebuilds/linux-arm64/a.node", 108, {18, '\xb7'});
  module("a/prebuilds/linux-x64/a.abi115.node", 115);
  module("@img/sharp-linux-arm64/a.node", 108, {18, '\xb7'});
  EXPECT_NE("", refusal());
  module("a/prebuilds/linux-x64/a.abi108.node", 108);
  EXPECT_EQ("", refusal());
}

TEST_F(NativeModules, ThatAreNoLibrariesAreNotLookedAt) {
  support::write_file_atomic(folder_.path() / "text.node", "a graph's node");
  tree_["/srv/node_modules/a/a.node"].source = folder_.path() / "text.node";
  EXPECT_EQ("", refusal());
}

}  // namespace
}  // namespace vmimage::stack
