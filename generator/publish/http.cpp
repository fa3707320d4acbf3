#include "publish/http.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <httplib.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <csignal>
#include <thread>
#include <vector>

#include "support/descriptor.hpp"
#include "support/error.hpp"
#include "support/process.hpp"

namespace vmimage::publish {

using support::failure;
using support::invalid;

namespace {

constexpr time_t kConnect = 20;
/// Until more comes or goes: registries look at a whole image before they answer.
constexpr time_t kSilence = 300;
constexpr std::size_t kPiece = 256 << 10;

/// Ends a client's request when we are asked to stop.
class Interruption {
 public:
  explicit Interruption(httplib::Client& client)
      : thread_([this, &client] {
          while (!done_ && !support::interrupted())
            std::this_thread::sleep_for(std::chrono::milliseconds(50));
          if (!done_)
            client.stop();
        }) {}
  ~Interruption() {
    done_ = true;
    thread_.join();
  }
  Interruption(const Interruption&) = delete;
  Interruption& operator=(const Interruption&) = delete;

 private:
  std::atomic<bool> done_ = false;
  std::thread thread_;
};

std::string cause(httplib::Error error) {
  switch (error) {
    case httplib::Error::Connection:
      return "no connection";
    case httplib::Error::ConnectionTimeout:
      return fmt::format("no connection within {} s", kConnect);
    case httplib::Error::Read:
      return "the connection was closed, or no answer came";
    case httplib::Error::Write:
    case httplib::Error::Canceled:
      return "the connection was closed before all was sent";
    case httplib::Error::SSLConnection:
      return "no TLS connection";
    case httplib::Error::SSLLoadingCerts:
      return "the file of trusted certificates cannot be used";
    case httplib::Error::SSLServerVerification:
      return "its certificate is not one that is trusted here";
    default:
      return httplib::to_string(error);
  }
}

std::string advice(httplib::Error error, const Trust& trust) {
  switch (error) {
    case httplib::Error::SSLLoadingCerts:
      return "look at " + trust.setting;
    case httplib::Error::SSLConnection:
    case httplib::Error::SSLServerVerification:
      return "give its authority's certificate: " + trust.setting;
    default:
      return "";
  }
}

Response take(const Service& service, const Trust& trust, const httplib::Result& result) {
  if (!result)
    throw NoAnswer(
        support::ErrorKind::Failure,
        fmt::format("failed to talk to {} at '{}': {}", service.name(), service.url(), cause(result.error())),
        advice(result.error(), trust));
  Response response{result->status, {}, result->body};
  for (const auto& [name, value] : result->headers) {
    std::string lower = name;
    std::transform(lower.begin(), lower.end(), lower.begin(),
                   [](unsigned char c) { return static_cast<char>(std::tolower(c)); });
    response.headers[lower] = value;
  }
  return response;
}

void prepare(httplib::Client& client, const Trust& trust) {
  std::signal(SIGPIPE, SIG_IGN);  // a connection that was closed is an error like others, by TLS, too
  client.set_connection_timeout(kConnect);
  client.set_read_timeout(kSilence);
  client.set_write_timeout(kSilence);
  if (!trust.authorities.empty())
    client.set_ca_cert_path(trust.authorities.c_str());
  client.enable_server_certificate_verification(trust.verify);
}

httplib::Request make_request(const std::string& method, const std::string& path, const Headers& headers,
                              const std::string& body) {
  httplib::Request request;
  request.method = method;
  request.path = path;
  request.headers = {headers.begin(), headers.end()};
  request.body = body;
  return request;
}

}  // namespace

Service::Service(std::string name, const std::string& url, Trust trust)
    : name_(std::move(name)), url_(url), trust_(std::move(trust)) {
  while (url_.ends_with('/'))
    url_.pop_back();
  const std::size_t scheme = url_.starts_with("http://") ? 7 : url_.starts_with("https://") ? 8 : 0;
  const std::size_t slash = url_.find('/', scheme);
  host_ = url_.substr(0, slash);
  path_ = slash == std::string::npos ? "" : url_.substr(slash);
  if (scheme == 0 || host_.size() == scheme)
    throw invalid(fmt::format("the address of {}, '{}', is none", name_, url),
                  "it has to start with http:// or https://");
}

Response Service::request(const std::string& method, const std::string& path, const Headers& headers,
                          const std::string& body, OnInterrupt on_interrupt) const {
  httplib::Client client(host_);
  prepare(client, trust_);
  const httplib::Request request = make_request(method, path_ + path, headers, body);
  if (on_interrupt == OnInterrupt::GoOn)
    return take(*this, trust_, client.send(request));
  const Interruption interruption(client);
  const auto result = client.send(request);
  support::check_interrupt();
  return take(*this, trust_, result);
}

Response Service::put_file(const std::string& path, const Headers& headers, const std::filesystem::path& file,
                           std::uint64_t size, const support::Report& report) const {
  const support::Descriptor descriptor(::open(file.c_str(), O_RDONLY | O_CLOEXEC));
  if (descriptor.fd < 0)
    support::throw_errno("open '" + file.string() + "'");
  std::vector<char> piece(kPiece);
  bool readable = true;
  const auto provide = [&](std::size_t offset, std::size_t length, httplib::DataSink& sink) {
    if (support::interrupted())
      return false;
    const auto got =
        ::pread(descriptor.fd, piece.data(), std::min(length, piece.size()), static_cast<off_t>(offset));
    readable = got > 0;
    if (!readable || !sink.write(piece.data(), static_cast<std::size_t>(got)))
      return false;
    report.bytes(offset + static_cast<std::size_t>(got), size);
    return true;
  };
  httplib::Client client(host_);
  prepare(client, trust_);
  const Interruption interruption(client);
  const auto result = client.Put((path_ + path).c_str(), httplib::Headers(headers.begin(), headers.end()),
                                 size, provide, "application/octet-stream");
  support::check_interrupt();
  if (!readable)
    throw failure(fmt::format("failed to read '{}': it became shorter, or cannot be read", file.string()));
  return take(*this, trust_, result);
}

struct Connection::State {
  explicit State(const std::string& host) : client(host), interruption(client) {}
  httplib::Client client;
  Interruption interruption;
};

Connection::Connection(const Service& service)
    : service_(&service), state_(std::make_unique<State>(service.host_)) {
  prepare(state_->client, service.trust_);
  state_->client.set_keep_alive(true);
  state_->client.set_tcp_nodelay(true);
}

Connection::~Connection() = default;

Response Connection::request(const std::string& method, const std::string& path, const Headers& headers,
                             const std::string& body) {
  const auto result = state_->client.send(make_request(method, service_->path_ + path, headers, body));
  support::check_interrupt();
  return take(*service_, service_->trust_, result);
}

}  // namespace vmimage::publish
