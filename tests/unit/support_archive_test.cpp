// Archives that others made, and that may be damaged; the inputs are among those of the fuzz targets.

#include <gtest/gtest.h>

#include "expect.hpp"
#include "format/unpack.hpp"
#include "support/archive.hpp"
#include "support/file.hpp"

namespace vmimage {
namespace {

namespace fs = std::filesystem;

const fs::path kInputs = fs::path(SOURCE_FOLDER) / "tests/fuzz/corpus";

TEST(SupportArchive, SaysThatAnArchiveIsDamagedWhereLibarchiveGivesNoReason) {
  const auto error =
      error_of([] { support::read_tar(kInputs / "tar/cut.gz", [](support::ArchiveEntry&) {}); });
  EXPECT_TRUE(contains(error.what(), "cut.gz': it is damaged")) << error.what();
}

TEST(FormatUnpack, RefusesAnArchiveThatEndsInsideItsDisk) {
  const support::TempDir folder;
  const fs::path cut = folder.path() / "machine.ova";
  fs::copy_file(kInputs / "ova/machine.ova", cut);
  format::Source source;
  source.image = cut;
  format::find_in_tar(source);
  EXPECT_EQ(12u, source.part.size);
  fs::resize_file(cut, source.part.offset + 4);
  const auto error = error_of([&] { format::find_in_tar(source); });
  EXPECT_EQ(support::ErrorKind::Usage, error.kind());
  EXPECT_TRUE(contains(error.hint(), "incomplete")) << error.hint();
}

}  // namespace
}  // namespace vmimage
