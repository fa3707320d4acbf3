#pragma once
// Where images are published to: clouds' registries of images. One folder each (docs/ARCHITECTURE.md, "A
// registry"); what holds for all of them is here.

#include <cstdint>
#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "recipe/manifest.hpp"
#include "support/progress.hpp"

namespace vmimage::publish {

/// What is to be published.
struct Upload {
  std::filesystem::path file;  ///< qcow2 without a backing file
  std::uint64_t size = 0;      ///< of the file
  std::string name;
  std::string version;
  std::string digest;        ///< "sha256:…": the image's; equal for equal images
  std::uint64_t disk = 0;    ///< bytes that its disk has
  std::uint64_t memory = 0;  ///< bytes that an instance needs
  std::string lock;          ///< the digest of the lock that it was made by; empty: none
  std::string base;          ///< as in the manifest; empty: not known
  std::vector<std::string> firmware;
  std::string revision;                     ///< of the source that it was made from; empty: not known
  std::map<std::string, std::string> tags;  ///< what else is to be said of it there
  std::vector<std::string> keys;            ///< that it is encrypted with there: at most one of each region
  bool tpm = false;                         ///< its instances get a TPM
  std::vector<std::string> share_with;      ///< accounts that may use it too
};

/// The same image in another region.
struct Copied {
  std::string region;
  std::string id;
  bool whole = true;
};

/// An image in a registry that was put there by publish().
struct Published {
  std::string id;
  std::string name;
  std::string version;
  std::string digest;
  std::string created;      ///< as the registry says it, ISO 8601
  std::uint64_t size = 0;   ///< bytes
  bool whole = true;        ///< false: its upload did not come to its end
  bool locked = false;      ///< the registry does not let it be removed
  std::string region = {};  ///< where the registry has such
  std::vector<Copied> copies = {};
};

/// Which account of a registry: what its own tools call it; empty: what they take by themselves.
struct Account {
  std::string name;
  std::string region = {};
  std::vector<std::string> regions = {};  ///< others, with copies
};

class Registry {
 public:
  virtual ~Registry() = default;
  /// Those put there by publish(), the newest first.
  virtual std::vector<Published> list() = 0;
  /// Throws Error{Usage} when it can be seen beforehand that this registry cannot take it so.
  virtual void check(const Upload&) {}
  /// Uploads it and checks what arrived. When that fails nothing is left, as far as the registry can be
  /// reached, or what is left is in list(), incomplete.
  virtual Published send(const Upload& upload, const support::Report& report) = 0;
  /// With its copies.
  virtual void remove(const Published& image) = 0;
  /// What was asked for beyond having it there; also called of one that was. Throws Error{Usage} when that
  /// one is another than was asked for.
  virtual void finish(Published&, const Upload&, const support::Report&) {}
  /// Of an incomplete one: send() may go on with it, so that it is not removed before.
  virtual bool can_go_on(const Published&) { return false; }
  /// What in the cloud still starts machines of it, in words; empty: nothing that is known.
  virtual std::string user_of(const Published&) { return ""; }
};

/// How many units hold so many bytes: clouds count disks in whole gigabytes. Pure.
std::uint64_t whole_units(std::uint64_t bytes, std::uint64_t unit);

struct Kind {
  std::string name;
  std::unique_ptr<Registry> (*open)(const Account& account);
};
const std::vector<Kind>& kinds();
std::string kind_names();  ///< for people
/// Throws Error{Usage} for a name that is not known.
std::unique_ptr<Registry> open_registry(const std::string& kind, const Account& account);

/// Of `images`, the newest first: those of a name that are more than the newest `keep`; never incomplete or
/// locked ones. Pure.
std::vector<Published> surplus(const std::vector<Published>& images, const std::string& name, int keep);

/// The image that `word` means: its identifier, or its digest (or at least 8 digits of its beginning). Throws
/// Error{Usage} when there is none, or more than one. Pure.
const Published& find_published(const std::vector<Published>& images, const std::string& word);

struct Outcome {
  Published image;
  bool sent = false;  ///< false: it was there
  std::vector<Published> removed;
};

/// Publishes an image unless one with its name and digest is there; what an earlier upload of it left half
/// goes first. `keep` > 0: afterwards only so many images of its name are left.
Outcome publish(Registry& registry, const Upload& upload, int keep, const support::Report& report);

}  // namespace vmimage::publish
