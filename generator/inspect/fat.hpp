#pragma once
// A FAT file system in an image (an EFI system partition), read by mtools(1).

#include <map>

#include "inspect/reader.hpp"
#include "support/file.hpp"

namespace vmimage::inspect {

/// Has no owners and no times: all is root's, folders 0755, files 0644, of 1970.
class FatReader : public Reader {
 public:
  FatReader(filesystem::BlockDevice& device, const disk::Partition& partition);
  std::optional<filesystem::Status> status(const std::string& path) const override;
  std::vector<std::string> list(const std::string& folder) const override;
  void walk(const std::string& folder,
            const std::function<void(const filesystem::Entry&)>& each) const override;
  void read(const filesystem::Entry& entry, const filesystem::ContentSink& sink) const override;

 private:
  std::string content(const std::string& path) const;
  support::TempDir work_;
  std::map<std::string, filesystem::NodeType> nodes_;  ///< by path, without the root
};

/// Copies a partition into a sparse file, for programs that read files only.
void extract(filesystem::BlockDevice& device, const disk::Partition& partition,
             const std::filesystem::path& file);

}  // namespace vmimage::inspect
