#pragma once
// The dashboard's page, compiled in (dashboard.html).

#include <string_view>

namespace vmfleet::dashboard {

std::string_view page();

}  // namespace vmfleet::dashboard
