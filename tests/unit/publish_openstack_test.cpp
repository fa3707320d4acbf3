#include <gtest/gtest.h>

#include "expect.hpp"
#include "publish/openstack/credentials.hpp"
#include "publish/openstack/glance.hpp"
#include "publish/openstack/session.hpp"
#include "support/json.hpp"

namespace vmimage::publish::openstack {
namespace {

using support::json;

constexpr const char* kClouds = R"(
clouds:
  mine:
    region_name: north
    cacert: /etc/ssl/mine.pem
    verify: false
    auth:
      auth_url: https://keystone.example:5000/
      username: me
      project_name: orders
      user_domain_name: Staff
  other:
    auth: {auth_url: "https://other.example/v3"}
)";

Variables variables(std::map<std::string, std::string> values) {
  return [values](const std::string& name) {
    const auto found = values.find(name);
    return found == values.end() ? std::nullopt : std::optional(found->second);
  };
}

TEST(OpenstackCredentials, AreReadFromYamlAndASecretFile) {
  const std::string secure = "clouds:\n  mine:\n    auth: {password: 007}\n";
  const auto mine = from_yaml(kClouds, secure, "clouds.yaml", "mine");
  EXPECT_EQ(mine.region, "north");
  EXPECT_EQ(mine.authorities, "/etc/ssl/mine.pem");
  EXPECT_FALSE(mine.verify);
  EXPECT_EQ(identity_url(mine.url()), "https://keystone.example:5000/v3");
  EXPECT_EQ(json::parse(token_request(mine)), json::parse(R"({"auth": {
    "identity": {"methods": ["password"],
      "password": {"user": {"name": "me", "domain": {"name": "Staff"}, "password": "007"}}},
    "scope": {"project": {"name": "orders", "domain": {"id": "default"}}}}})"));
}

TEST(OpenstackCredentials, SayWhatIsWrongWithTheFile) {
  const auto read = [](const std::string& text, const std::string& name) {
    return [=] { from_yaml(text, "", "clouds.yaml", name); };
  };
  EXPECT_THROW(read(kClouds, "")(), support::Error);
  EXPECT_THROW(read(kClouds, "mien")(), support::Error);
  EXPECT_THROW(read("clouds: [", "mine")(), support::Error);
  EXPECT_THROW(read("mine: {}", "mine")(), support::Error);
  EXPECT_THROW(read("clouds: {mine: {auth: {username: [1, 2]}}}", "")(), support::Error);
  try {
    read("clouds: {mine: {auth: {username: me}}}", "")();
    FAIL();
  } catch (const support::Error& error) {
    EXPECT_STREQ(error.what(), "cloud 'mine' of clouds.yaml has no auth_url");
    EXPECT_EQ(error.exit_status(), 2);
  }
}

TEST(OpenstackCredentials, AreReadFromTheEnvironment) {
  EXPECT_FALSE(from_variables(variables({{"OS_USERNAME", "me"}})));
  const auto found = from_variables(variables({{"OS_AUTH_URL", "http://keystone.example/v3"},
                                               {"OS_APPLICATION_CREDENTIAL_ID", "1"},
                                               {"OS_APPLICATION_CREDENTIAL_SECRET", "2"},
                                               {"OS_REGION_NAME", "south"},
                                               {"OS_INSECURE", "true"}}));
  ASSERT_TRUE(found);
  EXPECT_EQ(found->region, "south");
  EXPECT_FALSE(found->verify);
  EXPECT_EQ(json::parse(token_request(*found)), json::parse(R"({"auth": {"identity": {
    "methods": ["application_credential"], "application_credential": {"id": "1", "secret": "2"}}}})"));
}

TEST(OpenstackCredentials, NameWhatIsMissing) {
  const auto found = from_variables(variables(
      {{"OS_AUTH_URL", "http://keystone.example/v3"}, {"OS_USERNAME", "me"}, {"OS_PROJECT_NAME", "orders"}}));
  ASSERT_TRUE(found);
  try {
    token_request(*found);
    FAIL();
  } catch (const support::Error& error) {
    EXPECT_STREQ(error.what(), "the environment (OS_*) has no password");
  }
}

TEST(OpenstackSession, FindsTheServiceOfARegion) {
  const std::string catalog = R"([{"type": "image", "endpoints": [
    {"interface": "public", "region_id": "north", "url": "http://north"},
    {"interface": "internal", "region_id": "south", "url": "http://inside"},
    {"interface": "public", "region_id": "south", "url": "http://south"}]}])";
  EXPECT_EQ(endpoint_of(catalog, "image", "internal", ""), "http://inside");
  EXPECT_EQ(endpoint_of(catalog, "image", "public", "south"), "http://south");
  EXPECT_THROW(endpoint_of(catalog, "image", "public", "east"), support::Error);
  EXPECT_THROW(endpoint_of(catalog, "compute", "public", ""), support::Error);
  try {
    endpoint_of(catalog, "image", "public", "");
    FAIL() << "one of two regions";
  } catch (const support::Error& error) {
    EXPECT_EQ(error.kind(), support::ErrorKind::Usage);
    EXPECT_NE(std::string(error.what()).find("north, south"), std::string::npos) << error.what();
  }
}

TEST(OpenstackSession, TellsTheReasonOfAnAnswer) {
  EXPECT_EQ(reason_of({401, {}, R"({"error": {"code": 401, "message": "who?"}})"}), "who?");
  EXPECT_EQ(reason_of({503, {}, ""}), "HTTP 503");
  EXPECT_EQ(reason_of({400, {}, "<h1>no</h1>"}), "HTTP 400:  no ");
}

TEST(OpenstackGlance, TellsWhatAnImageNeeds) {
  Upload upload;
  upload.name = "orders";
  upload.digest = "sha256:0123";
  upload.disk = (2ull << 30) + 1;
  upload.memory = 128ull << 20;
  upload.firmware = {"direct", "bios", "uefi"};
  auto request = json::parse(image_request(upload));
  EXPECT_EQ(request["min_disk"], 3);
  EXPECT_EQ(request["min_ram"], 128);
  EXPECT_EQ(request["hw_firmware_type"], "bios");
  EXPECT_EQ(request["hw_cdrom_bus"], "scsi");
  EXPECT_EQ(request["hw_scsi_model"], "virtio-scsi");
  EXPECT_EQ(request["vmimage_digest"], "sha256:0123");
  upload.firmware = {"uefi"};
  request = json::parse(image_request(upload));
  EXPECT_EQ(request["hw_firmware_type"], "uefi");
  EXPECT_EQ(request["hw_machine_type"], "q35");
}

TEST(OpenstackGlance, KnowsWhatIsWhole) {
  EXPECT_FALSE(read_image(R"({"id": "1", "status": "saving", "size": null})").whole);
  const Published image = read_image(
      R"({"id": "1", "status": "active", "size": 5, "protected": true, "vmimage_name": "orders"})");
  EXPECT_TRUE(image.whole);
  EXPECT_TRUE(image.locked);
  EXPECT_EQ(image.size, 5U);
  EXPECT_EQ(image.name, "orders");
}

}  // namespace
}  // namespace vmimage::publish::openstack
