// What goes between the builder and a jail, and what is said when a script fails (generator/provision).

#include <gtest/gtest.h>

#include "provision/plan.hpp"
#include "provision/sandbox.hpp"

namespace vmimage::provision {
namespace {

TEST(Provision, PlanGoesThroughJson) {
  Plan plan{.layers = {{"/base.tar", {}}, {"/more.tar", {"/etc/gone", "/a \"b\""}}},
            .steps = {{.name = "setup.sh",
                       .argv = {"/run/vmimage/step/setup.sh"},
                       .files = {{"/home/me/setup.sh", "setup.sh"}},
                       .environment = {{"KEY", "two words"}},
                       .network = Network::Host,
                       .timeout = 60,
                       .trace = true}},
            .result = "/result.tar",
            .time = 315532800,
            .on_failure = OnFailure::Shell};
  const Plan read = parse_plan(to_json(plan));
  ASSERT_EQ(2u, read.layers.size());
  EXPECT_EQ(plan.layers[1].removed, read.layers[1].removed);
  ASSERT_EQ(1u, read.steps.size());
  EXPECT_EQ(plan.steps[0].argv, read.steps[0].argv);
  EXPECT_EQ(plan.steps[0].files[0].source, read.steps[0].files[0].source);
  EXPECT_EQ(plan.steps[0].environment, read.steps[0].environment);
  EXPECT_EQ(Network::Host, read.steps[0].network);
  EXPECT_EQ(60, read.steps[0].timeout);
  EXPECT_TRUE(read.steps[0].trace);
  EXPECT_EQ(plan.result, read.result);
  EXPECT_EQ(plan.time, read.time);
  EXPECT_EQ(OnFailure::Shell, read.on_failure);
}

TEST(Provision, OutcomeGoesThroughJson) {
  Outcome outcome;
  outcome.step = 2;
  outcome.signal = 9;
  outcome.traceable = true;
  outcome.line = 7;
  outcome.command = "false";
  outcome.removed = {"/a", "/b"};
  const Outcome read = parse_outcome(to_json(outcome));
  EXPECT_EQ(outcome.step, read.step);
  EXPECT_EQ(9, read.signal);
  EXPECT_FALSE(read.timed_out);
  EXPECT_TRUE(read.traceable);
  EXPECT_EQ(7, read.line);
  EXPECT_EQ("false", read.command);
  EXPECT_EQ(outcome.removed, read.removed);
  EXPECT_FALSE(parse_outcome(to_json(Outcome{})).step);
}

TEST(Provision, RangeOfSubordinateIds) {
  const std::string text =
      "root:1:65536\nother:100000:65536\nme:165536:1000\nme:231072:65536\n1001:300000:65536\n";
  EXPECT_EQ(100000u, first_range(text, "other", 1, 65536));
  EXPECT_EQ(231072u, first_range(text, "me", 2, 65536));  // the first one is too small
  EXPECT_EQ(300000u, first_range(text, "somebody", 1001, 65536));
  EXPECT_FALSE(first_range(text, "nobody", 65534, 65536));
  EXPECT_FALSE(first_range("me\nme:1\n:::\n", "me", 2, 65536));
}

Step step() {
  return {.name = "setup.sh",
          .argv = {"/run/vmimage/step/setup.sh"},
          .files = {},
          .environment = {},
          .timeout = 60};
}

TEST(Provision, FailureNamesLineCommandAndOutput) {
  Outcome outcome;
  outcome.exit_status = 2;
  outcome.line = 4;
  outcome.command = "cp a b";
  const Explanation said = explain(step(), outcome, "one\ntwo\n\n");
  EXPECT_EQ("'setup.sh' failed in line 4, 'cp a b': it ended with status 2", said.message);
  EXPECT_EQ("the end of what it printed:\none\ntwo\n--debug-shell opens a shell there", said.hint);
}

TEST(Provision, FailureWithoutLineOrOutput) {
  Outcome outcome;
  outcome.signal = 9;
  const Explanation said = explain(step(), outcome, "");
  EXPECT_EQ("'setup.sh' failed: it was ended by signal 9 (Killed)", said.message);
  EXPECT_EQ("it printed nothing\n--debug-shell opens a shell there", said.hint);
}

TEST(Provision, ScriptThatDoesNotEnd) {
  Outcome outcome;
  outcome.timed_out = true;
  const Explanation said = explain(step(), outcome, "waiting\n");
  EXPECT_EQ("'setup.sh' failed: it did not end within 60 s", said.message);
  EXPECT_NE(std::string::npos, said.hint.find("\"timeout\""));
}

TEST(Provision, OnlyTheEndOfTheOutput) {
  std::string output;
  for (int i = 0; i < 100; ++i)
    output += "line " + std::to_string(i) + "\n";
  Outcome outcome;
  outcome.exit_status = 1;
  const std::string hint = explain(step(), outcome, output).hint;
  EXPECT_NE(std::string::npos, hint.find("line 99\n"));
  EXPECT_NE(std::string::npos, hint.find("line 80\n"));
  EXPECT_EQ(std::string::npos, hint.find("line 79\n"));
}

// What dash -vx prints of these scripts.
TraceReader traced(const std::string& script, const std::vector<std::string>& printed) {
  TraceReader reader(script);
  for (const auto& line : printed)
    reader.read(line);
  return reader;
}

TEST(ProvisionTrace, LastCommandAndItsLine) {
  const auto reader = traced("#!/bin/sh\nset -eu\necho one\nfalse\necho two\n",
                             {"#!/bin/sh", "set -eu", "\x1eset -eu", "echo one",
                              "\x1e"
                              "echo one",
                              "one", "false",
                              "\x1e"
                              "false"});
  EXPECT_EQ(4, reader.line());
  EXPECT_EQ("false", reader.command());
}

TEST(ProvisionTrace, LineWithinAFunctionThatIsCalledRightAfter) {
  const std::string script = "set -e\nf() {\n  cp a b\n}\nf\n";
  const auto reader = traced(script, {"set -e", "\x1eset -e", "f() {", "  cp a b", "}", "f",
                                      "\x1e"
                                      "f",
                                      "\x1e"
                                      "cp a b",
                                      "cp: cannot stat 'a'"});
  EXPECT_EQ(3, reader.line());
  EXPECT_EQ("cp a b", reader.command());
}

TEST(ProvisionTrace, LineOfTheCallWhenTheFunctionIsElsewhere) {
  const std::string script = "f() {\n  cp a b\n}\ntrue\nf\n";
  const auto reader = traced(script, {"f() {", "  cp a b", "}", "true", "\x1etrue", "f",
                                      "\x1e"
                                      "f",
                                      "\x1e"
                                      "cp a b"});
  EXPECT_EQ(5, reader.line());
}

TEST(ProvisionTrace, OutputWithoutLineEndBeforeACommand) {
  const auto reader = traced("printf x\nfalse\n", {"printf x", "\x1eprintf x", "xfalse",
                                                   "\x1e"
                                                   "false"});
  EXPECT_EQ("false", reader.command());
}

TEST(ProvisionTrace, NothingIsKnownWithoutATrace) {
  EXPECT_EQ(0, traced("a\n", {"a", "output"}).line());
}

}  // namespace
}  // namespace vmimage::provision
