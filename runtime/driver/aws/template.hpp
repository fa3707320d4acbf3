#pragma once
// The CloudFormation template of a fleet's stack: a function of its record alone, to be read and reviewed by
// people. Pure.

#include <string>

#include "driver/aws/options.hpp"
#include "driver/aws/record.hpp"

namespace vmfleet::driver::aws {

// Names of resources in the template, by which the rest of the driver finds them in the stack.
constexpr const char* kGroup = "Group";
constexpr const char* kAddress = "Address";  ///< the output: the balancer's DNS name

/// What the stack, the group and its instances are found again by: a tag with the fleet's name.
constexpr const char* kFleetTag = "vmfleet";

/// By the options, else by the image: an Application Load Balancer for one TCP port with an HTTP health
/// check.
Balancer balancer_of(const Record& record);

/// The logical name of the target group of a port.
std::string targets_name(std::uint16_t port);

ordered_json make_template(const Record& record);
/// Indented, as CloudFormation gets and people see it.
std::string to_text(const ordered_json& document);

/// What the template's metadata keep. Throws Error{Failure} that starts with `where`.
Record record_in(const std::string& text, const std::string& where);

/// Throws Error{Usage} for what AWS has no means for, or CloudFormation would take for something else.
void check_record(const Record& record);

}  // namespace vmfleet::driver::aws
