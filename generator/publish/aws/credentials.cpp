#include "publish/aws/credentials.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "support/error.hpp"
#include "support/json.hpp"
#include "support/process.hpp"
#include "support/text.hpp"
#include "support/time.hpp"

namespace vmimage::publish::aws {

using support::failure;
using support::invalid;

namespace {

/// Before they end: a request must not be under way then.
constexpr std::time_t kMargin = 120;
constexpr std::chrono::minutes kPatience{5};  // single sign-on may ask somebody

std::optional<std::string> environment(const std::string& name) {
  const char* value = std::getenv(name.c_str());
  return value && *value ? std::optional<std::string>(value) : std::nullopt;
}

support::Result aws_cli(std::vector<std::string> arguments, const std::string& profile) {
  arguments.insert(arguments.begin(), "aws");
  if (!profile.empty())
    arguments.insert(arguments.end(), {"--profile", profile});
  return support::run({.argv = arguments, .timeout = kPatience});
}

std::string find_region(const std::string& profile) {
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION"})
    if (const auto region = environment(name))
      return *region;
  std::string region;
  if (!support::find_program("aws").empty())
    region = support::last_line(aws_cli({"configure", "get", "region"}, profile).out);
  if (region.empty())
    throw invalid("no AWS region is set", "give --region, or set AWS_REGION, or run 'aws configure'");
  return region;
}

}  // namespace

std::optional<Credentials> from_variables(const Variables& variables) {
  const auto id = variables("AWS_ACCESS_KEY_ID"), secret = variables("AWS_SECRET_ACCESS_KEY");
  if (!id || !secret)
    return std::nullopt;
  return Credentials{{*id, *secret, variables("AWS_SESSION_TOKEN").value_or("")}, {}, "the environment"};
}

Credentials from_process(const std::string& text) {
  const auto said = support::json::parse(text, nullptr, false);
  const auto field = [&](const char* name) {
    const auto found = said.is_object() ? said.find(name) : said.end();
    return said.is_object() && found != said.end() && found->is_string() ? found->get<std::string>() : "";
  };
  Credentials found{
      {field("AccessKeyId"), field("SecretAccessKey"), field("SessionToken")}, {}, "the AWS CLI"};
  if (found.key.id.empty() || found.key.secret.empty())
    throw failure("failed to read the credentials that the AWS CLI has found: it says no key");
  if (const std::string ends = field("Expiration"); !ends.empty()) {
    found.ends = support::parse_time(ends);
    if (!found.ends)
      throw failure(fmt::format("failed to read when the credentials of the AWS CLI end: '{}'", ends));
  }
  return found;
}

std::string endpoint(const Variables& variables, const std::string& service, const std::string& region) {
  // Of some, AWS's tools call the variable by the service's title.
  static const std::map<std::string, std::string> titles{
      {"autoscaling", "auto_scaling"}, {"elasticloadbalancing", "elastic_load_balancing_v2"}};
  const auto title = titles.find(service);
  std::string upper = title == titles.end() ? service : title->second;
  std::transform(upper.begin(), upper.end(), upper.begin(),
                 [](unsigned char c) { return static_cast<char>(std::toupper(c)); });
  for (const std::string& name : {"AWS_ENDPOINT_URL_" + upper, std::string("AWS_ENDPOINT_URL")})
    if (const auto url = variables(name))
      return *url;
  return fmt::format("https://{}.{}.amazonaws.com{}", service, region,
                     region.starts_with("cn-") ? ".cn" : "");
}

Identity::Identity(std::string profile, std::string region)
    : profile_(std::move(profile)),
      region_(region.empty() ? find_region(profile_) : std::move(region)),
      credentials_(fetch()) {
  if (region_.find_first_not_of("abcdefghijklmnopqrstuvwxyz0123456789-") != std::string::npos)
    throw invalid(fmt::format("'{}' is no AWS region", region_), "they are called like 'eu-central-1'");
}

Credentials Identity::fetch() const {
  if (profile_.empty())
    if (auto found = from_variables(environment))
      return *found;
  const std::string hint =
      "set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run 'aws configure' or 'aws sso login'";
  if (support::find_program("aws").empty())
    throw invalid("no AWS credentials are set, and there is no AWS CLI that would find some",
                  hint + " (Debian: awscli)");
  const auto result = aws_cli({"configure", "export-credentials", "--format", "process"}, profile_);
  if (!result.ok())
    throw invalid(fmt::format("failed to find AWS credentials: {}", support::last_line(result.err)), hint);
  return from_process(result.out);
}

std::string Identity::source() const {
  const std::lock_guard guard(mutex_);
  return credentials_.source;
}

Key Identity::key() {
  const std::lock_guard guard(mutex_);
  if (credentials_.ends && std::time(nullptr) + kMargin >= *credentials_.ends)
    credentials_ = fetch();
  return credentials_.key;
}

bool Identity::renew(const Key& old) {
  const std::lock_guard guard(mutex_);
  if (credentials_.key.id == old.id && credentials_.key.session_token == old.session_token)
    credentials_ = fetch();
  return credentials_.key.id != old.id || credentials_.key.session_token != old.session_token;
}

Service Identity::service(const std::string& name, const std::string& title) const {
  return {title, endpoint(environment, name, region_),
          Trust{environment("AWS_CA_BUNDLE").value_or(""), true, "AWS_CA_BUNDLE"}};
}

}  // namespace vmimage::publish::aws
