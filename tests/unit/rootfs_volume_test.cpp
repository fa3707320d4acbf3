// Volumes: the units that mount them. That they are made, and what is on them stays, is in
// tests/boot/volume.sh.

#include <gtest/gtest.h>

#include <set>

#include "expect.hpp"
#include "rootfs/volume.hpp"
#include "support/process.hpp"

namespace vmimage::rootfs {
namespace {

recipe::Recipe orders() {
  recipe::Recipe recipe;
  recipe.name = recipe.service = recipe.user = "orders";
  recipe.command = {"/usr/bin/orders"};
  recipe.volumes = {{"/var/lib/orders", 10ull << 30}, {"/srv/data-1", 64ull << 20}};
  return recipe;
}

TEST(Volume, ItsUnitIsNamedAsSystemdWants) {
  for (const std::string path :
       {"/data", "/var/lib/orders", "/srv/data-1", "/srv/.hidden", "/.hidden", "/a/b@c+d_e.f"}) {
    if (support::find_program("systemd-escape").empty())
      GTEST_SKIP() << "there is no systemd-escape";
    const auto result = support::run({.argv = {"systemd-escape", "--path", "--suffix=mount", path}});
    EXPECT_EQ(result.out, mount_unit_name(path) + "\n");
  }
}

TEST(Volume, ItsLabelFollowsFromThePathAndFitsExt4) {
  std::set<std::string> labels;
  for (const auto& path : {"/data", "/data2", "/var/lib/orders"}) {
    const std::string label = recipe::Volume{path, 1}.label();
    EXPECT_EQ(label, (recipe::Volume{path, 2}.label()));
    EXPECT_LE(label.size(), 16u);
    labels.insert(label);
  }
  EXPECT_EQ(3u, labels.size());
}

TEST(Volume, EachHasAUnitAFolderAndALineOfTheList) {
  Tree tree;
  add_volumes(tree, orders());
  const std::string label = orders().volumes[1].label();
  const std::string unit = "/etc/systemd/system/srv-data\\x2d1.mount";
  ASSERT_TRUE(tree.contains(unit));
  EXPECT_TRUE(contains(tree[unit].content,
                       "\nWhat=/run/vmimage/volumes/" + label + "\nWhere=/srv/data-1\nType=ext4\n"));
  EXPECT_EQ(unit, tree["/etc/systemd/system/local-fs.target.requires/srv-data\\x2d1.mount"].content);
  EXPECT_EQ("orders", tree["/srv/data-1"].owner);
  EXPECT_TRUE(contains(tree["/usr/lib/vmimage/volumes.list"].content, label + " 67108864 /srv/data-1\n"));
  EXPECT_EQ(0755u, tree["/usr/lib/vmimage/debian-volumes"].mode);
}

TEST(Volume, WithoutOneNothingIsAdded) {
  Tree tree;
  recipe::Recipe recipe = orders();
  recipe.volumes.clear();
  add_volumes(tree, recipe);
  EXPECT_TRUE(tree.empty());
}

TEST(Volume, OfPackagesOnlyKeepsTheOwnerOfItsFolder) {
  Tree tree;
  recipe::Recipe recipe = orders();
  recipe.command.clear();
  add_volumes(tree, recipe);
  EXPECT_EQ("", tree["/srv/data-1"].owner);
}

}  // namespace
}  // namespace vmimage::rootfs
