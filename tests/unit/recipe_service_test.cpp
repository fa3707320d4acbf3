// Ports, health checks and sizes, as recipes and manifests write them.

#include <gtest/gtest.h>

#include "expect.hpp"
#include "recipe/service.hpp"

namespace vmimage::recipe {
namespace {

TEST(Port, IsReadAndWritten) {
  EXPECT_EQ((Port{8080, Protocol::Tcp}), parse_port("8080"));
  EXPECT_EQ((Port{8080, Protocol::Tcp}), parse_port("8080/tcp"));
  EXPECT_EQ((Port{53, Protocol::Udp}), parse_port("53/udp"));
  EXPECT_EQ((Port{65535, Protocol::Tcp}), parse_port("65535"));
  for (const char* text : {"1/tcp", "53/udp", "65535/tcp"})
    EXPECT_EQ(text, to_string(parse_port(text)));
}

TEST(Port, RefusesAnythingElse) {
  for (const char* text : {"", "0", "65536", "99999999999999999999", "-1", "+80", " 80", "80 ", "8080/",
                           "8080/TCP", "8080/sctp", "/tcp", "0x50", "80.0", "http", "80/tcp/udp"}) {
    const auto error = error_of([&] { parse_port(text); });
    EXPECT_EQ(support::ErrorKind::Usage, error.kind()) << text;
    EXPECT_TRUE(contains(error.what(), "'" + std::string(text) + "'")) << error.what();
    EXPECT_NE("", error.hint()) << text;
  }
}

TEST(Health, IsReadAndWritten) {
  EXPECT_EQ((HealthCheck{HealthType::Http, 8080, "/healthz"}), parse_health("http://:8080/healthz"));
  EXPECT_EQ((HealthCheck{HealthType::Http, 80, "/"}), parse_health("http://:80"));
  EXPECT_EQ((HealthCheck{HealthType::Http, 80, "/a/b?c=d"}), parse_health("http://:80/a/b?c=d"));
  EXPECT_EQ((HealthCheck{HealthType::Tcp, 5432, ""}), parse_health("tcp://:5432"));
  EXPECT_EQ(HealthCheck{}, parse_health(""));
  for (const char* text : {"http://:8080/healthz", "tcp://:5432", ""})
    EXPECT_EQ(text, to_string(parse_health(text)));
  EXPECT_EQ("http://:80/", to_string(parse_health("http://:80")));
}

TEST(Health, RefusesAnythingElse) {
  for (const char* text : {"8080",
                           "http://",
                           "http://:",
                           "http://:/x",
                           "http://:0/",
                           "http://:65536/",
                           "http://localhost:80/",
                           "https://:443/",
                           "tcp://:80/path",
                           "tcp://",
                           "tcp://:",
                           "tcp://:x",
                           "udp://:53",
                           "http://:80/a b",
                           "http://:80/\r\nHost: x",
                           "http://:80/\xc3\xa4",
                           "http://:80/\x7f",
                           "http://:80x/",
                           "HTTP://:80/",
                           " http://:80/"}) {
    const auto error = error_of([&] { parse_health(text); });
    EXPECT_EQ(support::ErrorKind::Usage, error.kind()) << text;
    EXPECT_NE("", error.hint()) << text;
  }
}

TEST(Size, IsReadInPowersOf1024) {
  EXPECT_EQ(1048576u, parse_size("1048576"));
  EXPECT_EQ(512ull << 20, parse_size("512M"));
  EXPECT_EQ(512ull << 20, parse_size("512m"));
  EXPECT_EQ(512ull << 20, parse_size("512MB"));
  EXPECT_EQ(512ull << 20, parse_size("512MiB"));
  EXPECT_EQ(3ull << 29, parse_size("1.5G"));
  EXPECT_EQ(2ull << 40, parse_size("2T"));
  EXPECT_EQ(1024u, parse_size("1K"));
  EXPECT_EQ(7u, parse_size("7B"));
}

TEST(Size, RefusesAnythingElse) {
  for (const char* text :
       {"",      "M",   "0",     "0M",  "-1M", "+1M",        " 1M",  "1 M",  "1X", "1MM",
        "1MiBB", "1iM", "1e400", "inf", "nan", "999999999T", "1,5G", "0x10", "1e", "0.0001"}) {
    const auto error = error_of([&] { parse_size(text); });
    EXPECT_EQ(support::ErrorKind::Usage, error.kind()) << text;
    EXPECT_NE("", error.hint()) << text;
  }
}

TEST(Size, IsWrittenForPeople) {
  EXPECT_EQ("256 MiB", format_size(256ull << 20));
  EXPECT_EQ("1.5 GiB", format_size(3ull << 29));
  EXPECT_EQ("0 B", format_size(0));
  EXPECT_EQ("1023 B", format_size(1023));
  EXPECT_EQ("2048 TiB", format_size(2ull << 50));
}

}  // namespace
}  // namespace vmimage::recipe
