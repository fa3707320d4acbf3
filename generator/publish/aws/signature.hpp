#pragma once
// AWS Signature Version 4, of requests to services other than S3. Pure.

#include <ctime>
#include <map>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace vmimage::publish::aws {

/// What requests are signed with. `session_token` is empty for those of a user that do not end.
struct Key {
  std::string id;
  std::string secret;
  std::string session_token = {};
};

/// What is signed of a request. `path` is as it is sent: percent-encoded, from the "/" on; `query` is not yet
/// encoded; `headers` are all that are to be signed, "host" among them, with names in lower case.
struct Signable {
  std::string method;
  std::string path;
  std::vector<std::pair<std::string, std::string>> query;
  std::map<std::string, std::string> headers;
  std::string body_sha256;  ///< lower-case digits
};

/// Which service of which region a request is for: "ebs", "us-east-1".
struct Scope {
  std::string service;
  std::string region;
};

/// The headers that have to be sent besides those of the request: "x-amz-date", "authorization", and
/// "x-amz-security-token" where the key has one.
std::map<std::string, std::string> sign(const Signable& request, const Key& key, const Scope& scope,
                                        std::time_t time);

/// Percent-encoded but for what RFC 3986 does not reserve, and `kept`.
std::string encode(std::string_view text, std::string_view kept = {});
/// "a=1&b=2", encoded, sorted: as it is signed, and so may as well be sent.
std::string encode(const std::vector<std::pair<std::string, std::string>>& query);

}  // namespace vmimage::publish::aws
