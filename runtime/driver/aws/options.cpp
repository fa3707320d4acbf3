#include "driver/aws/options.hpp"

#include <fmt/format.h>

#include <regex>

#include "support/error.hpp"
#include "support/json.hpp"
#include "support/text.hpp"

namespace vmfleet::driver::aws {

namespace support = vmimage::support;

namespace {

std::vector<std::string> matching(const std::string& key, const std::string& text, const char* pattern,
                                  const char* like) {
  auto words = support::split(text, ',');
  for (const auto& word : words)
    if (!std::regex_match(word, std::regex(pattern)))
      throw support::invalid(fmt::format("{}: '{}' is none", key, word), fmt::format("it is like {}", like));
  return words;
}

/// One of a few words.
template <typename Value>
Value one_of(const std::string& key, const std::string& word, const std::map<std::string, Value>& known) {
  if (const auto found = known.find(word); found != known.end())
    return found->second;
  std::vector<std::string> words;
  for (const auto& [name, value] : known)
    words.push_back(name);
  throw support::invalid(fmt::format("{}: '{}' is not known", key, word),
                         fmt::format("known is: {}", fmt::join(words, ", ")));
}

}  // namespace

Options read_options(const std::map<std::string, std::string>& options) {
  static const std::vector<std::string> known{"balancer", "certificate", "instance_type", "profile",
                                              "region",   "scheme",      "secrets",       "subnets"};
  Options read;
  for (const auto& [key, value] : options) {
    if (key == "profile")
      read.profile = value;
    else if (key == "region")
      read.region = value;
    else if (key == "instance_type")
      read.instance_type = matching(key, value, "[a-z0-9-]+\\.[a-z0-9-]+", "'t3.micro'").front();
    else if (key == "subnets")
      read.subnets = matching(key, value, "subnet-[0-9a-f]{8,17}", "'subnet-0123456789abcdef0'");
    else if (key == "scheme")
      read.scheme = one_of<Scheme>(
          key, value, {{"internal", Scheme::Internal}, {"internet-facing", Scheme::InternetFacing}});
    else if (key == "balancer")
      read.balancer = one_of<Balancer>(
          key, value, {{"application", Balancer::Application}, {"network", Balancer::Network}});
    else if (key == "certificate")
      read.certificate = matching(key, value,
                                  "arn:aws[a-z-]*:(acm:[a-z0-9-]+:[0-9]{12}:certificate/[0-9a-f-]+|"
                                  "iam::[0-9]{12}:server-certificate/[A-Za-z0-9/_+=.@-]+)",
                                  "'arn:aws:acm:REGION:ACCOUNT:certificate/ID'")
                             .front();
    else if (key == "secrets")
      read.readable =
          matching(key, value,
                   "arn:aws[a-z-]*:(secretsmanager:[a-z0-9-]+:[0-9]{12}:secret:[A-Za-z0-9/_+=.@-]+|"
                   "ssm:[a-z0-9-]+:[0-9]{12}:parameter/[A-Za-z0-9/_.-]+)",
                   "'arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME' or "
                   "'arn:aws:ssm:REGION:ACCOUNT:parameter/NAME'");
    else {
      throw support::invalid(
          fmt::format("the driver 'aws' has no option '{}'", key),
          support::did_you_mean(key, known, fmt::format("it has: {}", fmt::join(known, ", "))));
    }
  }
  return read;
}

}  // namespace vmfleet::driver::aws
