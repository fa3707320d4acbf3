#include "sbom/spdx.hpp"

#include <fmt/chrono.h>
#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <map>
#include <set>

#include "license/copyright.hpp"
#include "support/digest.hpp"
#include "support/json.hpp"

namespace vmimage::sbom {

using license::kUnknown;
using recipe::Manifest;
using recipe::Package;
using support::json;

namespace {

constexpr const char* kImage = "SPDXRef-Image";
constexpr const char* kService = "SPDXRef-Service";

/// RFC 3986, 2.3; purl-spec wants ":" of an epoch encoded, too.
std::string percent_encoded(const std::string& text) {
  std::string encoded;
  for (const unsigned char c : text)
    encoded += std::isalnum(c) || c == '.' || c == '-' || c == '_' || c == '~'
                   ? std::string(1, static_cast<char>(c))
                   : fmt::format("%{:02X}", c);
  return encoded;
}

/// Letters, digits, "." and "-" are what an identifier may have (SPDX 2.3, 3.2).
std::string identifier(const char* kind, const std::string& name) {
  std::string id = std::string("SPDXRef-") + kind + "-" + name;
  for (char& c : id)
    if (!std::isalnum(static_cast<unsigned char>(c)) && c != '.')
      c = c == '+' ? 'p' : '-';
  return id;
}

/// Never the same for two documents that differ: out of the image's digest (RFC 9562, version 8).
std::string document_namespace(const Manifest& manifest) {
  std::string hex = support::sha256(manifest.digest + "\n" + std::to_string(manifest.time)).substr(0, 32);
  hex[12] = '8';
  hex[16] = "89ab"[hex[16] % 4];
  return fmt::format("https://spdx.org/spdxdocs/{}-{}-{}-{}-{}-{}", percent_encoded(manifest.name),
                     hex.substr(0, 8), hex.substr(8, 4), hex.substr(12, 4), hex.substr(16, 4),
                     hex.substr(20));
}

json relationship(const std::string& from, const char* type, const std::string& to) {
  return {{"spdxElementId", from}, {"relationshipType", type}, {"relatedSpdxElement", to}};
}

/// What every package has; that which is not known is said to be so.
json package_json(const std::string& id, const std::string& name, const std::string& version) {
  return {{"SPDXID", id},
          {"name", name},
          {"versionInfo", version},
          {"supplier", kUnknown},
          {"downloadLocation", kUnknown},
          {"filesAnalyzed", false},
          {"licenseConcluded", kUnknown},
          {"licenseDeclared", kUnknown},
          {"copyrightText", kUnknown}};
}

json image_package(const Manifest& manifest) {
  json package = package_json(kImage, manifest.name, manifest.version);
  package["primaryPackagePurpose"] = "OPERATING_SYSTEM";
  package["summary"] = fmt::format("Virtual machine image on {}", manifest.base);
  package["comment"] = fmt::format("digest of all that went in: {}", manifest.digest);
  return package;
}

/// SPDX 2.3, 7.9: over the SHA-1 of all files.
std::string verification_code(std::vector<std::string> sums) {
  std::sort(sums.begin(), sums.end());
  return support::sha1(fmt::format("{}", fmt::join(sums, "")));
}

/// The service and its files, which are all that was added to the base.
void add_service(const Manifest& manifest, json& packages, json& files, json& relationships) {
  json package = package_json(kService, manifest.service, manifest.version);
  package["primaryPackagePurpose"] = "APPLICATION";
  std::vector<std::string> sums;
  for (const auto& file : manifest.files) {
    if (file.sha256.empty() || file.sha1.empty())
      continue;  // a folder or a link; or an image made before there was a SHA-1
    const std::string id = fmt::format("SPDXRef-File-{}", sums.size() + 1);
    sums.push_back(file.sha1);
    files.push_back({{"SPDXID", id},
                     {"fileName", "." + file.path},
                     {"checksums", json::array({{{"algorithm", "SHA1"}, {"checksumValue", file.sha1}},
                                                {{"algorithm", "SHA256"}, {"checksumValue", file.sha256}}})},
                     {"licenseConcluded", kUnknown},
                     {"licenseInfoInFiles", json::array({kUnknown})},
                     {"copyrightText", kUnknown}});
    relationships.push_back(relationship(kService, "CONTAINS", id));
  }
  if (!sums.empty()) {
    package["filesAnalyzed"] = true;
    package["packageVerificationCode"] = {{"packageVerificationCodeValue", verification_code(sums)}};
    package["licenseInfoFromFiles"] = json::array({kUnknown});
  }
  packages.push_back(package);
  relationships.push_back(relationship(kImage, "CONTAINS", kService));
}

/// The licences of an expression that SPDX does not list, with the package whose they are.
void collect_references(const Package& package, std::map<std::string, std::string>& references) {
  const std::string prefix = "LicenseRef-";
  for (auto at = package.license.find(prefix); at != std::string::npos;
       at = package.license.find(prefix, at + prefix.size())) {
    const auto end = package.license.find_first_of(" ()", at);
    references.emplace(package.license.substr(at, end == std::string::npos ? end : end - at), package.name);
  }
}

json extracted(const std::map<std::string, std::string>& references) {
  json list = json::array();
  for (const auto& [id, package] : references) {
    list.push_back({{"licenseId", id},
                    {"name", id.substr(id.find("--") == std::string::npos ? 11 : id.find("--") + 2)},
                    {"extractedText", fmt::format("Terms of the package {}, in its copyright file: "
                                                  "/usr/share/doc/{}/copyright.",
                                                  package, package)}});
  }
  return list;
}

void add_packages(const Manifest& manifest, json& packages, json& relationships, json& licenses) {
  std::set<std::string> seen;
  std::map<std::string, std::string> references;
  for (const auto& package : manifest.packages) {
    const std::string first = identifier("Package", package.name);
    std::string id = first;
    for (int i = 2; !seen.insert(id).second; ++i)  // the same package of another version or architecture
      id = fmt::format("{}-{}", first, i);
    json entry = package_json(id, package.name, package.version);
    entry["licenseDeclared"] = package.license.empty() ? kUnknown : package.license;
    entry["externalRefs"] = json::array({{{"referenceCategory", "PACKAGE-MANAGER"},
                                          {"referenceType", "purl"},
                                          {"referenceLocator", package_url(package, manifest.base)}}});
    packages.push_back(entry);
    relationships.push_back(relationship(kImage, "CONTAINS", id));
    collect_references(package, references);
  }
  licenses = extracted(references);
}

}  // namespace

std::string package_url(const Package& package, const std::string& base) {
  const bool ubuntu = base.starts_with("ubuntu:") || package.version.find("ubuntu") != std::string::npos;
  std::string url =
      fmt::format("pkg:deb/{}/{}@{}?arch={}", ubuntu ? "ubuntu" : "debian", percent_encoded(package.name),
                  percent_encoded(package.version), percent_encoded(package.architecture));
  for (const std::string kind : {"debian:", "ubuntu:"})
    if (base.starts_with(kind))
      url += "&distro=" + percent_encoded(base.substr(kind.size()));
  return url;
}

std::string spdx(const Manifest& manifest) {
  json packages = json::array({image_package(manifest)}), files = json::array(), licenses = json::array();
  json relationships = json::array({relationship("SPDXRef-DOCUMENT", "DESCRIBES", kImage)});
  add_service(manifest, packages, files, relationships);
  add_packages(manifest, packages, relationships, licenses);
  json document{{"spdxVersion", "SPDX-2.3"},
                {"dataLicense", "CC0-1.0"},
                {"SPDXID", "SPDXRef-DOCUMENT"},
                {"name", manifest.name},
                {"documentNamespace", document_namespace(manifest)},
                {"creationInfo",
                 {{"created", fmt::format("{:%Y-%m-%dT%H:%M:%SZ}",
                                          fmt::gmtime(static_cast<std::time_t>(manifest.time)))},
                  {"creators", {"Tool: vmimage"}}}},
                {"packages", packages},
                {"relationships", relationships}};
  if (!files.empty())
    document["files"] = files;
  if (!licenses.empty())
    document["hasExtractedLicensingInfos"] = licenses;
  return document.dump(2, ' ', false, json::error_handler_t::replace) + "\n";
}

}  // namespace vmimage::sbom
