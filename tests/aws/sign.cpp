// Signs what it reads: one request as JSON in each line; prints the authorization header of each.

#include <fmt/format.h>

#include <iostream>

#include "publish/aws/signature.hpp"
#include "support/digest.hpp"
#include "support/json.hpp"

int main() {
  using namespace vmimage;
  for (std::string line; std::getline(std::cin, line);) {
    const auto given = support::json::parse(line);
    publish::aws::Signable request{given.at("method"), given.at("path"), given.at("query"),
                                   given.at("headers"), support::sha256(given.at("body").get<std::string>())};
    const publish::aws::Key key{given.at("id"), given.at("secret"), given.at("token")};
    const publish::aws::Scope scope{given.at("service"), given.at("region")};
    fmt::print(
        "{}\n",
        publish::aws::sign(request, key, scope, given.at("time").get<std::time_t>()).at("authorization"));
  }
}
