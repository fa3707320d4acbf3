// How the service is started: the unit as systemd itself reads it, the script as a shell runs it.

#include <gtest/gtest.h>
#include <stdlib.h>

#include <regex>
#include <sstream>

#include "expect.hpp"
#include "guest/guest.hpp"
#include "rootfs/service.hpp"
#include "support/file.hpp"

namespace vmimage::rootfs {
namespace {

namespace fs = std::filesystem;
using support::run;
using support::run_checked;
using support::TempDir;

const std::vector<std::string> kOddWords{
    "a b",  "$HOME", "${HOME}", "$$",    "100%", "%n %h", "\"quoted\"", "it's", "back\\slash",
    "\\",   ";",     "a;b",     "#no",   "-",    "\t",    "c\rd",       "ä€",   "*?[a]~",
    "`id`", "&&",    "|x",      "end\\", "=",    "--a=b", "\\n",        "{a}",  "!x"};

recipe::Recipe orders() {
  recipe::Recipe recipe;
  recipe.name = "orders-vm";
  recipe.version = "1.4.0";
  recipe.command = {"orders"};
  recipe.service = "orders";
  recipe.user = "orders";
  return recipe;
}

recipe::Recipe odd() {
  recipe::Recipe recipe = orders();
  recipe.command.insert(recipe.command.end(), kOddWords.begin(), kOddWords.end());
  int number = 0;
  for (const auto& word : kOddWords)
    recipe.environment["ODD_" + std::to_string(number++)] = word;
  recipe.environment["EMPTY"] = "";
  recipe.environment["SPACES"] = "  a  ";
  return recipe;
}

/// A line of systemd's dump, words quoted as a shell does, with C escapes.
std::vector<std::string> words_of(const std::string& line) {
  std::vector<std::string> words;
  bool quoted = false, open = false;
  for (std::size_t i = 0; i < line.size(); ++i) {
    if (line[i] == ' ' && !quoted) {
      open = false;
      continue;
    }
    if (!open)
      words.emplace_back();
    open = true;
    if (line[i] == '"') {
      quoted = !quoted;
    } else if (line[i] == '\\') {
      const char c = line.at(++i);
      const std::string from = "abfnrtv", to = "\a\b\f\n\r\t\v";
      if (c >= '0' && c <= '7') {
        words.back() += static_cast<char>(std::stoi(line.substr(i, 3), nullptr, 8));
        i += 2;
      } else if (from.find(c) != std::string::npos) {
        words.back() += to[from.find(c)];
      } else {
        words.back() += c;
      }
    } else {
      words.back() += line[i];
    }
  }
  return words;
}

class Unit {
 public:
  explicit Unit(const recipe::Recipe& recipe) {
    // A program that is there, because systemd looks; and nothing of the image's beside it.
    file_ = folder_.path() / (recipe.service + ".service");
    support::write_file_atomic(file_, systemd_unit(recipe, "/usr/bin/env"));
  }

  /// What systemd has to say against it.
  std::string complaints() const {
    const auto result = run({.argv = {"systemd-analyze", "verify", "--man=no", file_}});
    return result.ok() ? result.err : result.err + "failed";
  }

  /// Values of a key of systemd's own dump of the unit, as it has understood it.
  std::vector<std::string> dumped(const std::string& key) const {
    const auto result = run({.argv = {"systemd-analyze", "verify", "--man=no", file_},
                             .environment = {{"SYSTEMD_LOG_LEVEL", "debug"}}});
    std::vector<std::string> values;
    const std::string text = dump_of(result.out, file_.filename());
    for (std::size_t start = 0; start < text.size();) {
      const auto end = std::min(text.find('\n', start), text.size());
      const std::string line = text.substr(start, end - start);
      const auto first = line.find_first_not_of('\t');
      if (first != std::string::npos && line.substr(first).starts_with(key + ": "))
        values.push_back(line.substr(first + key.size() + 2));
      start = end + 1;
    }
    return values;
  }

  const fs::path& file() const { return file_; }

 private:
  static std::string dump_of(const std::string& log, const std::string& name) {
    const auto start = log.find("-> Unit " + name + ":");
    return start == std::string::npos ? "" : log.substr(start, log.find("-> Unit ", start + 1) - start);
  }
  TempDir folder_;
  fs::path file_;
};

class SystemdUnit : public testing::Test {
 protected:
  void SetUp() override { REQUIRE_PROGRAM("systemd-analyze"); }
};

TEST_F(SystemdUnit, IsTakenWithoutComplaint) {
  recipe::Recipe recipe = odd();
  recipe.ports = {{80, recipe::Protocol::Tcp}};
  EXPECT_EQ("", Unit(orders()).complaints());
  EXPECT_EQ("", Unit(recipe).complaints());
}

TEST_F(SystemdUnit, ArgumentsArriveAsTheyAreWritten) {
  const auto lines = Unit(odd()).dumped("Command Line");
  ASSERT_EQ(1u, lines.size());
  std::vector<std::string> expected{"/usr/bin/env"};
  for (std::string word : kOddWords) {
    // systemd makes "$$" a dollar sign only when it starts the program (systemd.service(5)).
    for (std::size_t at = 0; (at = word.find('$', at)) != std::string::npos; at += 2)
      word.insert(at, 1, '$');
    expected.push_back(word);
  }
  EXPECT_EQ(expected, words_of(lines[0])) << lines[0];
}

TEST_F(SystemdUnit, EnvironmentValuesArriveAsTheyAreWritten) {
  const recipe::Recipe recipe = odd();
  std::vector<std::string> expected{"HOME=/var/lib/orders"};
  for (const auto& [key, value] : recipe.environment)
    expected.push_back(key + "=" + value);
  auto seen = Unit(recipe).dumped("Environment");
  std::sort(seen.begin(), seen.end());
  std::sort(expected.begin(), expected.end());
  EXPECT_EQ(expected, seen);
}

TEST_F(SystemdUnit, AVersionIsOnlyADescription) {
  recipe::Recipe recipe = orders();
  recipe.version = "1.0%n \\";
  const Unit unit(recipe);
  EXPECT_EQ("", unit.complaints());
  EXPECT_EQ((std::vector<std::string>{"orders-vm 1.0%n /"}), unit.dumped("Description"));
  EXPECT_EQ(1u, unit.dumped("Command Line").size());
}

TEST_F(SystemdUnit, IsHardened) {
  const Unit unit(orders());
  // In tenths; systemd's own verdict on it, without starting anything.
  const auto result = run({.argv = {"systemd-analyze", "security", "--offline=yes", "--no-pager",
                                    "--threshold=25", unit.file()}});
  if (contains(result.err, "unrecognized option") || contains(result.err, "not support"))
    GTEST_SKIP() << "this systemd judges only running services";
  EXPECT_TRUE(result.ok()) << result.out << result.err;
}

TEST(ServiceText, HasWhatTheUserWasPromised) {
  recipe::Recipe recipe = orders();
  const std::string unit = systemd_unit(recipe, "/usr/bin/orders");
  for (const char* line :
       {"User=orders\n", "WorkingDirectory=/var/lib/orders\n", "StateDirectory=orders\n",
        "Restart=on-failure\n", "StandardOutput=journal+console\n", "NoNewPrivileges=yes\n",
        "ProtectSystem=strict\n", "WantedBy=multi-user.target\n", "CapabilityBoundingSet=\n",
        "ExecStart=/usr/bin/orders\n", "EnvironmentFile=-/run/vmimage/environment.systemd\n"})
    EXPECT_TRUE(contains(unit, line)) << line;
  recipe.ports = {{443, recipe::Protocol::Tcp}};
  EXPECT_TRUE(
      contains(systemd_unit(recipe, "/usr/bin/orders"), "AmbientCapabilities=CAP_NET_BIND_SERVICE\n"));
  recipe.ports = {{1024, recipe::Protocol::Tcp}};
  EXPECT_TRUE(contains(systemd_unit(recipe, "/usr/bin/orders"), "AmbientCapabilities=\n"));
}

TEST(ServiceText, DeploymentSettingsComeAfterTheImages) {
  recipe::Recipe recipe = orders();
  recipe.environment = {{"A", "1"}};
  const std::string unit = systemd_unit(recipe, "/usr/bin/orders");
  EXPECT_LT(unit.find("Environment=\"A=1\""), unit.find("EnvironmentFile="));
}

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  for (std::size_t at = 0; (at = text.find(from, at)) != std::string::npos; at += to.size())
    text.replace(at, from.size(), to);
  return text;
}

/// The script run here: its folders in a temporary one, its change of user left out, `program` as the
/// service.
class Script {
 public:
  Script(const recipe::Recipe& recipe, const std::string& program, const std::string& settings) {
    support::write_file_atomic(folder_.path() / "environment", settings);
    std::string text = busybox_script(recipe, program);
    text = replaced(text, "/dev/console", (folder_.path() / "console").string());
    text = replaced(text, "/run/vmimage", folder_.path().string());
    text = replaced(text, "/var/lib/orders", folder_.path().string());
    const std::regex change(R"(exec setpriv .*su .*-s /bin/sh orders -c)");
    EXPECT_TRUE(std::regex_search(text, change)) << text;
    text = std::regex_replace(text, change, "exec /bin/sh -c");
    support::write_file_atomic(folder_.path() / "service", text, 0755);
  }

  std::string output() const {
    const auto result = run({.argv = {"/bin/sh", folder_.path() / "service"}});
    return support::read_file(folder_.path() / "console") + result.err;
  }

 private:
  TempDir folder_;
};

std::string zero_separated(const std::vector<std::string>& words) {
  std::string text;
  for (const auto& word : words)
    text += word + '\0';
  return text;
}

TEST(BusyboxScript, IsAShellScript) {
  const TempDir folder;
  support::write_file_atomic(folder.path() / "service", busybox_script(odd(), "/usr/bin/orders"));
  run_checked({.argv = {"sh", "-n", folder.path() / "service"}});
}

TEST(BusyboxScript, ArgumentsArriveAsTheyAreWritten) {
  recipe::Recipe recipe = orders();
  recipe.command = {"printf", "%s\\0"};
  recipe.command.insert(recipe.command.end(), kOddWords.begin(), kOddWords.end());
  EXPECT_EQ(zero_separated(kOddWords), Script(recipe, "/usr/bin/printf", "").output());
}

TEST(BusyboxScript, EnvironmentValuesArriveAsTheyAreWritten) {
  recipe::Recipe recipe = odd();
  recipe.command = {"env", "-0"};
  const std::string output = Script(recipe, "/usr/bin/env", "").output();
  for (const auto& [key, value] : recipe.environment)
    EXPECT_TRUE(contains('\0' + output, std::string(1, '\0') + key + "=" + value + '\0')) << key;
  EXPECT_TRUE(contains(output, "STATE_DIRECTORY="));
}

TEST(BusyboxScript, SettingsOfADeploymentOverride) {
  recipe::Recipe recipe = orders();
  recipe.environment = {{"A", "image"}, {"B", "image"}};
  recipe.command = {"env", "-0"};
  const std::string output =
      Script(recipe, "/usr/bin/env", "A=deployment $HOME 'x' \\n  \n\nC=1=2\nLAST=without a line break")
          .output();
  EXPECT_TRUE(contains(output, std::string("A=deployment $HOME 'x' \\n  ") + '\0')) << output;
  EXPECT_TRUE(contains(output, std::string("B=image") + '\0'));
  EXPECT_TRUE(contains(output, std::string("C=1=2") + '\0'));
  EXPECT_TRUE(contains(output, std::string("LAST=without a line break") + '\0'));
}

TEST(BusyboxScript, SecretsAreFilesOfTheServiceOnly) {
  recipe::Recipe recipe = orders();
  recipe.user = support::run_checked({.argv = {"id", "-un"}});
  recipe.user.pop_back();
  recipe.command = {"sh", "-c", "cd \"$CREDENTIALS_DIRECTORY\"; pwd; stat -c '%a %n' . *; cat db"};
  std::string output;
  {
    const TempDir folder;
    std::filesystem::create_directories(folder.path() / "secrets");
    support::write_file_atomic(folder.path() / "secrets/db", "geheim");
    support::write_file_atomic(folder.path() / "secrets/key", "");
    std::string text = busybox_script(recipe, "/bin/sh");
    text = replaced(text, "/run/vmimage", folder.path().string());
    text = replaced(text, "/run/credentials", (folder.path() / "credentials").string());
    text = replaced(text, "/dev/console", (folder.path() / "console").string());
    text = replaced(text, "/var/lib/orders", folder.path().string());
    text = std::regex_replace(text, std::regex("exec setpriv .*su .*-s /bin/sh [^ ]+ -c"), "exec /bin/sh -c");
    support::write_file_atomic(folder.path() / "service", text, 0755);
    for (int start = 0; start < 2; ++start)  // it may be started again
      run({.argv = {"/bin/sh", folder.path() / "service"}});
    output = replaced(support::read_file(folder.path() / "console"), folder.path().string(), "");
    std::filesystem::permissions(folder.path() / "credentials/orders.service",
                                 std::filesystem::perms::owner_all);
  }
  EXPECT_TRUE(contains(output, "/credentials/orders.service\n500 .\n400 db\n400 key\ngeheim")) << output;
}

TEST(GuestFiles, ScriptsAreShellScripts) {
  const TempDir folder;
  for (const char* name : {"initrd-init", "settings", "debian-settings", "minimal-start", "minimal-stop",
                           "minimal-network", "minimal-power"}) {
    const std::string text(guest::file(name));
    EXPECT_TRUE(text.starts_with("#!/bin/")) << name;
    EXPECT_TRUE(text.ends_with("\n")) << name;
    support::write_file_atomic(folder.path() / name, text);
    EXPECT_TRUE(run({.argv = {"sh", "-n", folder.path() / name}}).ok()) << name;
  }
  EXPECT_THROW(guest::file("absent"), std::out_of_range);
}

/// debian-settings with a machine of our own below `folder`, and without reading QEMU's settings.
void run_debian_settings(const std::filesystem::path& folder) {
  std::string script = replaced(std::string(guest::file("debian-settings")), "/run/vmimage", folder.string());
  script = replaced(script, ". /usr/lib/vmimage/settings", ":");
  script = replaced(script, "/sys/", (folder / "sys").string() + "/");
  script = replaced(script, "/etc/systemd/system/", (folder / "units").string() + "/");
  script = replaced(script, "/run/systemd/system/", (folder / "run-units").string() + "/");
  for (const char* program : {"modprobe", "systemctl"})
    support::write_file_atomic(folder / program,
                               "#!/bin/sh\necho \"$*\" >>" + (folder / "loaded").string() + "\n", 0755);
  support::write_file_atomic(folder / "script", script);
  run_checked({.argv = {"sh", "-e", folder / "script"},
               .environment = {{"PATH", folder.string() + ":/usr/bin:/bin"}}});
}

TEST(GuestFiles, SettingsAreQuotedForSystemd) {
  const TempDir folder;
  support::write_file_atomic(folder.path() / "environment", "A=a b\nB=\"q\" \\ $X `id`\nC=\nD=x=y\n");
  run_debian_settings(folder.path());
  EXPECT_EQ("A=\"a b\"\nB=\"\\\"q\\\" \\\\ \\$X \\`id\\`\"\nC=\"\"\nD=\"x=y\"\n",
            support::read_file(folder.path() / "environment.systemd"));
  support::write_file_atomic(folder.path() / "environment", "");
  run_debian_settings(folder.path());
  EXPECT_EQ("", support::read_file(folder.path() / "environment.systemd"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "loaded"));
}

TEST(GuestFiles, SecretsBecomeCredentialsOfTheUnitsThatGetTheSettings) {
  const TempDir folder;
  const auto units = folder.path() / "units";
  std::filesystem::create_directories(units);
  std::filesystem::create_directories(folder.path() / "secrets");
  support::write_file_atomic(folder.path() / "environment", "");
  support::write_file_atomic(units / "orders.service",
                             "EnvironmentFile=-" + (folder.path() / "environment.systemd").string() + "\n");
  support::write_file_atomic(units / "other.service", "EnvironmentFile=/etc/default/other\n");
  support::write_file_atomic(folder.path() / "secrets/db", "x");
  support::write_file_atomic(folder.path() / "secrets/tls.key", "y");
  run_debian_settings(folder.path());
  const std::string secrets = (folder.path() / "secrets").string();
  EXPECT_EQ(
      "[Service]\nLoadCredential=db:" + secrets + "/db\nLoadCredential=tls.key:" + secrets + "/tls.key\n",
      support::read_file(folder.path() / "run-units/orders.service.d/vmimage-secrets.conf"));
  EXPECT_FALSE(std::filesystem::exists(folder.path() / "run-units/other.service.d"));
  EXPECT_EQ("daemon-reload\n", support::read_file(folder.path() / "loaded"));
}

TEST(GuestFiles, DriversOfNetworkCardsOnly) {
  const TempDir folder;
  const auto device = [&](const std::string& path, const char* kind, const char* what, const char* alias) {
    const auto place = folder.path() / "sys/bus" / path;
    std::filesystem::create_directories(place);
    support::write_file_atomic(place / kind, std::string(what) + "\n");
    support::write_file_atomic(place / "modalias", std::string(alias) + "\n");
  };
  device("pci/devices/0000:00:01.0", "class", "0x020000", "pci:network");
  device("pci/devices/0000:00:02.0", "class", "0x010000", "pci:disk");
  device("virtio/devices/virtio0", "device", "0x0001", "virtio:network");
  device("virtio/devices/virtio1", "device", "0x0002", "virtio:disk");
  device("acpi/devices/QEMU0002:00", "uid", "0", "acpi:QEMU0002");
  run_debian_settings(folder.path());
  const std::string options = "--all --use-blacklist --quiet ";
  EXPECT_EQ(options + "pci:network qemu_fw_cfg\n" + options + "virtio:network\n",
            support::read_file(folder.path() / "loaded"));
}

TEST(AddService, PutsUnitAndStateFolderIntoTheTree) {
  Tree tree;
  add_service(tree, orders(), "systemd", "/usr/bin/orders");
  ASSERT_TRUE(tree.contains("/etc/systemd/system/orders.service"));
  EXPECT_EQ(0644u, tree.at("/etc/systemd/system/orders.service").mode);
  const Node& wanted = tree.at("/etc/systemd/system/multi-user.target.wants/orders.service");
  EXPECT_EQ(filesystem::NodeType::Symlink, wanted.type);
  EXPECT_EQ("/etc/systemd/system/orders.service", wanted.content);
  const Node& state = tree.at("/var/lib/orders");
  EXPECT_EQ(filesystem::NodeType::Directory, state.type);
  EXPECT_EQ("orders", state.owner);
  Tree minimal;
  add_service(minimal, orders(), "busybox", "/usr/bin/orders");
  EXPECT_EQ(0755u, minimal.at("/usr/lib/vmimage/service").mode);
  EXPECT_FALSE(minimal.contains("/etc/systemd/system/orders.service"));
}

TEST(Service, StartsInTheFolderThatItNames) {
  recipe::Recipe recipe;
  recipe.name = recipe.service = recipe.user = "orders";
  recipe.command = {"/usr/bin/node", "server.js"};
  recipe.working_directory = "/usr/share/orders";
  const std::string unit = systemd_unit(recipe, "/usr/bin/node");
  EXPECT_TRUE(contains(unit, "\nWorkingDirectory=/usr/share/orders\n")) << unit;
  EXPECT_TRUE(contains(unit, "\nStateDirectory=orders\n")) << unit;
  const std::string script = busybox_script(recipe, "/usr/bin/node");
  EXPECT_TRUE(contains(script, "\ncd /usr/share/orders || exit 1\n")) << script;
}

}  // namespace
}  // namespace vmimage::rootfs
