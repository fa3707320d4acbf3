#include "publish/registry.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "publish/aws/ami.hpp"
#include "publish/openstack/glance.hpp"
#include "support/error.hpp"
#include "support/file.hpp"
#include "support/json.hpp"

namespace vmimage::publish {

using support::invalid;

const std::vector<Kind>& kinds() {
  static const std::vector<Kind> table{{"openstack", openstack::open_glance}, {"aws", aws::open_ami}};
  return table;
}

std::string kind_names() {
  std::vector<std::string> names;
  for (const auto& kind : kinds())
    names.push_back(kind.name);
  return fmt::format("{}", fmt::join(names, ", "));
}

std::unique_ptr<Registry> open_registry(const std::string& name, const Account& account) {
  std::vector<std::string> names;
  for (const auto& kind : kinds()) {
    if (kind.name == name)
      return kind.open(account);
    names.push_back(kind.name);
  }
  throw invalid(fmt::format("unknown registry '{}'", name),
                support::did_you_mean(name, names, "known: " + kind_names()));
}

std::uint64_t whole_units(std::uint64_t bytes, std::uint64_t unit) {
  return (bytes + unit - 1) / unit;
}

std::vector<Published> surplus(const std::vector<Published>& images, const std::string& name, int keep) {
  std::vector<Published> found;
  for (const auto& image : images)
    if (image.name == name && image.whole && --keep < 0 && !image.locked)
      found.push_back(image);
  return found;
}

const Published& find_published(const std::vector<Published>& images, const std::string& word) {
  constexpr std::size_t kShortest = 8;
  const std::string prefix = word.starts_with("sha256:") ? word : "sha256:" + word;
  const bool long_enough = prefix.size() >= std::string("sha256:").size() + kShortest;
  const Published* found = nullptr;
  for (const auto& image : images) {
    if (image.id == word)
      return image;
    if (!long_enough || !image.digest.starts_with(prefix))
      continue;
    if (found)
      throw invalid(
          fmt::format("more than one published image is '{}': {} and {}", word, found->id, image.id),
          "give the identifier of one");
    found = &image;
  }
  if (!found)
    throw invalid(fmt::format("no published image is '{}'", word),
                  "give an identifier or a digest that 'vmimage published' lists");
  return *found;
}

namespace {

/// Held while images are published: what another one of us has uploaded half is not taken for a remainder.
std::filesystem::path publishing_lock() {
  const auto folder = support::runtime_folder("vmimage");
  std::filesystem::create_directories(folder);
  return folder / "publish.lock";
}

}  // namespace

Outcome publish(Registry& registry, const Upload& upload, int keep, const support::Report& report) {
  const support::FileLock alone(publishing_lock());
  registry.check(upload);
  report("looking for the image");
  auto images = registry.list();
  const auto same = [&](const Published& image) {
    return image.digest == upload.digest && image.name == upload.name;
  };
  Outcome outcome;
  const auto there = std::find_if(images.begin(), images.end(),
                                  [&](const Published& image) { return same(image) && image.whole; });
  if (there != images.end()) {
    outcome.image = *there;
  } else {
    for (const auto& image : images)
      if (same(image) && !registry.can_go_on(image)) {
        report("removing what an earlier upload left");
        registry.remove(image);
      }
    outcome.image = registry.send(upload, report);
    outcome.sent = true;
    images.insert(images.begin(), outcome.image);
  }
  registry.finish(outcome.image, upload, report);
  if (keep > 0)
    for (const auto& image : surplus(images, upload.name, keep)) {
      if (image.id == outcome.image.id)
        continue;  // it was there, and is an old one: it is what was asked for now
      if (!registry.user_of(image).empty())
        continue;
      report("removing " + image.id);
      registry.remove(image);
      outcome.removed.push_back(image);
    }
  return outcome;
}

}  // namespace vmimage::publish
