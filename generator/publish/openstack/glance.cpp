#include "publish/openstack/glance.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "publish/checksum.hpp"
#include "publish/openstack/session.hpp"
#include "support/error.hpp"
#include "support/json.hpp"

namespace vmimage::publish::openstack {

using support::failure;
using support::json;

namespace {

/// What images of ours are found by.
constexpr const char* kTag = "vmimage";

/// An address in Glance without its version: catalogs have it with and without.
std::string without_version(std::string url) {
  while (url.ends_with('/'))
    url.pop_back();
  if (url.ends_with("/v2"))
    url.resize(url.size() - 3);
  return url;
}

class Glance : public Registry {
 public:
  explicit Glance(Session session)
      : session_(std::move(session)),
        service_("Glance", without_version(session_.endpoint("image")), session_.trust()) {}

  std::vector<Published> list() override {
    std::vector<Published> images;
    std::string path =
        fmt::format("/v2/images?tag={}&owner={}&sort=created_at:desc&limit=100", kTag, session_.project());
    while (!path.empty()) {
      const json page = parse(expect(200, call("GET", path), "list images"));
      for (const auto& image : page.value("images", json::array()))
        images.push_back(read_image(image.dump()));
      path = page.value("next", "");
    }
    return images;
  }

  Published send(const Upload& upload, const support::Report& report) override {
    session_.log_in();  // the token has to outlive the upload
    const auto made = expect(201, call("POST", "/v2/images", image_request(upload)), "make the image");
    const std::string id = parse(made).value("id", "");
    try {
      report("uploading " + upload.file.filename().string());
      const auto answer =
          service_.put_file("/v2/images/" + id + "/file", {{"X-Auth-Token", session_.token()}}, upload.file,
                            upload.size, report);
      expect(204, answer, "upload the image");
      report("checking what arrived");
      return check(id, upload);
    } catch (...) {
      give_up(id);
      throw;
    }
  }

  void remove(const Published& image) override {
    const Response response = call("DELETE", "/v2/images/" + image.id);
    if (response.status != 404)  // somebody else was quicker
      expect(204, response, "remove the image '" + image.id + "'");
  }

 private:
  Response call(const std::string& method, const std::string& path, const std::string& body = {}) {
    return session_.call(service_, method, path, body);
  }

  static Response expect(int status, const Response& response, const std::string& what) {
    if (response.status == status)
      return response;
    std::string hint;
    if (response.status == 403)
      hint = "the account may not do that, or the image is protected";
    else if (response.status == 413)
      hint = "the project's quota of images, or the size that this cloud allows, is reached";
    throw failure(fmt::format("failed to {}: {}", what, reason_of(response)), hint);
  }

  json parse(const Response& response) const {
    json body = json::parse(response.body, nullptr, false);
    if (!body.is_object())
      throw failure(fmt::format("'{}' answers with something that is not Glance's", service_.url()),
                    "look at the address of the service 'image' in the cloud's catalog");
    return body;
  }

  Published check(const std::string& id, const Upload& upload) {
    const Response response = expect(200, call("GET", "/v2/images/" + id), "look at the image");
    const json image = parse(response);
    const std::string status = image.value("status", "");
    if (status != "active")
      throw failure(fmt::format("the image '{}' is '{}' after its upload, not 'active'", id, status));
    const std::string ours = file_digest(upload.file, image.value("os_hash_algo", ""));
    if (image.value("size", std::uint64_t{0}) != upload.size ||
        (!ours.empty() && image.value("os_hash_value", "") != ours))
      throw failure(fmt::format("the image '{}' arrived as other bytes than were sent", id),
                    "publish it again");
    return read_image(response.body);
  }

  /// When this cannot be done either, the next publish() does it.
  void give_up(const std::string& id) noexcept {
    try {
      service_.request("DELETE", "/v2/images/" + id, {{"X-Auth-Token", session_.token()}}, {},
                       Service::OnInterrupt::GoOn);
    } catch (...) {
    }
  }

  Session session_;
  Service service_;
};

}  // namespace

std::string image_request(const Upload& upload) {
  const auto has = [&](const char* firmware) {
    return std::find(upload.firmware.begin(), upload.firmware.end(), firmware) != upload.firmware.end();
  };
  const bool uefi = has("uefi") && !has("bios");
  json image{{"name", upload.name},
             {"disk_format", "qcow2"},
             {"container_format", "bare"},
             {"visibility", "private"},
             {"tags", {kTag}},
             {"min_disk", whole_units(upload.disk, 1ull << 30)},
             {"min_ram", whole_units(upload.memory, 1ull << 20)},
             {"architecture", "x86_64"},
             {"os_type", "linux"},
             {"hw_firmware_type", uefi ? "uefi" : "bios"},
             {"hw_disk_bus", "virtio"},
             // A config drive is a CD, which virtio-blk has not and Debian's cloud kernel reads by SCSI only.
             {"hw_cdrom_bus", "scsi"},
             {"hw_scsi_model", "virtio-scsi"},
             {"hw_vif_model", "virtio"},
             {"vmimage_name", upload.name},
             {"vmimage_version", upload.version},
             {"vmimage_digest", upload.digest}};
  if (uefi)
    image["hw_machine_type"] = "q35";
  if (upload.base.starts_with("debian:"))
    image["os_distro"] = "debian";
  return image.dump();
}

Published read_image(const std::string& text) {
  const json image = json::parse(text);
  const auto string = [&](const char* key) {
    const auto found = image.find(key);
    return found != image.end() && found->is_string() ? found->get<std::string>() : "";
  };
  const auto size = image.find("size");
  return {.id = string("id"),
          .name = string("vmimage_name"),
          .version = string("vmimage_version"),
          .digest = string("vmimage_digest"),
          .created = string("created_at"),
          .size = size != image.end() && size->is_number_unsigned() ? size->get<std::uint64_t>() : 0,
          .whole = string("status") == "active" || string("status") == "deactivated",
          .locked = image.value("protected", false)};
}

std::unique_ptr<Registry> open_glance(const Account& account) {
  return std::make_unique<Glance>(Session(find_credentials(account.name)));
}

}  // namespace vmimage::publish::openstack
