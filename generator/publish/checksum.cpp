#include "publish/checksum.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <openssl/evp.h>
#include <unistd.h>

#include <array>
#include <memory>
#include <vector>

#include "support/descriptor.hpp"
#include "support/error.hpp"
#include "support/process.hpp"

namespace vmimage::publish {

std::string file_digest(const std::filesystem::path& file, const std::string& algorithm) {
  const EVP_MD* kind = EVP_get_digestbyname(algorithm.c_str());
  if (!kind)
    return "";
  const std::unique_ptr<EVP_MD_CTX, decltype(&EVP_MD_CTX_free)> context(EVP_MD_CTX_new(), EVP_MD_CTX_free);
  const support::Descriptor input(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (!input.open())
    support::throw_errno("open '" + file.string() + "'");
  bool done = EVP_DigestInit_ex(context.get(), kind, nullptr) == 1;
  std::vector<char> piece(1 << 20);
  for (ssize_t got; done && (got = ::read(input.fd, piece.data(), piece.size())) != 0;) {
    support::check_interrupt();
    if (got < 0)
      support::throw_errno("read '" + file.string() + "'");
    done = EVP_DigestUpdate(context.get(), piece.data(), static_cast<std::size_t>(got)) == 1;
  }
  std::array<unsigned char, EVP_MAX_MD_SIZE> bytes{};
  unsigned size = 0;
  if (!done || EVP_DigestFinal_ex(context.get(), bytes.data(), &size) != 1)
    throw support::failure(fmt::format("failed to make the {} digest of '{}'", algorithm, file.string()));
  std::string text;
  for (unsigned i = 0; i < size; ++i)
    text += fmt::format("{:02x}", bytes[i]);
  return text;
}

}  // namespace vmimage::publish
