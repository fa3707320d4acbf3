#include "driver/openstack/key.hpp"

#include <arpa/inet.h>
#include <fmt/format.h>
#include <netinet/in.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <sys/socket.h>
#include <sys/time.h>

#include <csignal>
#include <memory>

#include "support/descriptor.hpp"
#include "support/error.hpp"

namespace vmfleet::driver::openstack {

namespace support = vmimage::support;

namespace {

constexpr long kDay = 86400;
constexpr time_t kPatience = 5;  // seconds for each step of a conversation

struct Free {
  void operator()(EVP_PKEY* key) const { ::EVP_PKEY_free(key); }
  void operator()(X509* certificate) const { ::X509_free(certificate); }
  void operator()(BIO* bio) const { ::BIO_free_all(bio); }
  void operator()(SSL_CTX* context) const { ::SSL_CTX_free(context); }
  void operator()(SSL* connection) const { ::SSL_free(connection); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

support::Error problem(const std::string& what) {
  char text[256] = "no reason is known";
  if (const auto code = ::ERR_get_error())
    ::ERR_error_string_n(code, text, sizeof text);
  return support::failure(fmt::format("failed to {}: {}", what, text));
}

void require(bool done, const char* what) {
  if (!done)
    throw problem(what);
}

Owned<X509> make_certificate(EVP_PKEY* key) {
  Owned<X509> certificate(::X509_new());
  X509* one = certificate.get();
  auto* name = ::X509_get_subject_name(one);
  const auto* text = reinterpret_cast<const unsigned char*>("vmfleet");
  require(one && ::X509_set_version(one, 2) && ::ASN1_INTEGER_set(::X509_get_serialNumber(one), 1) &&
              ::X509_gmtime_adj(::X509_getm_notBefore(one), -kDay) &&  // clocks differ
              ::X509_gmtime_adj(::X509_getm_notAfter(one), 3650 * kDay) && ::X509_set_pubkey(one, key) &&
              ::X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC, text, -1, -1, 0) &&
              ::X509_set_issuer_name(one, name) && ::X509_sign(one, key, ::EVP_sha256()),
          "make a certificate");
  return certificate;
}

support::Descriptor connect_to(const std::string& address, std::uint16_t port) {
  sockaddr_storage place{};
  socklen_t size = sizeof(sockaddr_in);
  auto* four = reinterpret_cast<sockaddr_in*>(&place);
  auto* six = reinterpret_cast<sockaddr_in6*>(&place);
  if (::inet_pton(AF_INET, address.c_str(), &four->sin_addr) == 1) {
    four->sin_family = AF_INET;
    four->sin_port = htons(port);
  } else if (::inet_pton(AF_INET6, address.c_str(), &six->sin6_addr) == 1) {
    six->sin6_family = AF_INET6;
    six->sin6_port = htons(port);
    size = sizeof(sockaddr_in6);
  } else {
    throw support::failure(fmt::format("'{}' is no address", address));
  }
  support::Descriptor descriptor(::socket(place.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const timeval patience{kPatience, 0};
  ::setsockopt(descriptor.fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);  // of connect(), too
  ::setsockopt(descriptor.fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
  if (::connect(descriptor.fd, reinterpret_cast<const sockaddr*>(&place), size) != 0)
    support::throw_errno(fmt::format("reach the balancer at {}, port {}", address, port));
  return descriptor;
}

/// Trusts this one certificate, and shows it.
Owned<SSL_CTX> make_context(const std::string& key) {
  Owned<SSL_CTX> context(::SSL_CTX_new(::TLS_client_method()));
  const auto read = [&] { return Owned<BIO>(::BIO_new_mem_buf(key.data(), static_cast<int>(key.size()))); };
  const Owned<X509> certificate(::PEM_read_bio_X509(read().get(), nullptr, nullptr, nullptr));
  const Owned<EVP_PKEY> secret(::PEM_read_bio_PrivateKey(read().get(), nullptr, nullptr, nullptr));
  require(context && certificate && secret &&
              ::SSL_CTX_use_certificate(context.get(), certificate.get()) == 1 &&
              ::SSL_CTX_use_PrivateKey(context.get(), secret.get()) == 1 &&
              ::X509_STORE_add_cert(::SSL_CTX_get_cert_store(context.get()), certificate.get()) == 1,
          "use the key of the balancer");
  ::SSL_CTX_set_verify(context.get(), SSL_VERIFY_PEER, nullptr);
  return context;
}

}  // namespace

std::string make_key() {
  const Owned<EVP_PKEY> key(::EVP_EC_gen("P-256"));
  require(key != nullptr, "make a key");
  const auto certificate = make_certificate(key.get());
  const Owned<BIO> memory(::BIO_new(::BIO_s_mem()));
  require(::PEM_write_bio_X509(memory.get(), certificate.get()) == 1 &&
              ::PEM_write_bio_PKCS8PrivateKey(memory.get(), key.get(), nullptr, nullptr, 0, nullptr,
                                              nullptr) == 1,
          "write a key");
  char* text = nullptr;
  const auto size = ::BIO_get_mem_data(memory.get(), &text);
  return {text, static_cast<std::size_t>(size)};
}

std::string ask_by_tls(const std::string& address, std::uint16_t port, const std::string& key,
                       const std::string& commands) {
  std::signal(SIGPIPE, SIG_IGN);
  const auto descriptor = connect_to(address, port);
  const auto context = make_context(key);
  const Owned<SSL> connection(::SSL_new(context.get()));
  require(connection && ::SSL_set_fd(connection.get(), descriptor.fd) == 1 &&
              ::SSL_connect(connection.get()) == 1,
          "talk to the balancer by TLS");
  const std::string line = commands + "\n";
  require(::SSL_write(connection.get(), line.data(), static_cast<int>(line.size())) ==
              static_cast<int>(line.size()),
          "send commands to the balancer");
  std::string answer;
  char piece[4096];
  int got = 0;
  while ((got = ::SSL_read(connection.get(), piece, sizeof piece)) > 0)
    answer.append(piece, static_cast<std::size_t>(got));
  require(::SSL_get_error(connection.get(), got) == SSL_ERROR_ZERO_RETURN, "read the balancer's answer");
  return answer;
}

}  // namespace vmfleet::driver::openstack
