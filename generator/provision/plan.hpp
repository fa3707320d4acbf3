#pragma once
// What is to be done inside a root file system, as it goes from the builder to the process that does it.
// Pure.

#include <cstdint>
#include <filesystem>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "support/json.hpp"

namespace vmimage::provision {

enum class Network { None, Host };

/// A file of this machine that a step finds in its folder, under a plain name.
struct StepFile {
  std::filesystem::path source;
  std::string name;
};

/// A program that runs in the root file system, in namespaces of its own. Its files are in kStepFolder.
struct Step {
  std::string name;               ///< for messages
  std::vector<std::string> argv;  ///< the program's path is that inside the root file system
  std::vector<StepFile> files;
  std::map<std::string, std::string> environment;
  Network network = Network::None;
  std::int64_t timeout = 0;  ///< seconds
  bool trace = false;        ///< a script of sh(1) tells each line that it reads and each command: kTrace
};

/// What a traced command begins with on standard error.
constexpr char kTrace = '\x1e';

/// The folder of the files of a step; it and all of /run is gone after the step.
constexpr const char* kStepFolder = "/run/vmimage/step";

enum class OnFailure { Stop, Shell };

/// What changes in a root file system: first these paths go, then those of the archive come or replace.
struct Layer {
  std::filesystem::path tar;
  std::vector<std::string> removed;
};

struct Plan {
  std::vector<Layer> layers;  ///< lowest first
  std::vector<Step> steps;
  std::filesystem::path result;  ///< tar archive to write: what the steps made or changed
  std::int64_t time = 0;         ///< SOURCE_DATE_EPOCH of the steps
  OnFailure on_failure = OnFailure::Stop;
};

/// How the steps ended. `step` is the first that failed; absent: all went well.
struct Outcome {
  std::optional<std::size_t> step;
  int exit_status = 0;
  int signal = 0;
  bool timed_out = false;
  bool traceable = false;            ///< a script of sh(1): Step::trace would tell the line
  int line = 0;                      ///< of a bash script; 0: not known
  std::string command;               ///< what it was about to do there
  std::vector<std::string> removed;  ///< absolute paths that the layers have and the result has not
};

std::string to_json(const Plan& plan);
Plan parse_plan(const std::string& text);
std::string to_json(const Outcome& outcome);
Outcome parse_outcome(const std::string& text);

/// Subordinate ids of a user (subuid(5), the text of /etc/subuid or /etc/subgid): the first of at least
/// `count`; lines name the user or its number.
std::optional<std::uint64_t> first_range(const std::string& text, const std::string& user, std::uint32_t id,
                                         std::uint64_t count);

}  // namespace vmimage::provision
