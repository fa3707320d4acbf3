#include "image/secure_boot.hpp"

#include <fmt/format.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstring>
#include <memory>

#include "image/build.hpp"
#include "support/digest.hpp"
#include "support/error.hpp"
#include "support/process.hpp"

namespace vmimage::image {

using recipe::SecureBoot;
using support::invalid;
namespace fs = std::filesystem;

namespace {

constexpr const char* kVersion = "1";  // raise when the same input is signed in another way
constexpr const char* kSigned = "uki.efi";
constexpr int kLeastBits = 2048;  // of RSA; the specification knows no shorter ones

using Bio = std::unique_ptr<BIO, decltype(&BIO_free)>;
using Key = std::unique_ptr<EVP_PKEY, decltype(&EVP_PKEY_free)>;
using Certificate = std::unique_ptr<X509, decltype(&X509_free)>;

Bio open(const fs::path& file, const char* what) {
  const auto unreadable = [&](const char* cause) {
    return invalid(fmt::format("failed to read the Secure Boot {} '{}': {}", what, file.string(), cause),
                   "it is a PEM file; relative paths are against the recipe's folder");
  };
  if (!fs::exists(file))
    throw unreadable("no such file");
  if (fs::is_directory(file))
    throw unreadable("it is a folder");
  Bio bio(BIO_new_file(file.c_str(), "r"), BIO_free);
  if (!bio)
    throw unreadable(std::strerror(errno));
  return bio;
}

/// In place of the question for a passphrase on the terminal.
int note_question(char*, int, int, void* asked) {
  *static_cast<bool*>(asked) = true;
  return -1;
}

Key read_key(const fs::path& file) {
  const Bio bio = open(file, "key");
  bool asked = false;
  Key key(PEM_read_bio_PrivateKey(bio.get(), nullptr, note_question, &asked), EVP_PKEY_free);
  ERR_clear_error();
  if (asked)
    throw invalid(fmt::format("the Secure Boot key '{}' is protected by a passphrase", file.string()),
                  "name a key without one, which only you can read: openssl pkey -in … -out …");
  if (!key)
    throw invalid(fmt::format("'{}' is no private key in PEM form", file.string()),
                  "make a key and its certificate: openssl req -new -x509 -newkey rsa:2048 -nodes -days 3650 "
                  "-subj '/CN=Secure Boot' -keyout key.pem -out certificate.pem");
  if (EVP_PKEY_get_base_id(key.get()) != EVP_PKEY_RSA || EVP_PKEY_get_bits(key.get()) < kLeastBits)
    throw invalid(fmt::format("firmware cannot take the Secure Boot key '{}'", file.string()),
                  fmt::format("it has to be RSA with at least {} bits", kLeastBits));
  return key;
}

Certificate read_certificate(const fs::path& file) {
  const Bio bio = open(file, "certificate");
  Certificate certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr), X509_free);
  ERR_clear_error();
  if (!certificate)
    throw invalid(fmt::format("'{}' is no certificate in PEM form", file.string()),
                  "it is an X.509 certificate that starts with -----BEGIN CERTIFICATE-----");
  return certificate;
}

/// With a time that follows from the input: the same program, signed by the same key, has the same bytes.
void sign(const SecureBoot& files, const fs::path& program, const fs::path& output) {
  support::run_checked(
      {.argv = {"osslsigncode", "sign", "-h", "sha256", "-time", std::to_string(image_time()), "-key",
                fs::absolute(files.key).string(), "-certs", fs::absolute(files.certificate).string(), "-in",
                program.string(), "-out", output.string()},
       .timeout = std::chrono::minutes(2)});
}

}  // namespace

void check_signing_key(const SecureBoot& files) {
  const Key key = read_key(files.key);
  const Certificate certificate = read_certificate(files.certificate);
  const bool fit = X509_check_private_key(certificate.get(), key.get()) == 1;
  ERR_clear_error();
  if (!fit)
    throw invalid(fmt::format("the Secure Boot key '{}' and the certificate '{}' do not belong together",
                              files.key.string(), files.certificate.string()),
                  "name the certificate that was made for this key");
}

void sign_kit(const cache::Cache& cache, const SecureBoot& files, base::Kit& kit,
              const base::Progress& progress) {
  // There is only one key to a certificate, so nothing that is kept has to follow from the key itself.
  const std::string key = support::Digest()
                              .add(kVersion)
                              .add(kit.digest)
                              .add(support::sha256_file(files.certificate))
                              .add(std::to_string(image_time()))
                              .hex();
  const auto make = [&](const fs::path& folder) {
    progress("signature for Secure Boot");
    sign(files, kit.uki(), folder / kSigned);
  };
  kit.signed_uki = cache.entry("signed", key, make, {}) / kSigned;  // checked when a disk is made of it
  kit.digest = key;
}

}  // namespace vmimage::image
