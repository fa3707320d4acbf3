#include <gtest/gtest.h>

#include "fleet/status.hpp"
#include "supervisor/events.hpp"
#include "supervisor/state.hpp"
#include "support/file.hpp"

namespace vmfleet {
namespace {

using fleet::State;

fleet::Status example() {
  fleet::Status status;
  status.name = "orders";
  status.driver = "local";
  status.image = "/images/orders.qcow2";
  status.mode = "running";
  status.desired = 2;
  status.endpoint = "http://127.0.0.1:20001";
  status.ports = {{"8080", "127.0.0.1:20001"}};
  status.problem = "orders-2: HTTP 500";
  status.instances = {{"orders-1", State::Healthy, "/images/orders.qcow2", "127.0.0.1:40001", 1000, true,
                       4711, 200ull << 20, 3.25},
                      {"orders-2", State::Failed, "/images/orders.qcow2", "", 1000, false}};
  status.volumes = {{1, "/volumes/orders/1", 3ull << 20, "orders-1"}, {2, "/volumes/orders/2", 0, ""}};
  status.gone = {{"orders-0", "/images/orders.qcow2", 900, 1000, "fewer are wanted"}};
  status.instances[0].rate = {.cpu = 0.42,
                              .requests = 120.25,
                              .errors = 0.5,
                              .response_ms = 3.9,
                              .connections = 2,
                              .requests_total = 5000,
                              .errors_total = 20};
  status.load = {.cpu = 0.42, .requests = 120.25, .errors = 0.5, .response_ms = 3.9};
  return status;
}

TEST(FleetStatus, JsonHasWhatOthersReadOfIt) {
  const auto json = fleet::to_json(example());
  for (const char* key : {"name", "driver", "image", "desired", "healthy", "endpoint", "instances",
                          "requests_per_second", "errors_per_second", "response_ms", "cpu_share"})
    EXPECT_TRUE(json.contains(key)) << key;
  for (const char* key : {"id", "state", "image", "address", "healthy", "started_at", "pid",
                          "requests_per_second", "errors_per_second", "response_ms", "cpu_share"})
    EXPECT_TRUE(json["instances"][0].contains(key)) << key;
  EXPECT_EQ(1, json["healthy"]);
  EXPECT_EQ("healthy", json["instances"][0]["state"]);
  EXPECT_EQ(true, json["instances"][0]["healthy"]);
  EXPECT_EQ(4711, json["instances"][0]["pid"]);
  EXPECT_EQ("1970-01-01T00:16:40Z", json["instances"][0]["started_at"]);
  EXPECT_TRUE(json["instances"][1]["pid"].is_null());
  EXPECT_EQ(json, fleet::to_json(fleet::parse_status(json)));
}

TEST(FleetStatus, TableForPeople) {
  EXPECT_EQ(
      "orders: running, 1 of 2 healthy, http://127.0.0.1:20001\n"
      "image: /images/orders.qcow2\n"
      "last problem: orders-2: HTTP 500\n"
      "load: 120.2 requests/s, 0.5 errors/s, 4 ms, CPU 42 %\n"
      "\n"
      "INSTANCE  STATE              ADDRESS          AGE   CPU   MEMORY   REQUESTS/S  ERRORS/S  RESPONSE  "
      "PID\n"
      "orders-1  healthy            127.0.0.1:40001  42 s  42 %  200 MiB  120.2       0.5       4 ms      "
      "4711\n"
      "orders-2  failed (outdated)  -                42 s  -     -        -           -         -         "
      "-\n"
      "\n"
      "VOLUMES  INSTANCE  SIZE   FOLDER\n"
      "1        orders-1  3 MiB  /volumes/orders/1\n"
      "2        -         0 B    /volumes/orders/2\n",
      fleet::render(example(), 1042));
}

TEST(FleetStatus, IsDrawnOverTheOneBefore) {
  EXPECT_EQ("\033[Hone\033[K\r\ntwo\033[K\033[J", fleet::redraw("one\ntwo\n", 5));
  EXPECT_EQ("\033[Hone\033[K\033[J", fleet::redraw("one\ntwo\n", 1)) << "no line more than there are rows";
  EXPECT_EQ("\033[H\033[J", fleet::redraw("", 5));
}

TEST(FleetStatus, Ages) {
  EXPECT_EQ("0 s", fleet::format_age(-5));
  EXPECT_EQ("119 s", fleet::format_age(119));
  EXPECT_EQ("2 min", fleet::format_age(120));
  EXPECT_EQ("2 h", fleet::format_age(7200));
  EXPECT_EQ("3 d", fleet::format_age(3 * 86400));
}

TEST(FleetState, WhatIsWrittenIsReadAgain) {
  supervisor::FleetState state;
  state.mode = supervisor::Mode::Stopped;
  state.current = supervisor::Deployment{
      {.name = "a", .image = "/i", .count = 2, .environment = {{"K", "v"}}}, "0123", 4};
  state.previous = supervisor::Deployment{{.name = "a", .image = "/j"}, "4567", 0};
  state.next_number = 9;
  state.boot_id = "boot";
  state.backoff = {2, fleet::Milliseconds(77)};
  state.listeners = {{8080, 20001}};
  supervisor::Record record;
  record.id = "a-8";
  record.slot = 3;
  record.healthy_since = fleet::Milliseconds(5);
  record.running = driver::Running{4711, 99, {{8080, 40001}}, "cold: it is on a bridge", true};
  record.address = "192.0.2.7";
  record.reason = "fewer are wanted";
  state.instances = {record, {}};
  state.gone = {{"a-1", "/i", 1000, 2000, "failed: HTTP 500"}};
  const std::string text = supervisor::to_json(state);
  EXPECT_EQ(text, supervisor::to_json(supervisor::parse_state(text, "state.json")));
  EXPECT_ANY_THROW(supervisor::parse_state(text.substr(0, text.size() / 2), "state.json"));
  std::string other = text;
  other.replace(other.find("stopped"), 7, "stapled");
  EXPECT_ANY_THROW(supervisor::parse_state(other, "state.json"));
  other = text;
  other.replace(other.find("20001"), 5, "6e+90");
  EXPECT_ANY_THROW(supervisor::parse_state(other, "state.json"));
  EXPECT_ANY_THROW(supervisor::parse_state(R"({"version": 1})", "state.json"));
  EXPECT_ANY_THROW(supervisor::parse_state(R"({"version": 2})", "state.json"));
}

TEST(FleetState, AGenerationIsWhatInstancesAreMadeFrom) {
  const supervisor::Deployment one{{.name = "a", .image = "/i", .count = 2}, "0123", 0};
  const auto changed = [&](auto change) {
    auto other = one;
    change(other);
    return other.generation() != one.generation();
  };
  EXPECT_FALSE(changed([](auto& other) { other.spec.count = 5; }));
  EXPECT_FALSE(changed([](auto& other) { other.spec.port = 5; }));
  EXPECT_FALSE(changed([](auto& other) { other.spec.image = "/moved"; }));
  EXPECT_TRUE(changed([](auto& other) { other.digest = "4567"; }));
  EXPECT_TRUE(changed([](auto& other) { other.restarts = 1; }));
  EXPECT_TRUE(changed([](auto& other) { other.spec.environment["K"] = "v"; }));
  EXPECT_TRUE(changed([](auto& other) { other.spec.memory = 1 << 28; }));
  EXPECT_TRUE(changed([](auto& other) { other.spec.cpus = 2; }));
}

TEST(FleetEvents, AreAppendedAndReadAgain) {
  const vmimage::support::TempDir folder;
  const auto file = folder.path() / "events.jsonl";
  EXPECT_TRUE(supervisor::read_events(file).empty());
  supervisor::append_event(file, {1000, "healthy", "a-1", ""});
  supervisor::append_event(file, {1001, "failed", "a-1", "no \"answer\"\n\xff"});
  vmimage::support::write_file_atomic(file, vmimage::support::read_file(file) + "{\"cut");
  const auto events = supervisor::read_events(file);
  ASSERT_EQ(2u, events.size());
  EXPECT_EQ("a-1", events[1].instance);
  EXPECT_EQ("1970-01-01T00:16:40Z  healthy     a-1\n", fleet::to_line(events[0]));
}

}  // namespace
}  // namespace vmfleet
