#include "publish/aws/query.hpp"

#include <fmt/format.h>

namespace vmimage::publish::aws {

void add_numbered(Parameters& parameters, const std::string& prefix, const std::vector<std::string>& values,
                  const std::string& suffix) {
  int number = 0;
  for (const auto& value : values)
    parameters.emplace_back(fmt::format("{}.{}{}", prefix, ++number, suffix), value);
}

pugi::xml_document Query::call(const std::string& what, const std::string& action,
                               const Parameters& parameters) {
  Parameters all = parameters;
  all.emplace_back("Action", action);
  all.emplace_back("Version", version_);
  const auto response =
      client_({.what = what,
               .method = "POST",
               .path = "/",
               .headers = {{"content-type", "application/x-www-form-urlencoded; charset=utf-8"}},
               .body = encode(all),
               .order = !action.starts_with("Describe") && !action.starts_with("Get")});
  pugi::xml_document document;
  if (!document.load_buffer(response.body.data(), response.body.size()))
    throw support::failure(fmt::format("failed to {}: the answer is no XML", what),
                           "look at AWS_ENDPOINT_URL");
  return document;
}

void Query::each(const std::string& what, const std::string& action, Parameters parameters, const char* path,
                 const std::function<void(const pugi::xml_node&)>& take) {
  const std::size_t count = parameters.size();
  for (std::string next;;) {
    parameters.resize(count);
    if (!next.empty())
      parameters.emplace_back("NextToken", next);
    const auto document = call(what, action, parameters);
    for (const auto& found : document.select_nodes(path))
      take(found.node());
    next = document.select_node("/*/nextToken | /*/*/NextToken").node().child_value();
    if (next.empty())
      return;
  }
}

}  // namespace vmimage::publish::aws
