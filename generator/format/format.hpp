#pragma once
// The formats that a disk can be written in: a table, with one writer each (docs/ARCHITECTURE.md, "A
// format").

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>
#include <vector>

#include "format/open.hpp"

namespace vmimage::format {

/// How far a conversion is: bytes done, and bytes in all (never 0).
using Meter = std::function<void(std::uint64_t done, std::uint64_t total)>;

/// What a machine that the image runs on has.
enum class Hardware {
  Paravirtual,  ///< virtio, NVMe, VMware's own devices: what Debian's cloud kernel has drivers for
  Emulated,     ///< SATA and Intel's network cards as well: any usual kernel has those
};

/// What formats say of an image besides its disk. Identifiers come from `seed`, times from `time`, so that
/// the same image gives the same file.
struct Description {
  std::string name = "disk";
  std::string version;
  std::string base;  ///< as in the manifest; empty: not known
  std::string seed;  ///< the image's digest
  int cpus = 1;
  std::uint64_t memory = 1ull << 30;  ///< bytes
  Hardware hardware = Hardware::Emulated;
  std::int64_t time = 0;  ///< seconds since the epoch
};

/// A conversion: a disk, opened, and where it goes.
struct Job {
  const Source& source;
  filesystem::BlockDevice& disk;
  const Description& about;
  std::filesystem::path to;  ///< is there, and is to be overwritten
  const Meter& meter;
};

struct Format {
  std::string name;               ///< as in a recipe
  std::string extension;          ///< of its files, with the dot
  std::string purpose;            ///< who takes it
  void (*write)(const Job& job);  ///< throws Error; what is in the file then does not matter
};

const std::vector<Format>& all();
std::string names();  ///< of all(), for people
/// Throws Error{Usage} for a name that is not known.
const Format& find(const std::string& name);

/// Writes the disk in another format. `to` is created or overwritten.
void convert(const Source& source, const Format& format, const Description& about,
             const std::filesystem::path& to, const Meter& meter = {});

}  // namespace vmimage::format
