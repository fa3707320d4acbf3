#pragma once
// AWS's Query API, which EC2 and its like have: parameters as a form, answers as XML.

#include <functional>
#include <pugixml.hpp>
#include <string>
#include <utility>
#include <vector>

#include "publish/aws/client.hpp"

namespace vmimage::publish::aws {

using Parameters = std::vector<std::pair<std::string, std::string>>;

/// "<prefix>.1<suffix>", "<prefix>.2<suffix>" and so on.
void add_numbered(Parameters& parameters, const std::string& prefix, const std::vector<std::string>& values,
                  const std::string& suffix = {});

/// One service, for one thread.
class Query {
 public:
  Query(Endpoint& endpoint, std::string version,
        Service::OnInterrupt on_interrupt = Service::OnInterrupt::End)
      : client_(endpoint, on_interrupt), version_(std::move(version)) {}
  /// `what` is for messages: "list the AMIs". Throws as Client does.
  pugi::xml_document call(const std::string& what, const std::string& action, const Parameters& parameters);
  /// All pages; `take` gets each of the elements that `path` selects.
  void each(const std::string& what, const std::string& action, Parameters parameters, const char* path,
            const std::function<void(const pugi::xml_node&)>& take);

 private:
  Client client_;
  std::string version_;
};

}  // namespace vmimage::publish::aws
