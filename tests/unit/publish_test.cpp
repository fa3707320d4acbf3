#include <gtest/gtest.h>

#include "publish/registry.hpp"
#include "support/error.hpp"

namespace vmimage::publish {
namespace {

Published image(const std::string& id, const std::string& name, const std::string& digest) {
  Published image;
  image.id = id;
  image.name = name;
  image.digest = "sha256:" + digest;
  return image;
}

/// A registry in memory; uploads may be made to fail.
class Memory : public Registry {
 public:
  std::vector<Published> images;
  int sent = 0;
  std::vector<Published> list() override { return images; }
  Published send(const Upload& upload, const support::Report&) override {
    Published added = image("new" + std::to_string(++sent), upload.name, upload.digest.substr(7));
    images.insert(images.begin(), added);
    return added;
  }
  void remove(const Published& gone) override {
    std::erase_if(images, [&](const Published& one) { return one.id == gone.id; });
  }
  std::string ids() const {
    std::string text;
    for (const auto& one : images)
      text += one.id + " ";
    return text;
  }
};

const support::Report kQuiet{[](const std::string&) {}};

Upload orders(const std::string& digest) {
  Upload upload;
  upload.name = "orders";
  upload.digest = "sha256:" + digest;
  return upload;
}

TEST(Publish, SendsAnImageOnce) {
  Memory registry;
  EXPECT_TRUE(publish(registry, orders("1"), 0, kQuiet).sent);
  const Outcome again = publish(registry, orders("1"), 0, kQuiet);
  EXPECT_FALSE(again.sent);
  EXPECT_EQ(again.image.id, "new1");
  EXPECT_EQ(registry.sent, 1);
}

TEST(Publish, TheSameImageByAnotherNameIsAnother) {
  Memory registry;
  registry.images = {image("a", "web", "1")};
  EXPECT_TRUE(publish(registry, orders("1"), 0, kQuiet).sent);
}

TEST(Publish, RemovesWhatACutUploadLeft) {
  Memory registry;
  registry.images = {image("half", "orders", "1"), image("other", "orders", "2")};
  registry.images[0].whole = false;
  EXPECT_TRUE(publish(registry, orders("1"), 0, kQuiet).sent);
  EXPECT_EQ(registry.ids(), "new1 other ");
}

TEST(Publish, KeepsTheNewestOfAName) {
  Memory registry;
  registry.images = {image("b", "orders", "2"), image("w", "web", "9"), image("a", "orders", "1")};
  const Outcome outcome = publish(registry, orders("3"), 2, kQuiet);
  ASSERT_EQ(outcome.removed.size(), 1U);
  EXPECT_EQ(registry.ids(), "new1 b w ");
}

TEST(Publish, NeverRemovesTheImageThatWasAskedForNorALockedOne) {
  Memory registry;
  registry.images = {image("c", "orders", "3"), image("b", "orders", "2"), image("a", "orders", "1")};
  registry.images[1].locked = true;
  EXPECT_FALSE(publish(registry, orders("1"), 1, kQuiet).sent);
  EXPECT_EQ(registry.ids(), "c b a ");
}

TEST(Publish, FindsAnImageByIdentifierOrDigest) {
  const std::vector<Published> images{image("a", "orders", "0123456789"), image("b", "orders", "0123456700")};
  EXPECT_EQ(find_published(images, "a").id, "a");
  EXPECT_EQ(find_published(images, "sha256:0123456789").id, "a");
  EXPECT_EQ(find_published(images, "0123456700").id, "b");
  EXPECT_THROW(find_published(images, "01234567"), support::Error);  // both
  EXPECT_THROW(find_published(images, "0123"), support::Error);      // too short
  EXPECT_THROW(find_published(images, "c"), support::Error);
}

TEST(Publish, KnowsItsRegistries) {
  EXPECT_THROW(open_registry("opnstack", {}), support::Error);
}

}  // namespace
}  // namespace vmimage::publish
