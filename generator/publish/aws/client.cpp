#include "publish/aws/client.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <pugixml.hpp>
#include <random>
#include <set>
#include <thread>

#include "support/digest.hpp"
#include "support/json.hpp"
#include "support/process.hpp"

namespace vmimage::publish::aws {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using std::chrono::steady_clock;

namespace {

constexpr milliseconds kFirstPause = 50ms, kLongestPause = 1s;
/// A service that only puts us off is given up after so long.
constexpr auto kStarved = 10min;
/// So often is asked again where no answer came, or the service itself is at fault.
constexpr int kRepeats = 20;
/// The same, while it never has: an address that is wrong, more likely.
constexpr int kFirstRepeats = 8;
/// So often a block is sent again that arrived as other bytes.
constexpr int kDamaged = 3;

/// At random up to twice as long with each try: those who wait must not come back all at once.
milliseconds backoff(int tries) {
  thread_local std::minstd_rand dice{std::random_device{}()};
  const auto most = std::min<long>(kLongestPause.count(), kFirstPause.count() << std::min(tries, 10));
  return milliseconds(std::uniform_int_distribution<long>(most / 2, most)(dice));
}

enum class Failure { Throttled, Ended, Damaged, Server, Final };

Failure kind_of(int status, const Reason& reason) {
  static const std::set<std::string> throttled{"RequestLimitExceeded",
                                               "RequestThrottled",
                                               "RequestThrottledException",
                                               "Throttling",
                                               "ThrottlingException",
                                               "TooManyRequestsException",
                                               "SlowDown",
                                               "ThrottledException"};
  static const std::set<std::string> ended{"ExpiredToken", "ExpiredTokenException", "RequestExpired"};
  if (throttled.contains(reason.code) || status == 429)
    return Failure::Throttled;
  if (ended.contains(reason.code))
    return Failure::Ended;
  if (reason.detail == "INVALID_BLOCK")
    return Failure::Damaged;
  return status >= 500 ? Failure::Server : Failure::Final;
}

std::string advice(const std::string& code, const std::string& source) {
  static const std::set<std::string> denied{"UnauthorizedOperation", "AccessDenied", "AccessDeniedException"};
  static const std::set<std::string> unknown{"AuthFailure", "InvalidClientTokenId",
                                             "UnrecognizedClientException", "SignatureDoesNotMatch",
                                             "InvalidSignatureException"};
  if (denied.contains(code))
    return "the account may not do that: docs/aws.md lists the permissions that it needs";
  if (unknown.contains(code))
    return "the credentials are those of " + source;
  if (code.starts_with("Expired") || code == "RequestExpired")
    return "get new credentials and publish again: what has arrived is not sent again";
  if (code.find("LimitExceeded") != std::string::npos || code.find("QuotaExceeded") != std::string::npos)
    return "a quota of the account is reached: remove what is not needed, or have it raised";
  return "";
}

}  // namespace

void pause(milliseconds time) {
  for (const auto end = steady_clock::now() + time; steady_clock::now() < end;) {
    support::check_interrupt();
    std::this_thread::sleep_for(std::min<steady_clock::duration>(end - steady_clock::now(), 50ms));
  }
}

Reason reason_of(const Response& response) {
  const auto body = support::json::parse(response.body, nullptr, false);
  if (body.is_object()) {
    Reason reason{"", body.value("message", body.value("Message", "")), body.value("Reason", "")};
    const auto type = response.headers.find("x-amzn-errortype");
    reason.code =
        type != response.headers.end() ? type->second : body.value("__type", body.value("code", ""));
    reason.code = reason.code.substr(0, reason.code.find(':'));
    reason.code = reason.code.substr(reason.code.find('#') + 1);
    return reason;
  }
  pugi::xml_document document;
  document.load_buffer(response.body.data(), response.body.size());
  const auto error = document.select_node("//Error").node();
  Reason reason{error.child_value("Code"), error.child_value("Message"), ""};
  if (reason.message.empty())
    reason.message = fmt::format("HTTP {}", response.status);
  return reason;
}

void Pace::enter() {
  std::unique_lock lock(mutex_);
  while (under_way_ >= std::max(1, static_cast<int>(allowed_))) {
    changed_.wait_for(lock, 50ms);
    support::check_interrupt();
  }
  ++under_way_;
}

void Pace::leave(End end) {
  const std::lock_guard guard(mutex_);
  --under_way_;
  answered_ = answered_ || end != End::Failed;
  if (end == End::Done) {
    allowed_ = std::min(most_, allowed_ + 1 / allowed_);
    last_done_ = steady_clock::now();
  } else if (end == End::Throttled) {
    allowed_ = std::max(std::min(most_, 4.0), allowed_ * 0.8);
  }
  changed_.notify_one();
}

bool Pace::answered() const {
  const std::lock_guard guard(mutex_);
  return answered_;
}

steady_clock::duration Pace::starved(steady_clock::time_point since) const {
  const std::lock_guard guard(mutex_);
  return steady_clock::now() - std::max(last_done_, since);
}

Response Client::once(const Call& call, const Key& key) {
  const Service& service = endpoint_.service;
  const std::size_t host = service.url().find("://") + 3;
  const std::size_t path = std::min(service.url().find('/', host), service.url().size());
  auto headers = call.headers;
  headers["host"] = service.url().substr(host, path - host);
  const std::string digest = call.body_sha256.empty() ? support::sha256(call.body) : call.body_sha256;
  const auto added = sign({call.method, service.url().substr(path) + call.path, call.query, headers, digest},
                          key, {endpoint_.name, endpoint_.identity.region()}, std::time(nullptr));
  headers.insert(added.begin(), added.end());
  const std::string target = call.path + (call.query.empty() ? "" : "?" + encode(call.query));
  const Headers all(headers.begin(), headers.end());
  if (on_interrupt_ == Service::OnInterrupt::GoOn && (call.order || support::interrupted()))
    return service.request(call.method, target, all, call.body, on_interrupt_);
  return connection_.request(call.method, target, all, call.body);
}

Response Client::operator()(const Call& call) {
  Pace& pace = endpoint_.pace;
  const auto wait = [this](milliseconds time) {
    if (on_interrupt_ == Service::OnInterrupt::GoOn && support::interrupted())
      std::this_thread::sleep_for(time);
    else
      pause(time);
  };
  const auto begun = steady_clock::now();
  for (int tries = 0, repeats = 0, damaged = 0;; ++tries) {
    const Key key = endpoint_.identity.key();
    pace.enter();
    Response response;
    try {
      response = once(call, key);
    } catch (const NoAnswer&) {
      pace.leave(Pace::End::Failed);
      if (++repeats >= (pace.answered() ? kRepeats : kFirstRepeats))
        throw;
      wait(backoff(repeats));
      continue;
    } catch (...) {
      pace.leave(Pace::End::Failed);
      throw;
    }
    if (response.status < 300) {
      pace.leave(Pace::End::Done);
      return response;
    }
    const Reason reason = reason_of(response);
    const Failure failure = kind_of(response.status, reason);
    pace.leave(failure == Failure::Throttled ? Pace::End::Throttled : Pace::End::Failed);
    const bool again = (failure == Failure::Throttled && pace.starved(begun) < kStarved) ||
                       (failure == Failure::Ended && endpoint_.identity.renew(key)) ||
                       (failure == Failure::Damaged && ++damaged < kDamaged) ||
                       (failure == Failure::Server && ++repeats < kRepeats);
    if (!again)
      throw Refused(reason.code, fmt::format("failed to {}: {} ({})", call.what, reason.message, reason.code),
                    advice(reason.code, endpoint_.identity.source()),
                    failure == Failure::Final || failure == Failure::Damaged ? Refused::Lasts::Yes
                                                                             : Refused::Lasts::No);
    wait(backoff(tries));
  }
}

}  // namespace vmimage::publish::aws
