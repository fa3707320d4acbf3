// Executable JARs: what they say of themselves, the Java for a base, how much memory it may take. Real JARs,
// and those that are refused, are in tests/stacks.

#include <gtest/gtest.h>

#include "stack/jar.hpp"
#include "stack/java.hpp"
#include "stack/java_link.hpp"
#include "support/file.hpp"

namespace vmimage::stack {
namespace {

using namespace std::string_literals;

TEST(JarManifest, HasNamesOfAnyCaseAndLinesThatGoOn) {
  const auto values = parse_jar_manifest(
      "Manifest-Version: 1.0\r\nMAIN-Class: com.example.ord\r\n ers.Main\r\nClass-Path: lib/a.jar\r\n"
      "  lib/b.jar\r\n\r\nName: com/example/\r\nMain-Class: other\r\n");
  EXPECT_EQ("com.example.orders.Main", values.at("main-class"));
  EXPECT_EQ("lib/a.jar lib/b.jar", values.at("class-path"));
  EXPECT_EQ("1.0", values.at("manifest-version"));
  EXPECT_EQ(3u, values.size());
}

TEST(JarManifest, EndsLinesInAllThreeWays) {
  for (const char* end : {"\n", "\r", "\r\n"})
    EXPECT_EQ("Main", parse_jar_manifest("A: b"s + end + "Main-Class: Main" + end).at("main-class"));
  EXPECT_EQ("Main", parse_jar_manifest("Main-Class: Main").at("main-class"));
}

TEST(JarManifest, OfNonsenseIsEmpty) {
  for (const std::string& text : {""s, "\n"s, " goes on"s, "no colon\n"s, "\0\xff"s, "a:b"s})
    EXPECT_TRUE(parse_jar_manifest(text).empty()) << text;
}

TEST(ClassFile, SaysItsJava) {
  EXPECT_EQ(8, java_release_of("\xca\xfe\xba\xbe\0\0\0\x34 more"s));
  EXPECT_EQ(17, java_release_of("\xca\xfe\xba\xbe\0\0\0\x3d"s));
  EXPECT_EQ(212, java_release_of("\xca\xfe\xba\xbe\0\0\1\0"s));
  EXPECT_EQ(0, java_release_of("\xca\xfe\xba\xbe\0\0\0"s));
  EXPECT_EQ(0, java_release_of("\x7f"
                               "ELF\0\0\0\x3d"s));
}

TEST(JavaRuntime, IsTheSuitesUnlessAPackageIsOne) {
  EXPECT_EQ("openjdk-17-jre-headless", java_runtime("debian:bookworm", {}).package);
  EXPECT_EQ(21, java_runtime("debian:trixie", {"curl"}).release);
  EXPECT_EQ("default-jre-headless", java_runtime("debian:sid", {}).package);
  EXPECT_EQ(0, java_runtime("debian:sid", {}).release);
  EXPECT_EQ("openjdk-25-jre", java_runtime("debian:sid", {"curl", "openjdk-25-jre"}).package);
  EXPECT_EQ(25, java_runtime("debian:sid", {"openjdk-25-jre"}).release);
  EXPECT_EQ("", java_runtime("file:/srv/base.qcow2", {}).package);
}

TEST(JavaModules, AreThoseOfTheClassesAndOfTheOptions) {
  EXPECT_EQ((std::vector<std::string>{"java.base", "java.sql", "jdk.crypto.ec", "jdk.jfr", "jdk.zipfs"}),
            java_modules("java.base,java.sql\n", {"-Xmx64m", "--add-modules", "jdk.jfr,java.sql", "-Da=b",
                                                  "--add-modules=jdk.zipfs"}));
  EXPECT_EQ((std::vector<std::string>{"jdk.crypto.ec"}), java_modules("", {"--add-modules"}));
}

TEST(Jdk, SaysItsRelease) {
  EXPECT_EQ(17, jdk_release("IMPLEMENTOR=\"Debian\"\nJAVA_VERSION=\"17.0.15\"\n"));
  EXPECT_EQ(25, jdk_release("JAVA_VERSION=\"25\""));
  EXPECT_EQ(0, jdk_release("JAVA_VERSION="));
  EXPECT_EQ(0, jdk_release(""));
}

TEST(Heap, LeavesRoomForTheGuest) {
  const auto rest = [](std::uint64_t megabytes) {
    return megabytes - megabytes * static_cast<std::uint64_t>(heap_percentage(megabytes << 20)) / 100;
  };
  EXPECT_EQ(25, heap_percentage(64ull << 20));
  EXPECT_EQ(75, heap_percentage(1ull << 40));
  for (const std::uint64_t megabytes : {256, 512, 1024, 4096})
    EXPECT_GE(rest(megabytes), 144u) << megabytes;
  EXPECT_EQ(43, heap_percentage(256ull << 20));
  EXPECT_EQ(71, heap_percentage(512ull << 20));
}

TEST(WithJava, LeavesOtherRecipesAlone) {
  recipe::Recipe recipe;
  recipe.command = {"/usr/bin/orders"};
  const support::TempDir folder;
  const cache::Cache cache(folder.path());
  EXPECT_EQ(recipe.command, with_java(recipe, cache).command);
  EXPECT_TRUE(with_java(recipe, cache).packages.empty());
}

}  // namespace
}  // namespace vmimage::stack
